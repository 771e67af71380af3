//! Templates and their versions, from an uploaded archive to the end of a template.

use rockpool::sdk::{
    ArchiveTemplateVersionsResponse, ProvisionerJob, ProvisionerJobStatus, Template, TemplateExample, TemplateVersion,
    Workspace,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::templates::{SMALLEST, tar};
use crate::support::{Client, Options, Server};

/// A server whose jobs stay where they are posted.
fn without_provisioners() -> Server {
    Options::default().argument("--provisioner-daemons=0").start()
}

fn versions_path(server: &Server) -> String {
    format!("/api/v2/organizations/{}/templateversions", server.organization())
}

fn templates_path(server: &Server) -> String {
    format!("/api/v2/organizations/{}/templates", server.organization())
}

/// Asks for a version with more said, without waiting for its import.
fn ask(server: &Server, client: &Client, text: &str, more: Value) -> TemplateVersion {
    client.post(&versions_path(server), asked_for(client, text, more)).ok(201)
}

fn asked_for(client: &Client, text: &str, more: Value) -> Value {
    let file = client.upload(&tar(&[("main.tf", text)]), "application/x-tar");
    let mut body = json!({"storage_method": "file", "file_id": file, "provisioner": "terraform"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A template of a version that nobody has imported.
fn waiting_template(server: &Server, client: &Client, name: &str, more: Value) -> Template {
    let version = ask(server, client, SMALLEST[0].1, json!({}));
    let mut body = json!({"name": name, "template_version_id": version.id});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post(&templates_path(server), body).ok(201)
}

fn names(found: &[Template]) -> Vec<&str> {
    found.iter().map(|template| template.name.as_str()).collect()
}

const FULL: &str = r#"
variable "zone" {
  description = "Where"
  type        = string
}
variable "key" {
  type      = string
  sensitive = true
  default   = "secret"
}
data "coder_parameter" "size" {
  name         = "size"
  display_name = "Size"
  description  = "How **big**"
  type         = "number"
  default      = "2"
  mutable      = true
  validation {
    min       = 1
    max       = 4
    monotonic = "increasing"
  }
}
data "coder_parameter" "region" {
  name    = "region"
  default = "eu"
  option {
    name  = "Europe"
    value = "eu"
  }
  option {
    name  = "America"
    value = "us"
  }
}
data "coder_workspace_preset" "large" {
  name       = "Large"
  default    = true
  parameters = { size = "4", region = "us" }
}
data "coder_workspace_tags" "where" {
  tags = { zone = var.zone, region = data.coder_parameter.region.value }
}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "null_resource" "box" {
  triggers = { agent = coder_agent.main.id }
}
"#;

#[test]
fn an_import_tells_what_a_version_is_made_of() {
    let server = Server::start();
    let owner = server.owner();
    let files = [
        (
            "main.tf",
            &FULL
                .replace("data \"coder_workspace_tags\"", "locals {}\ndata \"coder_workspace\"")
                .replace("tags = { zone = var.zone, region = data.coder_parameter.region.value }", "")[..],
        ),
        ("README.md", "# Full\n"),
    ];
    let file = owner.upload(&tar(&files), "application/x-tar");
    let body = json!({
        "storage_method": "file", "file_id": file, "provisioner": "terraform", "message": "hello",
        "user_variable_values": [{"name": "zone", "value": "b"}],
    });
    let asked: TemplateVersion = owner.post(&versions_path(&server), body).ok(201);
    assert_eq!((asked.message.as_str(), asked.template_id), ("hello", Some(Uuid::nil())));
    assert!(!asked.name.is_empty(), "a version without a name gets one");
    let version = owner.wait_for_version(asked.id);
    assert_eq!(version.job.status, ProvisionerJobStatus::Succeeded, "{}", version.job.error);
    assert_eq!(version.readme, "# Full\n");

    let of = |part: &str| owner.get(&format!("/api/v2/templateversions/{}/{part}", version.id)).expect(200).json();
    let parameters = of("rich-parameters");
    assert_eq!(parameters[0]["name"], "region");
    assert_eq!(parameters[0]["options"][1], json!({"name": "America", "description": "", "value": "us", "icon": ""}));
    let size = &parameters[1];
    assert_eq!((&size["description"], &size["description_plaintext"]), (&json!("How **big**"), &json!("How big")));
    let rules = [&size["validation_min"], &size["validation_max"], &size["validation_monotonic"]];
    assert_eq!(rules, [&json!(1), &json!(4), &json!("increasing")]);
    let variables = of("variables");
    assert_eq!((&variables[0]["name"], &variables[0]["value"]), (&json!("key"), &json!("*redacted*")));
    assert_eq!((&variables[1]["value"], &variables[1]["required"]), (&json!("b"), &json!(true)));
    let presets = of("presets");
    assert_eq!((&presets[0]["Name"], &presets[0]["Default"]), (&json!("Large"), &json!(true)));
    assert_eq!(presets[0]["Parameters"], json!([{"Name": "region", "Value": "us"}, {"Name": "size", "Value": "4"}]));
    assert_eq!(of("resources")[0]["agents"][0]["name"], "main");
    for part in ["external-auth", "schema", "parameters"] {
        assert_eq!(of(part), json!([]), "{part}");
    }
    let lines = of("logs");
    let followed = owner.follow_logs(&format!("/api/v2/templateversions/{}/logs", version.id));
    assert_eq!(followed.len(), lines.as_array().unwrap().len());
    let last = followed.last().unwrap().id;
    assert_eq!(of(&format!("logs?after={last}")), json!([]));
}

#[test]
fn a_version_asks_for_the_tags_that_its_template_says() {
    let server = without_provisioners();
    let owner = server.owner();
    let zone = json!([{"name": "zone", "value": "b"}]);
    for (more, want) in [
        (json!({"user_variable_values": zone}), json!({"zone": "b", "region": "eu"})),
        (
            json!({"user_variable_values": zone, "tags": {"zone": "z", "odd": "1"}}),
            json!({"zone": "z", "region": "eu", "odd": "1"}),
        ),
        (
            json!({"user_variable_values": zone, "tags": {"scope": "user"}}),
            json!({"zone": "b", "region": "eu", "scope": "user", "owner": server.owner_id()}),
        ),
    ] {
        let made = ask(&server, &owner, FULL, more);
        let mut all = json!({"scope": "organization", "owner": ""});
        all.as_object_mut().unwrap().extend(want.as_object().unwrap().clone());
        assert_eq!(json!(made.job.tags), all);
        assert_eq!(made.matched_provisioners.unwrap().count, 0);
    }
    let refused = owner.post(&versions_path(&server), asked_for(&owner, FULL, json!({})));
    assert_eq!(refused.invalid(), ["zone"]);
}

#[test]
fn what_is_asked_for_wrongly_is_refused_with_the_field() {
    let server = without_provisioners();
    let owner = server.owner();
    for (change, status, fields) in [
        (json!({"file_id": Uuid::nil()}), 400, &["file_id", "example_id"][..]),
        (json!({"file_id": "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a"}), 404, &[]),
        (json!({"storage_method": "ftp"}), 400, &["storage_method"]),
        (json!({"provisioner": "chef"}), 400, &["provisioner"]),
        (json!({"template_id": "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a"}), 404, &[]),
        (json!({"example_id": "scratch"}), 400, &[]),
        (json!({"file_id": null, "example_id": "no-such-example"}), 400, &[]),
        (json!({"name": "with space"}), 400, &["name"]),
        (json!({"message": "m".repeat(1_048_577)}), 400, &["message"]),
        (json!({"tags": {"scope": 7}}), 400, &[]),
    ] {
        let answer =
            owner.post(&versions_path(&server), asked_for(&owner, SMALLEST[0].1, change.clone())).refused(status);
        let found: Vec<_> = answer.validations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(found, fields, "{change}");
    }
}

#[test]
fn an_example_is_imported_like_an_upload() {
    let server = without_provisioners();
    let owner = server.owner();
    let examples: Vec<TemplateExample> = owner.get("/api/v2/templates/examples").ok(200);
    assert!(examples.iter().any(|example| example.id == "scratch" && !example.markdown.is_empty()));
    let body = json!({"storage_method": "file", "example_id": "scratch", "provisioner": "terraform"});
    let made: [TemplateVersion; 2] = std::array::from_fn(|_| owner.post(&versions_path(&server), &body).ok(201));
    assert_eq!(made[0].job.file_id, made[1].job.file_id);
    owner.get(&format!("/api/v2/files/{}", made[0].job.file_id)).expect(200);
}

#[test]
fn an_import_that_fails_says_where_and_keeps_the_version_readable() {
    let server = Server::start();
    let owner = server.owner();
    let text = "resource \"terraform_data\" \"x\" {\n  input = tonumber(\"many\")\n}\n";
    let version = owner.import(server.organization(), None, &[("main.tf", text)]);
    assert_eq!(version.job.status, ProvisionerJobStatus::Failed);
    assert!(!version.job.error.is_empty());
    let lines = owner.get(&format!("/api/v2/templateversions/{}/logs", version.id)).expect(200).json();
    assert!(lines.to_string().contains("main.tf"), "{lines}");
    for (part, want) in [("resources", json!([])), ("rich-parameters", json!([])), ("presets", Value::Null)] {
        assert_eq!(owner.get(&format!("/api/v2/templateversions/{}/{part}", version.id)).expect(200).json(), want);
    }
    let dry_run = format!("/api/v2/templateversions/{}/dry-run", version.id);
    owner.post(&dry_run, json!({"workspace_name": "x"})).expect(201);
}

#[test]
fn hostile_archives_do_not_get_out_of_their_folder() {
    let server = Server::start();
    let owner = server.owner();
    let escaping = crate::support::templates::zip(&[("main.tf", ""), ("../../../../tmp/rockpool-was-here", "x")]);
    let file = owner.upload(&escaping, "application/zip");
    let body = json!({"storage_method": "file", "file_id": file, "provisioner": "terraform"});
    let version: TemplateVersion = owner.post(&versions_path(&server), body).ok(201);
    let version = owner.wait_for_version(version.id);
    assert_eq!(version.job.status, ProvisionerJobStatus::Failed);
    assert!(version.job.error.contains("rockpool-was-here"), "{}", version.job.error);
    assert!(!std::path::Path::new("/tmp/rockpool-was-here").exists());
}

#[test]
fn an_import_that_waits_can_be_canceled_once() {
    let server = without_provisioners();
    let owner = server.owner();
    let version = ask(&server, &owner, SMALLEST[0].1, json!({}));
    let path = format!("/api/v2/templateversions/{}", version.id);
    for (part, status) in [("resources", 400), ("rich-parameters", 425), ("variables", 403)] {
        owner.get(&format!("{path}/{part}")).refused(status);
    }
    owner.post(&format!("{path}/dry-run"), json!({"workspace_name": "x"})).refused(425);
    owner.patch(&format!("{path}/cancel"), json!({})).expect(200);
    let read: TemplateVersion = owner.get(&path).ok(200);
    assert_eq!(read.job.status, ProvisionerJobStatus::Canceled);
    owner.patch(&format!("{path}/cancel"), json!({})).refused(400);
    assert_eq!(owner.follow_logs(&format!("{path}/logs")).len(), 0);
}

#[test]
fn versions_are_named_listed_and_found() {
    let server = without_provisioners();
    let owner = server.owner();
    let template = waiting_template(&server, &owner, "plain", json!({}));
    let base = format!("/api/v2/templates/{}/versions", template.id);
    let first = template.active_version_id;
    owner
        .patch(&format!("/api/v2/templateversions/{first}"), json!({"name": "first", "message": "the first"}))
        .expect(200);
    let mut ids = vec![first];
    for name in ["second", "third"] {
        ids.push(ask(&server, &owner, SMALLEST[0].1, json!({"template_id": template.id, "name": name})).id);
    }
    let listed = |query: &str| -> Vec<Uuid> {
        let found: Vec<TemplateVersion> = owner.get(&format!("{base}{query}")).ok(200);
        found.into_iter().map(|version| version.id).collect()
    };
    assert_eq!(listed(""), ids);
    assert_eq!(listed("?limit=1&offset=1"), ids[1..2]);
    assert_eq!(listed(&format!("?after_id={first}")), ids[1..]);
    assert!(listed("?offset=9").is_empty());
    for query in ["?limit=-1", "?limit=x", "?offset=-1", "?after_id=x", "?include_archived=maybe"] {
        let field = query[1..].split('=').next().unwrap();
        assert_eq!(owner.get(&format!("{base}{query}")).invalid(), [field], "{query}");
    }
    owner.get(&format!("{base}?after_id=3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a")).refused(400);

    let by_name = format!("{}/plain/versions", templates_path(&server));
    for path in [&base, &by_name] {
        let found: TemplateVersion = owner.get(&format!("{path}/second")).ok(200);
        assert_eq!((found.id, found.template_id), (ids[1], Some(template.id)));
        owner.get(&format!("{path}/Second")).refused(404);
    }
    let previous: TemplateVersion = owner.get(&format!("{by_name}/second/previous")).ok(200);
    assert_eq!(previous.id, first);
    owner.get(&format!("{by_name}/first/previous")).refused(404);

    let second = format!("/api/v2/templateversions/{}", ids[1]);
    assert_eq!(owner.patch(&second, json!({"name": "third"})).invalid(), ["name"]);
    let body = asked_for(&owner, SMALLEST[0].1, json!({"template_id": template.id, "name": "third"}));
    assert_eq!(owner.post(&versions_path(&server), body).refused(409).validations[0].field, "name");
    let kept: TemplateVersion = owner.patch(&second, json!({})).ok(200);
    assert_eq!(kept.name, "second");
}

#[test]
fn only_good_versions_of_the_template_are_promoted_or_archived() {
    let server = Server::start();
    let owner = server.owner();
    let organization = server.organization();
    let template = owner.template(organization, "plain", SMALLEST);
    let import = |text: &str| owner.import(organization, Some(template.id), &[("main.tf", text)]).id;
    let good = import("resource \"null_resource\" \"other\" {}\n");
    let unused = import("resource \"null_resource\" \"unused\" {}\n");
    let broken = import("resource {");
    let loose = owner.import(organization, None, SMALLEST).id;
    let path = format!("/api/v2/templates/{}/versions", template.id);
    for (id, status) in [(broken, 403), (loose, 400), (Uuid::from_u128(7), 404)] {
        owner.patch(&path, json!({"id": id})).refused(status);
    }
    assert_eq!(owner.patch(&path, json!({})).invalid(), ["id"]);
    owner.patch(&path, json!({"id": good})).expect(200);
    let read: Template = owner.get(&format!("/api/v2/templates/{}", template.id)).ok(200);
    assert_eq!(read.active_version_id, good);

    let archive = |id: Uuid, verb: &str| owner.post(&format!("/api/v2/templateversions/{id}/{verb}"), json!({}));
    archive(good, "archive").refused(409);
    archive(loose, "archive").refused(400);
    archive(unused, "archive").expect(200);
    archive(unused, "archive").refused(400);
    owner.patch(&path, json!({"id": unused})).refused(400);
    archive(unused, "unarchive").expect(200);
    let bulk = |all: bool| -> Vec<Uuid> {
        let done: ArchiveTemplateVersionsResponse = owner.post(&format!("{path}/archive"), json!({"all": all})).ok(200);
        done.archived_ids.unwrap_or_default()
    };
    assert_eq!(bulk(false), [broken]);
    let workspace = owner.workspace(template.id, "at-good");
    assert_eq!(workspace.latest_build.template_version_id, good);
    owner.patch(&path, json!({"id": template.active_version_id})).expect(200);
    assert_eq!(bulk(true), [unused], "a workspace is at the other one");
    let listed: Vec<TemplateVersion> = owner.get(&path).ok(200);
    assert_eq!(listed.len(), 2);
    let listed: Vec<TemplateVersion> = owner.get(&format!("{path}?include_archived=true")).ok(200);
    assert_eq!(listed.len(), 4);
}

#[test]
fn a_dry_run_plans_a_workspace_and_makes_none() {
    let server = Server::start();
    let owner = server.owner();
    let text = FULL
        .replace("variable \"zone\" {", "variable \"zone\" {\n  default = \"a\"")
        .replace("zone = var.zone, region = data.coder_parameter.region.value", "");
    let version = owner.import(server.organization(), None, &[("main.tf", &text)]);
    assert_eq!(version.job.status, ProvisionerJobStatus::Succeeded, "{}", version.job.error);
    let base = format!("/api/v2/templateversions/{}/dry-run", version.id);
    let run = |values: Value| -> (String, ProvisionerJob) {
        let made: ProvisionerJob =
            owner.post(&base, json!({"workspace_name": "maybe", "rich_parameter_values": values})).ok(201);
        let path = format!("{base}/{}", made.id);
        owner.follow_logs(&format!("{path}/logs"));
        let ended = owner.get(&path).ok(200);
        (path, ended)
    };
    let (path, ended) = run(json!([{"name": "size", "value": "3"}]));
    assert_eq!(ended.status, ProvisionerJobStatus::Succeeded, "{}", ended.error);
    assert_eq!(owner.get(&format!("{path}/resources")).expect(200).json()[0]["agents"][0]["name"], "main");
    owner.get(&format!("{path}/matched-provisioners")).expect(200);
    owner.patch(&format!("{path}/cancel"), json!({})).refused(400);
    let (_, ended) = run(json!([{"name": "size", "value": "9"}]));
    assert_eq!(ended.status, ProvisionerJobStatus::Failed);
    owner.get(&format!("{base}/{}", version.job.id)).refused(403);
    owner.get(&format!("{base}/x")).refused(400);
    owner.get(&format!("{base}/{}", Uuid::from_u128(7))).refused(404);
}

#[test]
fn every_setting_of_a_template_is_kept() {
    let server = without_provisioners();
    let owner = server.owner();
    let settings = json!({
        "display_name": "The Full One", "description": "All of it", "icon": "/icon/full.svg", "default_ttl_ms": 3_600_000,
        "activity_bump_ms": 1_800_000, "autostop_requirement": {"days_of_week": ["saturday", "sunday"], "weeks": 2},
        "autostart_requirement": {"days_of_week": ["monday", "friday"]}, "allow_user_cancel_workspace_jobs": true,
        "allow_user_autostart": false, "allow_user_autostop": false, "failure_ttl_ms": 60_000, "require_active_version": true,
        "max_port_share_level": "public", "cors_behavior": "passthru",
    });
    let mut create = settings.clone();
    let more =
        json!({"dormant_ttl_ms": 120_000, "delete_ttl_ms": 180_000, "template_use_classic_parameter_flow": true});
    create.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = waiting_template(&server, &owner, "full", create);
    let path = format!("/api/v2/templates/{}", made.id);
    let read = owner.get(&path).expect(200).json();
    assert_eq!(json!(made), read);
    let mut want = settings.clone();
    let more = json!({
        "time_til_dormant_ms": 120_000, "time_til_dormant_autodelete_ms": 180_000, "use_classic_parameter_flow": true,
    });
    want.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    for (key, value) in want.as_object().unwrap() {
        assert_eq!(&read[key], value, "{key}");
    }

    want["name"] = json!("full");
    assert!(owner.patch(&path, &want).expect(304).answer.body.is_empty());
    for (key, value) in [
        ("display_name", json!("")),
        ("default_ttl_ms", json!(0)),
        ("autostop_requirement", json!({"days_of_week": [], "weeks": 1})),
        ("autostart_requirement", json!({"days_of_week": ["tuesday"]})),
        ("time_til_dormant_ms", json!(0)),
        ("max_port_share_level", json!("owner")),
        ("cors_behavior", json!("simple")),
        ("require_active_version", json!(false)),
        ("deprecation_message", json!("Use another")),
        ("name", json!("renamed")),
    ] {
        want[key] = value.clone();
        let changed = owner.patch(&path, &want).expect(200).json();
        assert_eq!(changed[key], value, "{key}");
    }
    let read: Template = owner.get(&path).ok(200);
    assert!(read.deprecated && read.updated_at > made.updated_at);
    let emptied: Template = owner.patch(&path, json!({"description": "Only this"})).ok(200);
    assert_eq!((emptied.name.as_str(), emptied.display_name.as_str()), ("renamed", ""));
    assert_eq!(
        (emptied.activity_bump_ms, emptied.failure_ttl_ms, emptied.allow_user_cancel_workspace_jobs),
        (0, 0, false)
    );
    assert_eq!(emptied.autostart_requirement.days_of_week, ["tuesday"]);
}

#[test]
fn settings_that_cannot_be_are_refused_by_their_fields() {
    let server = without_provisioners();
    let owner = server.owner();
    let taken = waiting_template(&server, &owner, "taken", json!({}));
    let spare = ask(&server, &owner, SMALLEST[0].1, json!({})).id;
    let days = |days: &[&str], weeks: i64| json!({"days_of_week": days, "weeks": weeks});
    let create = |change: &Value| {
        let mut body = json!({"name": "new-one", "template_version_id": spare});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        owner.post(&templates_path(&server), body)
    };
    for (change, status, fields) in [
        (json!({"name": "TAKEN"}), 409, &["name"][..]),
        (json!({"name": "under_score"}), 400, &["name"]),
        (json!({"name": "new"}), 400, &["name"]),
        (json!({"template_version_id": Uuid::from_u128(7)}), 404, &["template_version_id"]),
        (json!({"template_version_id": taken.active_version_id}), 400, &["template_version_id"]),
        (json!({"template_version_id": null}), 400, &["template_version_id"]),
        (json!({"description": "d".repeat(129)}), 400, &["description"]),
        (json!({"default_ttl_ms": -1, "activity_bump_ms": -1}), 400, &["default_ttl_ms", "activity_bump_ms"]),
        (
            json!({"autostop_requirement": days(&["someday"], 17)}),
            400,
            &["autostop_requirement.days_of_week", "autostop_requirement.weeks"],
        ),
        (
            json!({"max_port_share_level": "everyone", "cors_behavior": "odd"}),
            400,
            &["max_port_share_level", "cors_behavior"],
        ),
    ] {
        let refused = create(&change).refused(status);
        let found: Vec<_> = refused.validations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(found, fields, "{change}");
    }
    create(&json!({})).expect(201);

    let path = format!("/api/v2/templates/{}", taken.id);
    for (change, status, fields) in [
        (json!({"name": "NEW-ONE"}), 409, &["name"][..]),
        (json!({"name": "with space"}), 400, &["name"]),
        (json!({"failure_ttl_ms": 59_999, "time_til_dormant_ms": 1}), 400, &["failure_ttl_ms", "time_til_dormant_ms"]),
        (json!({"autostart_requirement": {"days_of_week": ["funday"]}}), 400, &["autostart_requirement.days_of_week"]),
        (json!({"max_port_share_level": "all"}), 400, &["max_port_sharing_level"]),
    ] {
        let refused = owner.patch(&path, &change).refused(status);
        let found: Vec<_> = refused.validations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(found, fields, "{change}");
    }
    let read = owner.get(&path).expect(200).json();
    assert_eq!(read, json!(taken), "what was refused changed nothing");
}

#[test]
fn templates_are_found_by_what_is_known_of_them() {
    let server = without_provisioners();
    let owner = server.owner();
    let alpha = waiting_template(&server, &owner, "alpha", json!({"display_name": "First Letter"}));
    waiting_template(&server, &owner, "alphabet", json!({"display_name": "All Letters"}));
    let beta = waiting_template(&server, &owner, "beta", json!({}));
    owner.patch(&format!("/api/v2/templates/{}", beta.id), json!({"deprecation_message": "old"})).expect(200);
    let gone = waiting_template(&server, &owner, "gone", json!({}));
    owner.delete(&format!("/api/v2/templates/{}", gone.id)).expect(200);

    let ids = format!("ids:{},{}", alpha.id, beta.id);
    let organization = format!("organization:{}", server.organization());
    for (query, want) in [
        ("", &["alpha", "alphabet"][..]),
        ("letter", &["alpha", "alphabet"]),
        ("first letter", &["alpha"]),
        ("name:ALPHA", &["alpha", "alphabet"]),
        ("exact_name:Alpha", &["alpha"]),
        (r#"exact_display_name:"all letters""#, &["alphabet"]),
        ("deprecated:true", &["beta"]),
        ("beta deprecated:true", &["beta"]),
        ("deleted:true", &["gone"]),
        ("author:me", &["alpha", "alphabet"]),
        ("author:OWNER name:bet", &["alphabet"]),
        ("author:nobody", &[]),
        (&ids, &["alpha"]),
        (&organization, &["alpha", "alphabet"]),
        ("has-ai-task:true", &[]),
    ] {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        for path in ["/api/v2/templates", &templates_path(&server)] {
            let found: Vec<Template> = owner.get(&format!("{path}?q={query}")).ok(200);
            assert_eq!(names(&found), want, "{query}");
        }
    }
    for (query, field) in [
        ("colour:red", "colour"),
        ("ids:x", "ids"),
        ("deprecated:maybe", "deprecated"),
        ("organization:nowhere", "organization"),
        ("author_id:x", "author_id"),
        ("name:", "q"),
        (":alpha", "q"),
        ("a:b:c", "q"),
        ("name:a name:b", "name"),
    ] {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        assert_eq!(owner.get(&format!("/api/v2/templates?q={query}")).invalid(), [field], "{query}");
    }
    let found: Template = owner.get(&format!("{}/ALPHA", templates_path(&server))).ok(200);
    assert_eq!(found.id, alpha.id);
    for path in [format!("/api/v2/templates/{}", gone.id), format!("{}/gone", templates_path(&server))] {
        owner.get(&path).refused(404);
    }
    waiting_template(&server, &owner, "gone", json!({}));
}

#[test]
fn a_template_goes_when_its_last_workspace_has_gone() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("plain", SMALLEST);
    let workspace = owner.workspace(template.id, "box");
    let path = format!("/api/v2/templates/{}", template.id);
    let read: Template = owner.get(&path).ok(200);
    assert_eq!(read.active_user_count, 1);
    owner.delete(&path).refused(400);
    owner.build(workspace.id, "delete");
    owner.delete(&path).expect(200);
    owner.delete(&path).refused(404);
    owner.patch(&path, json!({})).refused(404);
    let version: TemplateVersion =
        owner.get(&format!("/api/v2/templateversions/{}", template.active_version_id)).ok(200);
    assert_eq!(version.template_id, Some(template.id), "its history stays");
}

#[test]
fn the_use_of_a_template_is_told_by_the_day() {
    let server = without_provisioners();
    let owner = server.owner();
    let template = waiting_template(&server, &owner, "plain", json!({}));
    let path = format!("/api/v2/templates/{}/daus", template.id);
    let told = owner.get(&format!("{path}?tz_offset=5")).expect(200).json();
    assert_eq!(told["tz_hour_offset"], 5);
    let entries = told["entries"].as_array().unwrap();
    assert!((60..=61).contains(&entries.len()) && entries.iter().all(|day| day["amount"] == 0));
    assert_eq!(owner.get(&format!("{path}?tz_offset=x")).invalid(), ["tz_offset"]);
}

#[test]
fn access_lists_decide_who_sees_and_changes_a_template() {
    let server = without_provisioners();
    let owner = server.owner();
    let template = waiting_template(&server, &owner, "hidden", json!({"disable_everyone_group_access": true}));
    let (mel, as_mel) = server.user("mel", &[]);
    let path = format!("/api/v2/templates/{}", template.id);
    let acl = format!("{path}/acl");
    as_mel.get(&path).refused(404);
    let listed: Vec<Template> = as_mel.get("/api/v2/templates").ok(200);
    assert!(listed.is_empty());

    let everyone = server.organization();
    for (perms, sees, changes) in [
        (json!({"user_perms": {mel.id.to_string(): "use"}}), true, false),
        (json!({"user_perms": {mel.id.to_string(): "admin"}}), true, true),
        (json!({"user_perms": {mel.id.to_string(): ""}, "group_perms": {everyone.to_string(): "use"}}), true, false),
        (json!({"group_perms": {everyone.to_string(): "", Uuid::from_u128(7).to_string(): ""}}), false, false),
    ] {
        owner.patch(&acl, &perms).expect(200);
        as_mel.get(&path).expect(if sees { 200 } else { 404 });
        let change = as_mel.patch(&path, json!({"description": perms.to_string().len().to_string()}));
        change.expect(if changes {
            200
        } else if sees {
            403
        } else {
            404
        });
        as_mel.get(&acl).expect(if changes {
            200
        } else if sees {
            403
        } else {
            404
        });
    }

    owner
        .patch(&acl, json!({"user_perms": {mel.id.to_string(): "admin"}, "group_perms": {everyone.to_string(): "use"}}))
        .expect(200);
    let told = owner.get(&acl).expect(200).json();
    assert_eq!((&told["users"][0]["username"], &told["users"][0]["role"]), (&json!("mel"), &json!("admin")));
    assert_eq!((&told["group"][0]["id"], &told["group"][0]["role"]), (&json!(everyone), &json!("use")));
    assert_eq!(told["group"][0]["total_member_count"], 2);
    let available = owner.get(&format!("{acl}/available?q=mel")).expect(200).json();
    assert_eq!(available["users"].as_array().unwrap().len(), 1);
    assert_eq!(available["groups"][0]["id"], json!(everyone));

    for (perms, fields) in [
        (json!({"user_perms": {mel.id.to_string(): "boss"}}), &["user_perms"][..]),
        (json!({"user_perms": {"x": "use"}, "group_perms": {"y": "use"}}), &["group_perms", "user_perms"]),
        (json!({"group_perms": {Uuid::from_u128(7).to_string(): "use"}}), &["group_perms"]),
    ] {
        assert_eq!(owner.patch(&acl, &perms).invalid(), fields, "{perms}");
    }
}

#[test]
fn a_version_without_a_template_is_for_those_who_make_templates() {
    let server = without_provisioners();
    let owner = server.owner();
    let loose = ask(&server, &owner, SMALLEST[0].1, json!({}));
    let template = waiting_template(&server, &owner, "plain", json!({}));
    let (_, member) = server.user("mel", &[]);
    let (_, admin) = server.user("ted", &["template-admin"]);
    for (client, version, read, change) in [
        (&member, loose.id, 404, 404),
        (&member, template.active_version_id, 200, 403),
        (&admin, loose.id, 200, 200),
        (&admin, template.active_version_id, 200, 200),
    ] {
        let path = format!("/api/v2/templateversions/{version}");
        for part in ["", "/logs", "/presets"] {
            client.get(&format!("{path}{part}")).expect(read);
        }
        client.patch(&path, json!({"message": "mine"})).expect(change);
        client.patch(&format!("{path}/cancel"), json!({})).expect(change);
        let archive = client.post(&format!("{path}/archive"), json!({}));
        assert!(archive.answer.status >= 400);
    }
    let body = asked_for(&admin, SMALLEST[0].1, json!({}));
    member.post(&versions_path(&server), &body).refused(404);
    member.post(&templates_path(&server), json!({"name": "mine", "template_version_id": loose.id})).refused(404);
    member.delete(&format!("/api/v2/templates/{}", template.id)).refused(403);
    member.get("/api/v2/templates/examples").refused(404);
    server.anonymous().get(&format!("/api/v2/templates/{}", template.id)).refused(401);
}

#[test]
fn without_a_licence_templates_keep_what_only_a_licence_sets() {
    let server = Options::default().argument("--provisioner-daemons=0").set("ROCKPOOL_LICENSING", "enforced").start();
    let owner = server.owner();
    let made = waiting_template(
        &server,
        &owner,
        "plain",
        json!({
            "default_ttl_ms": 60_000, "failure_ttl_ms": 60_000, "require_active_version": true,
            "autostart_requirement": {"days_of_week": ["monday"]},
        }),
    );
    assert_eq!((made.default_ttl_ms, made.failure_ttl_ms, made.require_active_version), (60_000, 0, false));
    assert_eq!(made.autostart_requirement.days_of_week.len(), 7);
    let path = format!("/api/v2/templates/{}", made.id);
    let changed: Template = owner
        .patch(&path, json!({"default_ttl_ms": 1000, "deprecation_message": "old", "time_til_dormant_ms": 60_000}))
        .ok(200);
    assert_eq!((changed.default_ttl_ms, changed.deprecated, changed.time_til_dormant_ms), (1000, false, 0));
    assert_eq!(owner.patch(&path, json!({"max_port_share_level": "owner"})).invalid(), ["max_port_sharing_level"]);
    owner.get(&format!("{path}/acl")).refused(403);
}

#[test]
fn a_new_schedule_moves_the_times_of_the_workspaces_there_are() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("plain", SMALLEST);
    let path = format!("/api/v2/templates/{}", template.id);
    let body = json!({
        "template_id": template.id, "name": "box", "ttl_ms": 3_600_000, "autostart_schedule": "CRON_TZ=UTC 30 9 * * 1-5",
    });
    let made: Workspace = owner.post("/api/v2/users/me/workspaces", body).ok(201);
    owner.wait_for_build(made.latest_build.id);
    let read = || -> Workspace { owner.get(&format!("/api/v2/workspaces/{}", made.id)).ok(200) };
    let before = read();
    let deadline = before.latest_build.deadline;
    assert!(deadline.is_some() && before.next_start_at.is_some());

    let mut settings =
        json!({"allow_user_autostart": true, "allow_user_autostop": true, "activity_bump_ms": 3_600_000});
    settings["default_ttl_ms"] = json!(7_200_000);
    owner.patch(&path, &settings).expect(200);
    assert_eq!(read().latest_build.deadline, deadline, "who chose a time keeps it");
    settings["autostart_requirement"] = json!({"days_of_week": ["sunday"]});
    owner.patch(&path, &settings).expect(200);
    assert_eq!(read().next_start_at, None);
    settings["allow_user_autostop"] = json!(false);
    owner.patch(&path, &settings).expect(200);
    let after = read();
    assert_eq!((after.ttl_ms, after.latest_build.deadline), (Some(7_200_000), deadline));
    settings["default_ttl_ms"] = json!(0);
    owner.patch(&path, &settings).expect(200);
    let after = read();
    assert_eq!((after.ttl_ms, after.latest_build.deadline), (Some(0), None), "it may run on for good");
}
