//! Forms of template versions: what they show for the values chosen and the owner, and how builds keep
//! to them.

use rockpool::sdk::{
    DynamicParametersResponse, FriendlyDiagnostic, PreviewParameter, TemplateVersion, Workspace,
    WorkspaceBuildParameter,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::templates::tar;
use crate::support::{Client, Server};

const FORM: &str = r#"
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}
variable "sizes" {
  type    = list(string)
  default = ["small", "large"]
}
locals {
  cloud = data.coder_parameter.kind.value == "cloud"
}
data "coder_parameter" "kind" {
  name         = "kind"
  display_name = "Kind"
  form_type    = "radio"
  default      = "local"
  mutable      = true
  order        = 1
  option {
    name  = "Local"
    value = "local"
    icon  = "/icon/home.svg"
  }
  option {
    name  = "Cloud"
    value = "cloud"
  }
}
data "coder_parameter" "size" {
  count     = local.cloud ? 1 : 0
  name      = "size"
  form_type = "dropdown"
  default   = var.sizes[0]
  mutable   = true
  order     = 2
  dynamic "option" {
    for_each = var.sizes
    content {
      name  = upper(option.value)
      value = option.value
    }
  }
}
data "coder_parameter" "cpus" {
  name      = "cpus"
  type      = "number"
  form_type = "slider"
  default   = local.cloud ? 4 : 2
  mutable   = true
  order     = 3
  validation {
    min   = 1
    max   = local.cloud ? 16 : 4
    error = "{value} is not between {min} and {max}"
  }
}
data "coder_parameter" "login" {
  name    = "login"
  default = data.coder_workspace_owner.me.name
  mutable = true
  order   = 4
  styling = jsonencode({ placeholder = "who", mask_input = true })
}
data "coder_parameter" "tools" {
  name      = "tools"
  type      = "list(string)"
  form_type = "multi-select"
  default   = jsonencode(["git"])
  mutable   = true
  order     = 5
  option {
    name  = "git"
    value = "git"
  }
  option {
    name  = "vim"
    value = "vim"
  }
}
"#;

const RULES: &str = r#"
data "coder_parameter" "must" {
  name    = "must"
  mutable = true
}
data "coder_parameter" "fixed" {
  name    = "fixed"
  default = "a"
}
data "coder_parameter" "once" {
  name      = "once"
  type      = "bool"
  default   = false
  mutable   = true
  ephemeral = true
}
data "coder_parameter" "pick" {
  name    = "pick"
  default = "one"
  mutable = true
  option {
    name  = "One"
    value = "one"
  }
  option {
    name  = "Two"
    value = "two"
  }
}
"#;

fn version_of(server: &Server, files: &[(&str, &str)]) -> TemplateVersion {
    server.owner().import(server.organization(), None, files)
}

fn ask(client: &Client, version: Uuid, owner: Uuid, inputs: Value) -> DynamicParametersResponse {
    let target = format!("/api/v2/templateversions/{version}/dynamic-parameters/evaluate");
    client.post(&target, json!({"id": 7, "inputs": inputs, "owner_id": owner})).ok(200)
}

/// `name=value` of each parameter, in order; `name?` where there is no value.
fn shown(form: &DynamicParametersResponse) -> String {
    let show = |p: &PreviewParameter| match p.value.valid {
        true => format!("{}={}", p.name, p.value.value),
        false => format!("{}?", p.name),
    };
    form.parameters.iter().flatten().map(show).collect::<Vec<_>>().join(" ")
}

fn texts(diagnostics: &[FriendlyDiagnostic]) -> Vec<String> {
    diagnostics.iter().map(|d| format!("{} {}", d.summary, d.detail)).collect()
}

