//! Commands that templates run: order, failures, cancellation, what is left behind.

use super::*;
use rockpool::provisioner::types::WorkspaceTransition::{Destroy, Start, Stop};

#[test]
fn the_local_template_runs_a_process_from_start_to_stop() {
    let bench = Bench::new(tar_of_folder("local"));
    let workspaces = bench.path("workspaces");
    let mut bench = bench.variable("workspaces_dir", &workspaces);
    let folder = format!("{workspaces}/{}", bench.request.metadata.workspace_id);
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    // A process that has ended may wait for init to take note.
    let stat = |pid: &str| std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    let alive = |pid: &str| stat(pid).is_ok_and(|s| !s.contains(") Z "));

    let graph = bench.build(Start);
    let agent = graph.resources.iter().flat_map(|r| &r.agents).next().unwrap();
    assert_eq!(AgentAuth::Token(read("token")), agent.auth);
    let first = read("pid");
    assert!(alive(&first));
    std::fs::write(format!("{folder}/home/kept"), "x").unwrap();

    bench.build(Start);
    let second = read("pid");
    assert!(!alive(&first) && alive(&second), "a build of a running workspace gives it the new token");

    bench.build(Stop);
    assert!(!alive(&second) && read("home/kept") == "x");
    bench.build(Start);
    let third = read("pid");
    bench.build(Destroy);
    assert!(!alive(&third) && !std::path::Path::new(&folder).exists());
    assert_eq!(bench.managed(), Vec::<String>::new());
}

#[test]
fn commands_see_the_template_the_build_and_their_own_environment() {
    let bench = Bench::new(tar_of(&[
        (
            "main.tf",
            r#"
            variable "out" {}
            resource "terraform_data" "x" {
              input = var.out
              provisioner "local-exec" {
                command     = "cat ${path.module}/sub/note > $OUT; echo $CODER_WORKSPACE_NAME $MORE >> $OUT; pwd"
                environment = { OUT = self.input, MORE = 5 }
              }
              provisioner "local-exec" {
                interpreter = ["/bin/sh", "-e", "-c"]
                working_dir = "sub"
                command     = "pwd; echo two >> ${self.output}"
              }
              provisioner "local-exec" {
                when    = destroy
                command = "rm ${self.output}"
              }
            }"#,
        ),
        ("sub/note", "a note\n"),
    ]));
    let out = bench.path("out");
    let mut bench = bench.variable("out", &out);
    let log = Log::default();
    bench.build_with(Start, &log).unwrap();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "a note\nbox 5\ntwo\n");
    let folders = log.with(&["/Session"]);
    assert!(folders.len() == 2 && folders[1].ends_with("/sub"), "{folders:?}");
    bench.build(Destroy);
    assert!(!std::path::Path::new(&out).exists());
    let left: Vec<_> = std::fs::read_dir(bench.path("work")).unwrap().collect();
    assert!(left.is_empty(), "sessions leave nothing behind: {left:?}");
}

const TWO: &str = r#"
    variable "make" { default = "true" }
    variable "unmake" { default = "true" }
    resource "terraform_data" "base" { input = "b" }
    resource "terraform_data" "top" {
      input            = { base = terraform_data.base.output, unmake = var.unmake }
      triggers_replace = var.make
      provisioner "local-exec" { command = var.make }
      provisioner "local-exec" {
        when    = destroy
        command = self.input.unmake
      }
    }
    resource "terraform_data" "after" { input = terraform_data.top.id }
    resource "terraform_data" "apart" {}
"#;

#[test]
fn a_failed_command_spoils_what_depends_on_it_and_nothing_else() {
    let mut bench = Bench::of(TWO).variable("make", "echo oh no; exit 3");
    let log = Log::default();
    let failure = bench.build_with(Start, &log).unwrap_err();
    assert_eq!(failure.message, "terraform apply: exit status 1");
    assert!(failure.detail.contains("exit status 3") && failure.detail.contains("main.tf:8"), "{}", failure.detail);
    assert!(log.text().contains("(local-exec): oh no"));
    assert_eq!(bench.managed(), ["terraform_data.apart", "terraform_data.base", "terraform_data.top"]);
    let state = bench.state_json();
    let status = |name: &str| {
        let all = state["resources"].as_array().unwrap();
        all.iter().find(|r| r["name"] == name).unwrap()["instances"][0]["status"].clone()
    };
    assert_eq!((status("top"), status("base")), ("tainted".into(), serde_json::Value::Null));

    // The next build makes it anew.
    bench.request.variable_values.clear();
    let log = Log::default();
    bench.build_with(Start, &log).unwrap();
    assert!(log.text().contains("terraform_data.top: Plan to replace"));
    assert_eq!(bench.managed().len(), 4);
}

#[test]
fn what_cannot_be_unmade_stays_with_what_it_needs() {
    let mut bench = Bench::of(TWO).variable("unmake", "exit 4");
    bench.build(Start);
    let failure = bench.build_with(Destroy, &Log::default()).unwrap_err();
    assert!(failure.detail.contains("exit status 4"), "{}", failure.detail);
    assert_eq!(bench.managed(), ["terraform_data.base", "terraform_data.top"]);
}

