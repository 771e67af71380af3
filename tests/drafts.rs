//! What a version shows of a plan that has not been made to happen, beside what a workspace of it shows: words that only
//! the making decides, and the places an application is reached at.

use rockpool::sdk::{DynamicParametersResponse, ProvisionerJobStatus, Response, TemplateVersion, Workspace};
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::templates::{SMALLEST, tar};

const TEMPLATE: &str = r#"
terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
data "coder_workspace_owner" "me" {}
variable "of" {
  type    = object({ a = string, b = optional(number) })
  default = { a = "x" }
}
variable "once" {
  type    = set(string)
  default = ["b", "a", "b"]
}
data "coder_workspace_preset" "plain" {
  name = "plain"
}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "coder_app" "word" {
  agent_id  = coder_agent.main.id
  slug      = "editor"
  url       = "http://localhost:1"
  subdomain = true
}
resource "coder_app" "port" {
  agent_id  = coder_agent.main.id
  slug      = "8080s"
  url       = "http://localhost:8080"
  subdomain = true
}
resource "terraform_data" "vm" {
  input = coder_agent.main.id
}
resource "coder_metadata" "vm" {
  resource_id = terraform_data.vm.id
  item {
    key   = "roles"
    value = jsonencode([for role in data.coder_workspace_owner.me.rbac_roles : role.name])
  }
  item {
    key   = "token"
    value = coder_agent.main.token
  }
  item {
    key = "nothing"
  }
}
"#;

fn agent_of(resources: &Value) -> &Value {
    let mut all = resources.as_array().unwrap().iter();
    &all.find(|r| r["name"] == "vm").expect("the resource")["agents"][0]
}

fn hosts(resources: &Value) -> Vec<(&str, &str)> {
    let apps = agent_of(resources)["apps"].as_array().unwrap().iter();
    let mut out: Vec<_> =
        apps.map(|a| (a["slug"].as_str().unwrap(), a["subdomain_name"].as_str().unwrap_or_default())).collect();
    out.sort_unstable();
    out
}

fn about(resources: &Value) -> Vec<(&str, bool)> {
    let mut all = resources.as_array().unwrap().iter();
    let shown = &all.find(|r| r["name"] == "vm").expect("the resource")["metadata"];
    let items = shown.as_array().unwrap().iter();
    items.map(|m| (m["key"].as_str().unwrap(), m["value"] != "")).collect()
}

