//! Whole templates: our state against Terraform's, and what the API will show of them.

use regex::Regex;
use serde_json::Value as Json;

use super::*;
use rockpool::provisioner::types::WorkspaceTransition::{Destroy, Start, Stop};

const CASES: [&str; 11] = [
    "agent",
    "agents",
    "apps",
    "bare",
    "costly",
    "external_agent",
    "minimal",
    "parameters",
    "prebuilt",
    "rich",
    "task",
];

fn case(name: &str) -> Bench {
    Bench::new(tar_of_folder(&format!("cases/{name}")))
}

fn terraforms_state(name: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/templates/cases");
    std::fs::read(root.join(name).join("start.tfstate")).unwrap()
}

/// State without what is different every time: ids, the line and its number.
fn comparable(state: &[u8]) -> Json {
    let uuid = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let text = String::from_utf8(state.to_vec()).unwrap();
    let mut json: Json = serde_json::from_str(&uuid.replace_all(&text, "UUID")).unwrap();
    json["serial"] = Json::Null;
    for resource in json["resources"].as_array_mut().unwrap() {
        for instance in resource["instances"].as_array_mut().unwrap() {
            if let Some(paths) = instance["sensitive_attributes"].as_array_mut() {
                paths.sort_by_key(Json::to_string);
            }
        }
    }
    json.sort_all_objects();
    json
}

#[test]
fn starting_leaves_the_state_that_terraform_leaves() {
    for name in CASES {
        let mut bench = case(name);
        bench.build(Start);
        assert_eq!(comparable(&bench.state), comparable(&terraforms_state(name)), "{name}");
    }
}

#[test]
fn state_that_terraform_wrote_is_gone_on_with() {
    for name in CASES {
        let mut bench = case(name);
        bench.state = terraforms_state(name);
        let (_, planned) = bench.plan(Start, &Log::default()).unwrap();
        let plan: Json = serde_json::from_slice(&planned.plan).unwrap();
        for change in plan["resource_changes"].as_array().unwrap() {
            assert_eq!(change["change"]["actions"], serde_json::json!(["no-op"]), "{name}: {}", change["address"]);
        }
        let serial = bench.state_json()["serial"].as_u64().unwrap();
        let lineage = bench.state_json()["lineage"].clone();
        bench.build(Stop);
        assert!(bench.state_json()["serial"].as_u64().unwrap() >= serial, "{name}");
        assert_eq!(bench.state_json()["lineage"], lineage, "{name}");
        bench.build(Destroy);
        assert_eq!(bench.state_json()["resources"], serde_json::json!([]), "{name}");
    }
}

#[test]
fn stopping_unmakes_what_counts_starts_and_starting_again_makes_it_anew() {
    let mut bench = case("costly");
    bench.build(Start);
    let all = bench.managed();
    bench.build(Stop);
    assert_eq!(bench.managed(), ["coder_agent.main", "coder_metadata.disk", "terraform_data.disk"]);
    bench.build(Start);
    assert_eq!(bench.managed(), all);
}

#[test]
fn a_workspace_that_never_was_can_be_destroyed_whatever_its_template_says() {
    let mut bench = Bench::of("variable \"x\" {}\nresource \"coder_external_agent\" \"a\" {\n  agent_id = var.x\n}\n");
    assert!(bench.plan(Start, &Log::default()).is_err());
    let graph = bench.build(Destroy);
    assert_eq!((bench.state.len(), graph.resources.len(), graph.has_external_agents), (0, 0, true));
}

#[test]
fn an_agent_keeps_its_id_and_gets_a_token_each_build() {
    let mut bench = case("minimal");
    let agent = |graph: &GraphComplete| graph.resources.iter().flat_map(|r| &r.agents).next().unwrap().clone();
    let first = agent(&bench.build(Start));
    bench.build(Stop);
    let second = agent(&bench.build(Start));
    assert_eq!(first.id, second.id);
    assert_ne!(first.auth, second.auth);
    // A claimed workspace goes on with the token its agent runs with.
    let token = RunningAgentAuthToken { agent_id: first.id, token: "running".into() };
    bench.request.metadata.running_agent_auth_tokens = vec![token];
    bench.request.metadata.prebuilt_workspace_build_stage = PrebuiltWorkspaceBuildStage::Claim;
    assert_eq!(agent(&bench.build(Start)).auth, AgentAuth::Token("running".into()));
}