#[test]
fn things_are_unmade_in_the_opposite_order_and_replacements_come_when_the_lifecycle_says() {
    let template = |first: bool| {
        format!(
            r#"
            variable "v" {{}}
            resource "terraform_data" "a" {{
              triggers_replace = var.v
              lifecycle {{ create_before_destroy = {first} }}
            }}
            resource "terraform_data" "b" {{ triggers_replace = terraform_data.a.id }}
            "#
        )
    };
    let steps = |log: &Log| -> Vec<String> {
        let lines = log.with(&["Creating...", "Destroying..."]);
        lines.iter().map(|l| l.replace("terraform_data.", "").split("...").next().unwrap().to_owned()).collect()
    };
    for (first, want) in [
        (false, ["b: Destroying", "a: Destroying", "a: Creating", "b: Creating"]),
        (true, ["b: Destroying", "a: Creating", "b: Creating", "a: Destroying"]),
    ] {
        let mut bench = Bench::of(&template(first)).variable("v", "1");
        bench.build(Start);
        bench = bench.variable("v", "2");
        let log = Log::default();
        bench.build_with(Start, &log).unwrap();
        assert_eq!(steps(&log), want);
        let log = Log::default();
        bench.build_with(Destroy, &log).unwrap();
        assert_eq!(steps(&log), ["b: Destroying", "a: Destroying"]);
    }
}

#[test]
fn what_was_replaced_is_not_forgotten_when_its_replacement_fails() {
    let template = r#"
        variable "v" {}
        resource "terraform_data" "a" {
          input            = var.v
          triggers_replace = var.v
          lifecycle { create_before_destroy = true }
          provisioner "local-exec" { command = var.v == "bad" ? "exit 1" : "true" }
          provisioner "local-exec" {
            when    = destroy
            command = "echo gone ${self.output}"
          }
        }
    "#;
    let bad = || {
        let mut bench = Bench::of(template).variable("v", "good");
        bench.build(Start);
        bench = bench.variable("v", "bad");
        bench.build_with(Start, &Log::default()).unwrap_err();
        assert_eq!(bench.managed().len(), 2, "the old one and the failed one");
        bench
    };
    let gone = |log: &Log| log.with(&["(local-exec): gone"]).len();
    // Going on makes a third, and ends both.
    let mut bench = bad().variable("v", "better");
    let log = Log::default();
    bench.build_with(Start, &log).unwrap();
    assert_eq!((bench.managed().len(), gone(&log)), (1, 1), "what failed half-way has no last words");
    // Deleting ends both, too.
    let mut bench = bad();
    let log = Log::default();
    bench.build_with(Destroy, &log).unwrap();
    assert_eq!((bench.managed().len(), gone(&log)), (0, 1));
}

#[test]
fn folders_of_sessions_long_gone_are_removed() {
    let bench = Bench::of("");
    let folder = |name: &str, days: u64| {
        let path = bench.provisioner.work_dir.join(name);
        std::fs::create_dir_all(&path).unwrap();
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(days * 86_400);
        std::fs::File::open(&path).unwrap().set_modified(then).unwrap();
        path
    };
    let (old, young, other) = (folder("Session1", 8), folder("Session2", 6), folder("kept", 8));
    bench.session(&Log::default()).unwrap();
    assert!(!old.exists() && young.exists() && other.exists());
}

#[test]
fn a_failure_that_may_be_passed_over_is() {
    let mut bench = Bench::of(
        r#"resource "terraform_data" "x" {
             provisioner "local-exec" {
               command    = "exit 1"
               on_failure = continue
             }
           }"#,
    );
    let log = Log::default();
    bench.build_with(Start, &log).unwrap();
    let warned = log.lines.lock().unwrap().iter().any(|(level, _)| *level == LogLevel::Warn);
    assert!(warned);
}

#[test]
fn canceling_ends_the_running_command_and_keeps_what_was_made() {
    let mut bench = Bench::of(
        r#"
        resource "terraform_data" "first" {}
        resource "terraform_data" "slow" {
          input = terraform_data.first.id
          provisioner "local-exec" { command = "echo begun; sleep 600" }
        }
        resource "terraform_data" "never" { input = terraform_data.slow.id }
        "#,
    );
    let log = Log { cancel_at: Some("(local-exec): begun"), ..Log::default() };
    let began = std::time::Instant::now();
    let failure = bench.build_with(Start, &log).unwrap_err();
    assert!(began.elapsed().as_secs() < 60, "the command was waited for");
    assert!(failure.detail.contains("canceled"), "{}", failure.detail);
    assert_eq!(bench.managed(), ["terraform_data.first", "terraform_data.slow"]);
}

#[test]
fn secrets_do_not_reach_the_log() {
    let mut bench = Bench::of(
        r#"
        variable "secret" {
          sensitive = true
        }
        resource "terraform_data" "x" {
          input = var.secret
          provisioner "local-exec" { command = "echo ${var.secret}" }
        }
        "#,
    )
    .variable("secret", "s3cret-word");
    let log = Log::default();
    bench.build_with(Start, &log).unwrap();
    assert!(log.text().contains("output suppressed"));
    assert!(!log.text().contains("s3cret-word"), "{}", log.text());
}