#[test]
fn a_form_follows_the_values_chosen() {
    let server = Server::start();
    let version = version_of(&server, &[("main.tf", FORM)]).id;
    for (inputs, want, wrong) in [
        (json!({}), "kind=local cpus=2 login=owner tools=[\"git\"]", vec![]),
        (json!({"kind": "cloud"}), "kind=cloud size=small cpus=4 login=owner tools=[\"git\"]", vec![]),
        (
            json!({"kind": "cloud", "size": "large", "cpus": "16"}),
            "kind=cloud size=large cpus=16 login=owner tools=[\"git\"]",
            vec![],
        ),
        (
            json!({"size": "large", "cpus": "16"}),
            "kind=local cpus=16 login=owner tools=[\"git\"]",
            vec!["16 is not between 1 and 4"],
        ),
        (json!({"kind": "moon"}), "kind=moon cpus=2 login=owner tools=[\"git\"]", vec!["\"moon\""]),
        (json!({"cpus": "many"}), "kind=local cpus=many login=owner tools=[\"git\"]", vec!["many is not between"]),
        (json!({"tools": "[\"ed\"]"}), "kind=local cpus=2 login=owner tools=[\"ed\"]", vec!["\"ed\""]),
        (json!({"unknown": "x"}), "kind=local cpus=2 login=owner tools=[\"git\"]", vec![]),
    ] {
        let form = ask(&server.owner(), version, server.owner_id(), inputs.clone());
        assert_eq!(form.id, 0);
        assert_eq!(shown(&form), want, "{inputs}");
        assert!(form.diagnostics.is_empty(), "{inputs}: {:?}", form.diagnostics);
        let found: Vec<String> = form.parameters.iter().flatten().flat_map(|p| texts(&p.diagnostics)).collect();
        assert_eq!(found.len(), wrong.len(), "{inputs}: {found:?}");
        for (found, wrong) in found.iter().zip(wrong) {
            assert!(found.contains(wrong), "{inputs}: {found}");
        }
    }
}

#[test]
fn a_form_says_how_each_parameter_is_asked_for() {
    let server = Server::start();
    let version = version_of(&server, &[("main.tf", FORM)]).id;
    let form = ask(&server.owner(), version, server.owner_id(), json!({"kind": "cloud"}));
    let form = serde_json::to_value(form).unwrap();
    let parts = |pointer: &str| form.pointer(pointer).unwrap_or_else(|| panic!("{pointer}: {form:#}")).clone();
    for (pointer, want) in [
        ("/parameters/0/display_name", json!("Kind")),
        ("/parameters/0/form_type", json!("radio")),
        ("/parameters/0/options/0/icon", json!("/icon/home.svg")),
        ("/parameters/1/options/1/name", json!("LARGE")),
        ("/parameters/1/options/1/value", json!({"value": "large", "valid": true})),
        ("/parameters/2/default_value", json!({"value": "4", "valid": true})),
        ("/parameters/2/validations/0/validation_max", json!(16)),
        ("/parameters/2/validations/0/validation_regex", json!(null)),
        ("/parameters/3/styling", json!({"placeholder": "who", "mask_input": true})),
        ("/parameters/3/form_type", json!("input")),
        ("/parameters/4/type", json!("list(string)")),
    ] {
        assert_eq!(parts(pointer), want, "{pointer}");
    }
}

#[test]
fn a_form_is_for_an_owner_whom_the_caller_may_see() {
    let server = Server::start();
    let (ann, client) = server.user("ann", &[]);
    let template = server.template("form", &[("main.tf", FORM)]);
    let version = template.active_version_id;
    let login = |form: &DynamicParametersResponse| {
        form.parameters.iter().flatten().find(|p| p.name == "login").map(|p| p.value.value.clone())
    };
    assert_eq!(login(&ask(&client, version, ann.id, json!({}))).as_deref(), Some("ann"));
    assert_eq!(login(&ask(&server.owner(), version, ann.id, json!({}))).as_deref(), Some("ann"));
    let form = ask(&server.owner(), version, Uuid::from_u128(1), json!({}));
    assert!(form.parameters.is_none());
    let codes: Vec<&str> = form.diagnostics.iter().map(|d| d.extra.code.as_str()).collect();
    assert_eq!(codes, ["owner_not_found"]);
}