#[test]
fn a_plan_shows_resources_with_their_agents_and_what_belongs_to_those() {
    let (mut session, planned) = case("apps").plan(Start, &Log::default()).unwrap();
    assert_eq!(planned.daily_cost, 0);
    let graph = session.graph(GraphSource::Plan, &Log::default()).unwrap();
    let names: Vec<_> = graph.resources.iter().map(|r| format!("{}.{}", r.r#type, r.name)).collect();
    assert_eq!(names, ["coder_env.greeting", "terraform_data.vm"]);
    let agents = &graph.resources[1].agents;
    let brief: Vec<_> =
        agents.iter().map(|a| (a.name.as_str(), a.apps.len(), a.scripts.len(), a.extra_envs.len())).collect();
    assert_eq!(brief, [("aux", 0, 0, 0), ("main", 2, 2, 1)]);
    let main = &agents[1];
    assert_eq!((main.id.as_str(), main.directory.as_str()), ("", "/work"));
    assert_eq!(main.display_apps, DisplayApps { vscode: false, ..DisplayApps::default() });
    let editor = main.apps.iter().find(|a| a.slug == "editor").unwrap();
    assert_eq!(editor.sharing_level, AppSharingLevel::Authenticated);
    assert_eq!(editor.healthcheck.as_ref().map(|h| (h.interval, h.threshold)), Some((5, 6)));
    let docs = main.apps.iter().find(|a| a.slug == "docs").unwrap();
    assert_eq!((docs.display_name.as_str(), docs.external, docs.order), ("docs", true, 2));
}

#[test]
fn metadata_and_cost_are_those_of_the_nearest_resource() {
    let mut bench = case("costly");
    assert_eq!(bench.plan(Start, &Log::default()).unwrap().1.daily_cost, 12);
    let graph = bench.build(Start);
    let about = |name: &str| graph.resources.iter().find(|r| r.name == name).unwrap();
    assert_eq!(
        (about("disk").daily_cost, about("disk").icon.as_str(), about("disk").hide),
        (2, "/icon/database.svg", false)
    );
    assert_eq!((about("vm").daily_cost, about("vm").hide), (10, true));
    let kind = ResourceMetadata { key: "kind".into(), value: "disk".into(), sensitive: false, is_null: false };
    assert_eq!(about("disk").metadata, [kind]);
    assert_eq!(bench.plan(Stop, &Log::default()).unwrap().1.daily_cost, 2);
}

#[test]
fn parameters_and_presets_come_with_all_they_declare() {
    let graph = case("parameters").build(Start);
    let names: Vec<_> = graph.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["cpus", "debug", "region", "size", "tools"]);
    let cpus = &graph.parameters[0];
    assert_eq!((cpus.validation_min, cpus.validation_max, cpus.required), (Some(1), Some(8), false));
    assert_eq!((cpus.default_value.as_str(), cpus.validation_monotonic.as_str()), ("2", "increasing"));
    let region = &graph.parameters[2];
    assert_eq!((region.validation_min, region.validation_regex.as_str(), region.mutable), (None, "^[a-z]{2}$", false));
    let options: Vec<_> = graph.parameters[3].options.iter().map(|o| (o.name.as_str(), o.value.as_str())).collect();
    assert_eq!(options, [("Large", "large"), ("Small", "small")]);
    assert_eq!(graph.parameters[3].form_type, ParameterFormType::Radio);
    let values: Vec<_> = graph.presets[0].parameters.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
    assert_eq!((graph.presets[0].default, values), (true, vec![("cpus", "8"), ("size", "large")]));

    let graph = case("prebuilt").build(Start);
    let ready = graph.presets.iter().find(|p| p.name == "Ready").and_then(|p| p.prebuild.clone()).unwrap();
    assert_eq!((ready.instances, ready.expiration_policy), (1, Some(ExpirationPolicy { ttl: 86400 })));
    assert_eq!(ready.scheduling.unwrap().schedule, [Schedule { cron: "* 8-18 * * 1-5".into(), instances: 1 }]);
}

#[test]
fn chosen_values_reach_the_template_and_wrong_ones_do_not() {
    let mut bench = case("parameters");
    let value = |name: &str, value: &str| RichParameterValue { name: name.into(), value: value.into() };
    bench.request.rich_parameter_values = vec![value("size", "large"), value("cpus", "4")];
    bench.build(Start);
    let state = bench.state_json();
    let boxes =
        state["resources"].as_array().unwrap().iter().find(|r| r["name"] == "box" && r["type"] == "terraform_data");
    assert_eq!(boxes.unwrap()["instances"][0]["attributes"]["input"]["value"]["memory"], 16);
    for (name, wrong, why) in [
        ("size", "huge", "not one of the options"),
        ("cpus", "9", "more than the maximum 8"),
        ("cpus", "3", "must not be less than the previous value 4"),
        ("region", "europe", "two lower-case letters"),
        ("debug", "perhaps", "not of type \"bool\""),
    ] {
        bench.request.previous_parameter_values = vec![value(name, "4")];
        bench.request.rich_parameter_values = vec![value(name, wrong)];
        let failure = bench.plan(Start, &Log::default()).err().unwrap();
        assert_eq!(failure.message, "terraform plan: exit status 1");
        assert!(failure.detail.contains(why), "{name}: {}", failure.detail);
    }
}

#[test]
fn tasks_and_external_agents_are_found_even_when_none_is_made() {
    let mut bench = case("task");
    bench.request.metadata.task_id = "11111111-1111-4111-8111-111111111111".into();
    bench.request.metadata.task_prompt = "do it".into();
    let (_, planned) = bench.plan(Start, &Log::default()).unwrap();
    assert_eq!(planned.ai_task_count, 1);
    let graph = bench.build(Start);
    let app = &graph.resources.iter().flat_map(|r| &r.agents).next().unwrap().apps[0];
    assert_eq!(graph.ai_tasks[0].id, bench.request.metadata.task_id);
    assert_eq!(graph.ai_tasks[0].app_id, app.id);
    let stopped = bench.build(Stop);
    assert_eq!((stopped.has_ai_tasks, stopped.ai_tasks.len()), (true, 0));

    let mut bench = case("external_agent");
    let graph = bench.build(Start);
    assert!(graph.has_external_agents);
    assert_eq!(graph.resources.iter().find(|r| r.r#type == "coder_external_agent").unwrap().agents.len(), 1);
    assert!(bench.build(Stop).has_external_agents);
}

#[test]
fn timings_say_the_stage_then_what_happened_in_it() {
    let bench = case("agent");
    let log = Log::default();
    let (mut session, planned) = bench.plan(Start, &log).unwrap();
    let applied = session.apply(&log).unwrap();
    let brief = |timings: &[Timing]| -> Vec<String> {
        assert!(timings.iter().all(|t| t.start <= t.end && t.state == TimingState::Completed));
        timings.iter().map(|t| format!("{} {} {} {}", t.stage, t.action, t.source, t.resource)).collect()
    };
    assert_eq!(
        brief(&planned.timings),
        [
            "plan terraform coder coder_stage_plan",
            "plan read coder data.coder_workspace.me",
            "plan read coder data.coder_parameter.token_dir",
        ]
    );
    assert_eq!(
        brief(&applied.timings),
        [
            "apply terraform coder coder_stage_apply",
            "apply create coder coder_agent.main",
            "apply create coder coder_app.page",
            "apply create coder coder_app.plain",
            "apply create coder coder_script.ready",
            "apply provision terraform terraform_data.vm[0]",
            "apply create terraform terraform_data.vm[0]",
        ]
    );
}

#[test]
fn templates_in_json_say_the_same() {
    let text = r#"{
      "//": "a comment",
      "terraform": {"required_providers": {"coder": {"source": "coder/coder"}}},
      "variable": {"zone": {"type": "list(string)", "default": ["a", "b"]}},
      "locals": {"first": "${var.zone[0]}"},
      "data": {"coder_workspace": {"me": {}}, "coder_parameter": {"size": {
        "name": "size", "default": "small",
        "dynamic": {"option": {"for_each": "${toset([\"small\", \"large\"])}", "content": {"name": "${title(option.value)}", "value": "${option.value}"}}}
      }}},
      "resource": {
        "coder_agent": {"main": {"os": "linux", "arch": "amd64", "metadata": [{"key": "a", "script": "x", "interval": 1}, {"key": "b", "script": "y", "interval": 2}]}},
        "terraform_data": {"vm": {
          "count": "${data.coder_workspace.me.start_count}",
          "input": {"zone": "${local.first}", "agent": "${coder_agent.main.id}", "size": "${data.coder_parameter.size.value}"},
          "depends_on": ["coder_agent.main"]
        }}
      },
      "output": {"zone": {"value": "${local.first}!"}}
    }"#;
    let mut bench = Bench::new(tar_of(&[("main.tf.json", text)]));
    let graph = bench.build(Start);
    let agent = &graph.resources[0].agents[0];
    assert_eq!(agent.metadata.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(graph.parameters[0].options.len(), 2);
    let state = bench.state_json();
    assert_eq!(state["outputs"]["zone"]["value"], "a!");
    let vm = state["resources"].as_array().unwrap().iter().find(|r| r["name"] == "vm").unwrap();
    assert_eq!(vm["instances"][0]["attributes"]["input"]["value"]["size"], "small");
}

#[test]
fn modules_keep_their_names_apart_and_show_in_addresses() {
    let mut bench = case("rich");
    let mut session = bench.session(&Log::default()).unwrap();
    assert_eq!(session.parse(&Log::default()).unwrap().template_variables.len(), 3);
    let graph = bench.build(Start);
    let net = graph.resources.iter().find(|r| r.name == "net").unwrap();
    assert_eq!((net.r#type.as_str(), net.module_path.as_str()), ("terraform_data", "module.net"));
    assert_eq!(bench.state_json()["outputs"]["net"]["value"]["address"], "n-box:80 net");
}

/// Shortcuts do not count: `b` needs the agent, but through `a` as well, so `a` is nearer.
#[test]
fn an_agent_is_in_the_nearest_resource_that_needs_it() {
    let agent = "resource \"coder_agent\" \"main\" {\n  os = \"linux\"\n  arch = \"amd64\"\n}\n";
    let with = |rest: &str| format!("{agent}{rest}");
    for (text, want) in [
        (
            with(
                "resource \"terraform_data\" \"a\" {\n  input = coder_agent.main.id\n}\nresource \"terraform_data\" \"b\" {\n  input = [coder_agent.main.id, terraform_data.a.id]\n}\n",
            ),
            Some("a"),
        ),
        (
            with(
                "resource \"terraform_data\" \"z\" {\n  input = coder_agent.main.id\n}\nresource \"terraform_data\" \"b\" {\n  depends_on = [coder_agent.main]\n}\n",
            ),
            Some("b"),
        ),
        (
            with(
                "locals {\n  id = coder_agent.main.id\n}\nresource \"terraform_data\" \"far\" {\n  input = local.id\n}\n",
            ),
            Some("far"),
        ),
        (with("resource \"terraform_data\" \"apart\" {}\n"), None),
    ] {
        for from in [GraphSource::Plan, GraphSource::State] {
            let log = Log::default();
            let (mut session, _) = Bench::of(&text).plan(Start, &log).unwrap();
            session.apply(&log).unwrap();
            let graph = session.graph(from, &log).unwrap();
            let homes: Vec<_> =
                graph.resources.iter().filter(|r| !r.agents.is_empty()).map(|r| r.name.as_str()).collect();
            assert_eq!(homes, Vec::from_iter(want), "{text}");
        }
    }
}
