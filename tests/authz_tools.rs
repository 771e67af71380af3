//! `rockpool authz` as a process: what it prints, how it ends, and what it knows of a deployment.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rockpool::sdk;
use serde_json::{Value, json};

use crate::support::Options;
use crate::support::postgres;

/// Runs `rockpool authz`, with the database of a data directory.
fn authz(data_dir: &Path, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    command.arg("authz").args(args).env_clear().env("HOME", data_dir).env("ROCKPOOL_DATA_DIR", data_dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command runs");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it prints text")
}

fn document(deny: &str) -> String {
    let subjects = json!([
        {"name": "ann", "id": "ann-id", "roles": ["member", "organization-member:acme"]},
        {"name": "root", "id": "root-id", "roles": ["owner"]},
    ]);
    let object = json!({"type": "workspace", "id": "w1", "owner": "ann-id", "org": "acme"});
    let cases = json!([
        {"name": "one's own workspace", "object": object, "actions": ["read", "update"], "allow": ["ann", "root"], "deny": []},
        {"name": "licences", "object": {"type": "license"}, "actions": ["read"], "allow": [], "deny": [deny]},
    ]);
    json!({"subjects": subjects, "cases": cases}).to_string()
}

#[test]
fn a_document_is_checked_from_a_file_and_from_standard_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = authz(folder.path(), &["check", "-"], &document("ann"));
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert_eq!(text(&good.stdout), "All 2 cases hold (5 checks).\n");

    let file = folder.path().join("cases.json");
    std::fs::write(&file, document("root")).expect("to write");
    let file = file.to_str().expect("text");
    let bad = authz(folder.path(), &["check", file], "");
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(
        text(&bad.stdout),
        "licences\n  root read license: expected deny, got allow: \
         the site permission license:* of the role owner grants it\n\
         1 of 2 cases do not hold (1 of 5 checks).\n"
    );

    let bad = authz(folder.path(), &["check", "-o", "json", file], "");
    assert_eq!(bad.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&bad.stdout).expect("JSON");
    assert_eq!((&told["cases"], &told["checks"], &told["failed_cases"]), (&json!(2), &json!(5), &json!(1)));
    assert_eq!(
        told["failures"],
        json!([{
            "case": "licences", "subject": "root", "action": "read", "resource_type": "license",
            "expected": "deny", "actual": "allow", "rule": "role",
            "reason": "the site permission license:* of the role owner grants it",
        }])
    );

    for (args, input, status, why) in [
        (&["check", "-"][..], "{", Some(1), "not a document"),
        (&["check", "/nowhere"], "", Some(1), "cannot read /nowhere"),
        (&["check"], "", Some(2), "file is missing"),
        (&["chek"], "", Some(2), "did you mean \"check\""),
    ] {
        let output = authz(folder.path(), args, input);
        assert_eq!(output.status.code(), status, "{args:?}");
        assert!(text(&output.stderr).contains(why), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_rule_behind_a_decision_is_told_while_the_server_runs() {
    if postgres::skips("the command is pointed at the file in the data directory") {
        return;
    }
    let server = Options::default().process().start();
    let data_dir = server.folder().join("data");
    let owner = server.owner();
    let organization = server.organization();
    let (ann, _) = server.user("ann", &[]);
    let users_of_acme: sdk::Organization = owner.get("/api/v2/organizations/default").ok(200);
    let explain = |args: &[&str]| {
        let output = authz(&data_dir, &[&["explain", "-o", "json"], args].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let workspace = json!({"type": "workspace", "org": organization, "owner": ann.id}).to_string();
    let own = explain(&["ann", "create", &workspace]);
    assert_eq!((&own["allowed"], &own["rule"]), (&json!(true), &json!("role")));
    let want = format!(
        "the organization member permission workspace:* of the role organization-member:{} grants it",
        users_of_acme.name
    );
    assert_eq!(own["reason"], want);
    let scoped = explain(&["ann", "create", &workspace, "--scope", "template:read"]);
    assert_eq!((&scoped["allowed"], &scoped["rule"]), (&json!(false), &json!("scope")));
    let other = explain(&["ann", "delete", &format!("user:{}", server.owner_id())]);
    assert_eq!((&other["allowed"], &other["rule"]), (&json!(false), &json!("no_grant")));
    assert_eq!(explain(&[&ann.email, "read", &format!("user:{}", ann.id)])["allowed"], true);
    for (args, status, why) in [
        (&["explain", "nobody", "read", "license"][..], Some(1), "there is no user nobody"),
        (&["explain", "ann", "burn", "license"], Some(2), "no action of a license"),
        (&["explain", "ann", "read", "castle"], Some(2), "no resource type \"castle\""),
    ] {
        let output = authz(&data_dir, args, "");
        assert_eq!(output.status.code(), status, "{args:?}");
        assert!(text(&output.stderr).contains(why), "{args:?}: {}", text(&output.stderr));
    }
}