#[test]
fn a_form_kept_open_answers_each_request_by_its_number() {
    let server = Server::start();
    let version = version_of(&server, &[("main.tf", FORM)]).id;
    let (ann, _) = server.user("ann", &[]);
    let target = format!("/api/v2/templateversions/{version}/dynamic-parameters");
    let mut form = server.owner().messages(&target);
    let first: DynamicParametersResponse = form.next().unwrap();
    assert_eq!((first.id, shown(&first).as_str()), (-1, "kind=local cpus=2 login=owner tools=[\"git\"]"));
    for (request, want) in [
        (json!({"id": 1, "inputs": {"cpus": "3"}}), "kind=local cpus=3 login=owner tools=[\"git\"]"),
        (json!({"id": 2, "owner_id": ann.id}), "kind=local cpus=2 login=ann tools=[\"git\"]"),
        (json!({"id": 3, "inputs": {"cpus": "1"}}), "kind=local cpus=1 login=ann tools=[\"git\"]"),
    ] {
        form.send(&request);
        let answer: DynamicParametersResponse = form.next().unwrap();
        assert_eq!(json!(answer.id), request["id"]);
        assert_eq!(shown(&answer), want, "{request}");
    }
    let mut of_ann = server.owner().messages(&format!("{target}?user_id={}", ann.id));
    let first: DynamicParametersResponse = of_ann.next().unwrap();
    assert!(shown(&first).contains("login=ann"), "{first:?}");
    server.owner().get(&format!("{target}?user_id=ann")).refused(400);
    server.owner().get(&target).expect(426);
}

fn parameters_of(client: &Client, build: Uuid) -> String {
    let mut values: Vec<WorkspaceBuildParameter> =
        client.get(&format!("/api/v2/workspacebuilds/{build}/parameters")).ok(200);
    values.sort_by(|a, b| a.name.cmp(&b.name));
    values.iter().map(|v| format!("{}={}", v.name, v.value)).collect::<Vec<_>>().join(" ")
}

fn chosen(values: &[(&str, &str)]) -> Value {
    values.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

#[test]
fn builds_keep_to_the_form() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("rules", &[("main.tf", RULES)]);
    let make = |name: &str, values: &[(&str, &str)]| {
        let body = json!({"template_id": template.id, "name": name, "rich_parameter_values": chosen(values)});
        owner.post("/api/v2/users/me/workspaces", body)
    };
    for (values, want) in [
        (&[] as &[_], &["must"] as &[_]),
        (&[("must", "a"), ("once", "maybe")], &["once"]),
        (&[("once", "x"), ("pick", "three")], &["must", "once", "pick"]),
    ] {
        assert_eq!(make("refused", values).invalid(), want, "{values:?}");
    }
    let workspace: Workspace = make("box", &[("must", "a"), ("once", "true"), ("gone", "x")]).ok(201);
    let first = owner.wait_for_build(workspace.latest_build.id);
    assert_eq!(parameters_of(&owner, first.id), "fixed=a must=a once=true pick=one");

    let target = format!("/api/v2/workspaces/{}/builds", workspace.id);
    let build = |values: &[(&str, &str)]| {
        owner.post(&target, json!({"transition": "start", "rich_parameter_values": chosen(values)}))
    };
    let refused = build(&[("fixed", "b")]);
    assert_eq!(refused.invalid(), ["fixed"]);
    // What is ephemeral is asked for anew; all else stays.
    let second: rockpool::sdk::WorkspaceBuild = build(&[("fixed", "a"), ("pick", "two")]).ok(201);
    owner.wait_for_build(second.id);
    assert_eq!(parameters_of(&owner, second.id), "fixed=a must=a once=false pick=two");
}