#[test]
fn a_version_shows_what_is_decided_and_a_workspace_all() {
    let server = Server::start();
    let template = server.template("drafted", &[("main.tf", TEMPLATE)]);
    let owner = server.owner();
    let of = |part: &str| -> Value {
        owner.get(&format!("/api/v2/templateversions/{}/{part}", template.active_version_id)).expect(200).json()
    };
    let planned = of("resources");
    assert_eq!(hosts(&planned), [("8080s", ""), ("editor", "")], "no workspace, no host");
    assert_eq!(
        about(&planned),
        [("roles", true), ("token", false), ("nothing", false)],
        "absent or unknown: not said yet"
    );
    assert_eq!(of("presets")[0]["Parameters"], Value::Null);
    let variables = of("variables");
    let defaults: Vec<&str> =
        variables.as_array().unwrap().iter().map(|v| v["default_value"].as_str().unwrap()).collect();
    assert_eq!(defaults, [r#"{"a":"x"}"#, r#"["b","a","b"]"#], "as written, not as they are used");

    let (_, mel) = server.user("mel", &["auditor"]);
    let made = mel.workspace(template.id, "box");
    let shown: Workspace = mel.get(&format!("/api/v2/workspaces/{}", made.id)).ok(200);
    let resources = json!(shown.latest_build.resources);
    assert_eq!(hosts(&resources), [("8080s", "8080s--main--box--mel"), ("editor", "editor--box--mel")]);
    assert_eq!(about(&resources), [("roles", true), ("token", true)], "what has no value is left out");
    let vm = resources.as_array().unwrap().iter().find(|r| r["name"] == "vm").unwrap();
    assert_eq!(vm["metadata"][0]["value"], r#"["auditor","member","organization-member"]"#);
}

#[test]
fn a_script_without_an_occasion_is_planned_and_fails_its_build() {
    let server = Server::start();
    let script = "resource \"coder_agent\" \"main\" {\n  os = \"linux\"\n  arch = \"amd64\"\n}\n\
         resource \"coder_script\" \"s\" {\n  agent_id = coder_agent.main.id\n  display_name = \"s\"\n  script = \"x\"\n";
    for more in ["}\n", "  cron = \"0 0 3 * * *\"\n  start_blocks_login = true\n}\n"] {
        let text = format!(
            "terraform {{\n  required_providers {{\n    coder = {{ source = \"coder/coder\" }}\n  }}\n}}\n{script}{more}"
        );
        let template = server.template(if more.len() > 2 { "blocks" } else { "never" }, &[("main.tf", &text)]);
        let client = server.owner();
        let body = json!({"template_id": template.id, "name": template.name});
        let made: Workspace = client.post("/api/v2/users/me/workspaces", body).ok(201);
        let build = client.wait_for_build(made.latest_build.id);
        assert_eq!(build.job.status, ProvisionerJobStatus::Failed, "{more}");
    }
}

#[test]
fn null_answers_of_a_form_are_empty_ones() {
    let server = Server::start();
    let text = "terraform {\n  required_providers {\n    coder = { source = \"coder/coder\" }\n  }\n}\n\
         data \"coder_parameter\" \"a\" {\n  name = \"a\"\n  default = \"x\"\n}\n";
    let template = server.template("form", &[("main.tf", text)]);
    let owner = server.owner();
    let path = format!("/api/v2/templateversions/{}/dynamic-parameters/evaluate", template.active_version_id);
    let ask = |value: Value| -> DynamicParametersResponse {
        owner.post(&path, json!({"id": 1, "owner_id": server.owner_id(), "inputs": {"a": value}})).ok(200)
    };
    assert_eq!(json!(ask(Value::Null)), json!(ask("".into())));
    let refused: Response = owner.post(&path, json!({"inputs": {"a": 1}})).refused(400);
    assert!(refused.detail.contains("inputs.a"), "{refused:?}");
}

#[test]
fn bounds_alone_are_left_to_the_template_in_the_classic_flow() {
    let server = Server::start();
    let owner = server.owner();
    for (name, more, status) in [("bare", "", 201), ("worded", "    error = \"from 3\"\n", 400)] {
        let text = format!(
            "terraform {{\n  required_providers {{\n    coder = {{ source = \"coder/coder\" }}\n  }}\n}}\n\
             data \"coder_parameter\" \"a\" {{\n  name = \"a\"\n  type = \"number\"\n  default = 5\n  validation {{\n    min = 3\n    max = 9\n{more}  }}\n}}\n"
        );
        let template = server.template(name, &[("main.tf", &text)]);
        let kept =
            json!({"use_classic_parameter_flow": true, "allow_user_autostart": true, "allow_user_autostop": true});
        owner.patch(&format!("/api/v2/templates/{}", template.id), kept).expect(200);
        let body =
            json!({"template_id": template.id, "name": name, "rich_parameter_values": [{"name": "a", "value": "2"}]});
        let made = owner.post("/api/v2/users/me/workspaces", body);
        if status == 400 {
            made.refused(400);
            continue;
        }
        let made: Workspace = made.ok(201);
        assert_eq!(owner.wait_for_build(made.latest_build.id).job.status, ProvisionerJobStatus::Failed);
    }
}

#[test]
fn whoever_has_the_tags_of_a_version_counts_for_it() {
    let server = Server::start();
    let owner = server.owner();
    let file = owner.upload(&tar(SMALLEST), "application/x-tar");
    let body = json!({"storage_method": "file", "file_id": file, "provisioner": "echo"});
    let path = format!("/api/v2/organizations/{}/templateversions", server.organization());
    let asked: TemplateVersion = owner.post(&path, body).ok(201);
    let matched = asked.matched_provisioners.expect("a version that waits says who may take it");
    assert_eq!((matched.count, matched.available), (1, 1), "though none runs echo");
}