#[test]
fn a_parameter_added_later_is_pinned_at_its_default() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("grows", &[("main.tf", RULES)]);
    let body = json!({"template_id": template.id, "name": "box", "rich_parameter_values": chosen(&[("must", "a")])});
    let workspace: Workspace = owner.post("/api/v2/users/me/workspaces", body).ok(201);
    owner.wait_for_build(workspace.latest_build.id);
    let more = format!("{RULES}\ndata \"coder_parameter\" \"late\" {{\n  name = \"late\"\n  default = \"1\"\n}}\n");
    let version = owner.import(server.organization(), Some(template.id), &[("main.tf", &more)]);
    let body = json!({"transition": "start", "template_version_id": version.id});
    let build: rockpool::sdk::WorkspaceBuild =
        owner.post(&format!("/api/v2/workspaces/{}/builds", workspace.id), body).ok(201);
    owner.wait_for_build(build.id);
    assert_eq!(parameters_of(&owner, build.id), "fixed=a late=1 must=a once=false pick=one");
}

#[test]
fn versions_take_the_tags_their_template_says() {
    let server = Server::start();
    let owner = server.owner();
    let post = |files: &[(&str, &str)], values: Value| {
        let file = owner.upload(&tar(files), "application/x-tar");
        let body = json!({
            "storage_method": "file", "file_id": file, "provisioner": "terraform", "tags": {"asked": "1", "empty": ""},
            "user_variable_values": values,
        });
        owner.post(&format!("/api/v2/organizations/{}/templateversions", server.organization()), body)
    };
    let main = r#"
variable "zone" {
  type    = string
  default = "a"
}
variable "none" {
  type = string
}
data "coder_workspace" "me" {}
data "coder_parameter" "cpus" {
  name    = "cpus"
  type    = "number"
  default = 4
}
data "coder_workspace_tags" "x" {
  tags = {
    "zone"  = "z-${var.zone}"
    "sum"   = data.coder_parameter.cpus.value + 6
    "big"   = !(data.coder_parameter.cpus.value > 8)
    "asked" = "0"
    TAG
  }
}
"#;
    let zone = |value: &str| json!([{"name": "zone", "value": value}, {"name": "none", "value": "x"}]);
    let version: TemplateVersion = post(&[("main.tf", &main.replace("TAG", ""))], zone("b")).ok(201);
    let tags: Vec<String> = version.job.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(tags, ["asked=1", "big=true", "owner=", "scope=organization", "sum=10", "zone=z-b"]);
    for tag in ["bad = var.none", "bad = data.coder_workspace.me.name", "bad = [1]"] {
        let refused = post(&[("main.tf", &main.replace("TAG", tag))], json!([]));
        assert_eq!(refused.invalid(), ["bad"], "{tag}");
    }
    for (wrong, part) in [
        ("data \"coder_parameter\" \"b\" {\n  name = \"cpus\"\n  default = \"1\"\n}\n", "main.tf"),
        ("data \"coder_parameter\" \"b\" {\n  name = \"b\"\n  type = \"colour\"\n}\n", "colour"),
    ] {
        let refused = post(&[("main.tf", &main.replace("TAG", "")), ("more.tf", wrong)], zone("b")).refused(400);
        assert!(refused.detail.contains(part), "{refused:?}");
    }
    let preset =
        "data \"coder_workspace_preset\" \"p\" {\n  name = \"P\"\n  parameters = { cpus = \"x\", no = \"1\" }\n}\n";
    assert_eq!(post(&[("main.tf", &main.replace("TAG", "")), ("more.tf", preset)], zone("b")).invalid(), ["P"]);
}

#[test]
fn a_build_is_for_the_provisioners_that_its_values_ask_for() {
    let server = Server::start();
    let main = r#"
variable "kind" {
  default = "k"
}
data "coder_parameter" "zone" {
  name    = "zone"
  default = ""
  mutable = true
}
data "coder_workspace_tags" "x" {
  tags = {
    zone = data.coder_parameter.zone.value == "" ? null : "${var.kind}-${data.coder_parameter.zone.value}"
  }
}
"#;
    let template = server.template("zoned", &[("main.tf", main)]);
    let body = json!({"template_id": template.id, "name": "box", "rich_parameter_values": chosen(&[("zone", "eu")])});
    let workspace: Workspace = server.owner().post("/api/v2/users/me/workspaces", body).ok(201);
    let tags: Vec<String> = workspace.latest_build.job.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(tags, ["owner=", "scope=organization", "zone=k-eu"]);
}
