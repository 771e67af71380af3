//! Templates that are refused: each with one message that says what, in which file, on which line.

use super::*;
use rockpool::provisioner::types::WorkspaceTransition::Start;

/// Why a template is refused, by the phase that does it.
fn refusal(files: &[(&str, &str)]) -> (&'static str, Failure) {
    let bench = Bench::new(tar_of(files));
    let log = Log::default();
    let mut session = match bench.session(&log) {
        Ok(session) => session,
        Err(failure) => return ("init", failure),
    };
    if let Err(failure) = session.plan(bench.request.clone(), &log) {
        return ("plan", failure);
    }
    match session.graph(GraphSource::Plan, &log) {
        Ok(_) => panic!("nothing is wrong with {files:?}"),
        Err(failure) => ("graph", failure),
    }
}

#[test]
fn what_needs_terraform_is_named_with_its_place() {
    for (text, want) in [
        (
            "\nresource \"docker_container\" \"box\" {\n}\n",
            "main.tf:2: resource \"docker_container\" \"box\" needs Terraform: the embedded provisioner does not have the provider \"docker\"",
        ),
        ("provider \"coder\" {\n  url = \"https://x\"\n}\n", "main.tf:2: provider \"coder\" needs Terraform"),
        ("provider \"aws\" {\n}\n", "main.tf:1: provider \"aws\" needs Terraform"),
        ("data \"http\" \"x\" {\n}\n", "main.tf:1: data \"http\" \"x\" needs Terraform"),
        ("data \"coder_nothing\" \"x\" {\n}\n", "the type \"coder_nothing\""),
        (
            "module \"x\" {\n  source = \"registry.coder.com/coder/code-server/coder\"\n}\n",
            "main.tf:1: module \"x\" needs Terraform",
        ),
        ("terraform {\n  backend \"s3\" {}\n}\n", "main.tf:2: terraform needs Terraform"),
        ("import {\n}\n", "main.tf:1: import needs Terraform"),
        (
            "terraform {\n  required_providers {\n    coder = { source = \"else/coder\" }\n  }\n}\n",
            "main.tf:3: required_providers needs Terraform",
        ),
        (
            "resource \"terraform_data\" \"x\" {\n  provisioner \"remote-exec\" {\n  }\n}\n",
            "main.tf:2: resource \"terraform_data\" \"x\" needs Terraform: the embedded provisioner does not have the provisioner \"remote-exec\"",
        ),
        (
            "resource \"terraform_data\" \"x\" {\n  lifecycle {\n    precondition {\n    }\n  }\n}\n",
            "main.tf:3: resource \"terraform_data\" \"x\" needs Terraform",
        ),
        (
            "resource \"terraform_data\" \"x\" {\n  input = {\n    a = bcrypt(\"x\")\n  }\n}\n",
            "main.tf:3: resource \"terraform_data\" \"x\" needs Terraform: the embedded provisioner does not have the function \"bcrypt\"",
        ),
        ("locals {\n  a = try(provider::x::y(1), 2)\n}\n", "main.tf:2: locals needs Terraform"),
    ] {
        let (_, failure) = refusal(&[("main.tf", text)]);
        assert!(failure.message.contains(want), "{text}\n{}", failure.message);
        assert!(!failure.message.contains('\n'));
    }
}

#[test]
fn what_does_not_parse_fails_the_init() {
    for (name, text, want) in [
        ("main.tf", "resource \"coder_agent\" \"main\" {\n  os =\n}\n", "main.tf:2"),
        ("main.tf", "resource {", "main.tf:1"),
        ("main.tf.json", "{\n  \"resource\": [,]\n}", "main.tf.json:2"),
        ("main.tf", "nonsense \"x\" {\n}\n", "main.tf:1: blocks of type \"nonsense\""),
        ("main.tf", "a = 1\n", "main.tf:1"),
        (
            "main.tf",
            "variable \"x\" {}\n\nvariable \"x\" {}\n",
            "main.tf:3: there is another variable \"x\" at main.tf:1",
        ),
        ("main.tf", "variable \"x\" {\n  type = text\n}\n", "main.tf:2"),
        ("main.tf", "variable \"x\" {\n  type = number\n  default = \"many\"\n}\n", "main.tf:3"),
        (
            "main.tf",
            "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {}\n}\n",
            "main.tf:2: local-exec needs a command",
        ),
    ] {
        let (phase, failure) = refusal(&[(name, text)]);
        assert_eq!((phase, failure.message.as_str()), ("init", "initialize terraform: exit status 1"), "{text}");
        assert!(failure.detail.contains(want), "{text}\n{}", failure.detail);
    }
}

#[test]
fn what_makes_no_sense_fails_the_plan() {
    let agent = "resource \"coder_agent\" \"main\" {\n  os = \"linux\"\n  arch = \"amd64\"\n";
    let with = |rest: &str| format!("{agent}{rest}\n}}\n");
    let parameter = |rest: &str| format!("data \"coder_parameter\" \"p\" {{\n  name = \"p\"\n{rest}\n}}\n");
    for (text, want) in [
        ("resource \"terraform_data\" \"x\" {\n  input = local.missing\n}\n".to_owned(), "main.tf:2: there is no local value \"missing\""),
        ("resource \"terraform_data\" \"x\" {\n  input = var.missing\n}\n".to_owned(), "main.tf:2: there is no variable \"missing\""),
        ("locals {\n  a = terraform_data.y.id\n}\n".to_owned(), "main.tf:2: there is no terraform_data.y"),
        ("resource \"terraform_data\" \"x\" {\n  input = tonumber(\"many\")\n}\n".to_owned(), "main.tf:2: tonumber(): a number is required"),
        ("locals {\n  a = local.b\n  b = local.a\n}\n".to_owned(), "in a circle: local.a, local.b"),
        ("resource \"terraform_data\" \"x\" {\n  input = terraform_data.x.id\n}\n".to_owned(), "refers to itself"),
        ("resource \"terraform_data\" \"x\" {\n  inpt = 1\n}\n".to_owned(), "main.tf:2: \"inpt\" is not an argument here"),
        ("resource \"terraform_data\" \"x\" {\n  id = \"1\"\n}\n".to_owned(), "main.tf:2: \"id\" cannot be set"),
        ("resource \"terraform_data\" \"x\" {\n  count = terraform_data.y.id\n}\nresource \"terraform_data\" \"y\" {}\n".to_owned(), "not known before apply"),
        ("resource \"terraform_data\" \"x\" {\n  count = -1\n}\n".to_owned(), "main.tf:2: count must be"),
        ("resource \"terraform_data\" \"x\" {\n  for_each = [1]\n}\n".to_owned(), "main.tf:2: for_each needs"),
        ("variable \"x\" {}\n".to_owned(), "main.tf:1: the variable \"x\" needs a value"),
        ("variable \"x\" {\n  default = 5\n  validation {\n    condition = var.x > 9\n    error_message = \"more than ${var.x}\"\n  }\n}\n".to_owned(), "main.tf:1: more than 5"),
        ("output \"x\" {\n  value = sensitive(1)\n}\n".to_owned(), "main.tf:2: the value is sensitive"),
        ("resource \"coder_agent\" \"main\" {\n  os = \"linux\"\n}\n".to_owned(), "main.tf:1: the argument \"arch\" is missing"),
        (with("  connection_timeout = 1.5"), "main.tf:4: connection_timeout must be a whole number"),
        (with("  auth = \"word\""), "main.tf:4: auth must be one of"),
        (with("  metadata {\n    key = \"a\"\n  }"), "main.tf:4: the argument \"interval\" is missing"),
        (with("  display_apps {\n  }\n  display_apps {\n  }"), "at most 1"),
        (with("}\nresource \"coder_app\" \"a\" {\n  agent_id = coder_agent.main.id\n  slug = \"A_b\""), "slug \"A_b\""),
        (parameter("  type = \"colour\""), "main.tf:3: type must be one of"),
        (parameter("  ephemeral = true\n  mutable = true"), "needs a default"),
        (parameter("  type = \"number\"\n  default = \"x\""), "not of type"),
        (parameter("  form_type = \"slider\""), "does not go with type"),
        ("data \"coder_workspace_preset\" \"p\" {\n  name = \"\"\n}\n".to_owned(), "name must not be empty"),
        ("data \"coder_workspace_preset\" \"p\" {\n  name = \"p\"\n  prebuilds {\n    instances = 1\n    expiration_policy {\n      ttl = 5\n    }\n  }\n}\n".to_owned(), "ttl must be 0 or between"),
    ] {
        let (phase, failure) = refusal(&[("main.tf", &text)]);
        assert_eq!((phase, failure.message.as_str()), ("plan", "terraform plan: exit status 1"), "{text}");
        assert!(failure.detail.contains(want), "{text}\n{}", failure.detail);
    }
    let (phase, failure) = refusal(&[("README.md", "# Nothing here\n")]);
    assert_eq!((phase, failure.message.as_str()), ("plan", "terraform plan: exit status 1"));
}

#[test]
fn what_cannot_be_drawn_up_fails_the_graph() {
    let agent =
        |name: &str| format!("resource \"coder_agent\" \"{name}\" {{\n  os = \"linux\"\n  arch = \"amd64\"\n}}\n");
    let preset = |name: &str| {
        format!("data \"coder_workspace_preset\" \"{name}\" {{\n  name = \"{name}\"\n  default = true\n}}\n")
    };
    let same =
        |block: &str| format!("data \"coder_parameter\" \"{block}\" {{\n  name = \"same\"\n  default = \"1\"\n}}\n");
    let about = "resource \"coder_metadata\" \"m\" {\n  count = 2\n  resource_id = terraform_data.x.id\n}\n";
    for (text, want) in [
        (agent("a_b"), "contains underscores"),
        (agent("A") + &agent("a"), "duplicate agent name: a"),
        (preset("a") + &preset("b"), "a maximum of 1 coder_workspace_preset can be marked as default, but 2 are set"),
        (same("a") + &same("b"), "coder_parameter names must be unique"),
        (
            format!("resource \"terraform_data\" \"x\" {{}}\n{about}"),
            "two coder_metadata are about the same resource: terraform_data.x",
        ),
    ] {
        let (phase, failure) = refusal(&[("main.tf", &text)]);
        assert_eq!(phase, "graph", "{text}\n{failure:?}");
        assert!(failure.message.contains(want), "{text}\n{}", failure.message);
    }
}

#[test]
fn phases_out_of_order_and_archives_that_are_none_are_errors() {
    let bench = Bench::of("");
    let log = Log::default();
    let mut session = bench.provisioner.session();
    assert!(session.parse(&log).is_err() && session.plan(PlanRequest::default(), &log).is_err());
    assert!(session.apply(&log).is_err() && session.graph(GraphSource::Plan, &log).is_err());
    let init = |archive: Vec<u8>| InitRequest { template_source_archive: archive, ..InitRequest::default() };
    assert!(session.init(init(vec![1; 600]), &log).is_err());
    session.init(init(tar_of(&[("main.tf", "")])), &log).unwrap();
    assert!(session.init(init(Vec::new()), &log).is_err());
    let (mut session, _) = bench.plan(Start, &log).unwrap();
    session.apply(&log).unwrap();
    assert!(session.apply(&log).is_err(), "a plan is applied once");
    session.plan(bench.request.clone(), &log).unwrap();
    assert!(session.plan(PlanRequest { state: b"x".to_vec(), ..bench.request.clone() }, &log).is_err());
    assert!(session.apply(&log).is_err(), "a plan that failed leaves none to apply");
}

#[test]
fn state_that_is_not_readable_fails_the_plan() {
    for (state, want) in [
        (&b"not json"[..], "not readable"),
        (br#"{"version": 3}"#, "format 3"),
        (
            br#"{"version": 4, "resources": [{"mode": "managed", "type": "docker_container", "name": "x", "provider": "p", "instances": [{"attributes": {}}]}]}"#,
            "docker_container.x exists in the workspace's state and needs Terraform",
        ),
    ] {
        let mut bench = Bench::of("resource \"terraform_data\" \"x\" {}\n");
        bench.state = state.to_vec();
        let failure = bench.plan(Start, &Log::default()).err().unwrap();
        assert!(failure.detail.contains(want), "{}", failure.detail);
    }
}

#[test]
fn variables_and_tags_are_read_before_anything_is_evaluated() {
    let text = r#"
variable "zone" {
  type        = string
  description = "Where"
}
variable "count_of" {
  type    = number
  default = 3
}
variable "deep" {
  type    = object({ a = list(string) })
  default = { a = ["x", "y"] }
}
variable "key" {
  type      = string
  sensitive = true
}
variable "nothing" {
  default = null
}
data "coder_workspace_tags" "x" {
  tags = {
    zone   = var.zone
    "size" = "${data.coder_parameter.size.value}-${1 + 1}"
  }
}
data "coder_parameter" "size" {
  name    = "size"
  default = "big"
}
"#;
    let bench = Bench::new(tar_of(&[("main.tf", text), ("README.md", "# Hello\n")]));
    let parsed = bench.session(&Log::default()).unwrap().parse(&Log::default()).unwrap();
    let brief =
        |v: &TemplateVariable| (v.name.clone(), v.r#type.clone(), v.default_value.clone(), v.required, v.sensitive);
    let want = [
        ("zone", "string", "", true, false),
        ("count_of", "number", "3", false, false),
        ("deep", "object({ a = list(string) })", "{\"a\":[\"x\",\"y\"]}", false, false),
        ("key", "string", "", true, true),
        ("nothing", "", "", true, false),
    ];
    let want = want.map(|(n, t, d, r, s)| (n.to_owned(), t.to_owned(), d.to_owned(), r, s));
    assert_eq!(parsed.template_variables.iter().map(brief).collect::<Vec<_>>(), want);
    let tags: Vec<_> = parsed.workspace_tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(tags, [("size", "\"${data.coder_parameter.size.value}-${1 + 1}\""), ("zone", "var.zone")]);
    assert_eq!(parsed.readme, b"# Hello\n");
}

/// Small templates that grow large: each is refused, in little time and memory.
#[test]
fn bombs_are_refused() {
    let doubling: String = (1..40).map(|i| format!("  l{i} = [local.l{p}, local.l{p}]\n", p = i - 1)).collect();
    let nesting: String = (1..4000).map(|i| format!("  l{i} = [local.l{p}]\n", p = i - 1)).collect();
    let long = "a".repeat(4000);
    for (name, text) in [
        ("doubling", format!("locals {{\n  l0 = \"x\"\n{doubling}}}\n")),
        ("nesting", format!("locals {{\n  l0 = \"x\"\n{nesting}}}\n")),
        ("loops", "locals {\n  a = [for a in range(1000) : [for b in range(1000) : [for c in range(1000) : a]]]\n}\n".to_owned()),
        ("counting", "locals {\n  a = length([for a in range(1000) : [for b in range(1000) : length([for c in range(1000) : a])]])\n}\n".to_owned()),
        ("replace", format!("locals {{\n  a = replace(\"{long}\", \"a\", \"{long}\")\n}}\n")),
        ("regex replace", format!("locals {{\n  a = replace(\"{long}\", \"/a/\", \"{long}\")\n}}\n")),
        ("join", format!("locals {{\n  a = join(\"{long}\", split(\"\", \"{long}\"))\n}}\n")),
        ("format", "locals {\n  a = format(join(\"\", [for i in range(1000) : \"%9999s\"]), range(1000)...)\n}\n".to_owned()),
        ("product", "locals {\n  a = setproduct(range(1000), range(1000), range(1000))\n}\n".to_owned()),
        ("instances", "resource \"terraform_data\" \"x\" {\n  count = 1000000\n}\n".to_owned()),
        ("blocks", (0..6000).map(|i| format!("locals {{\n  l{i} = 1\n}}\n")).collect()),
    ] {
        let (phase, failure) = refusal(&[("main.tf", &text)]);
        assert_eq!(phase, "plan", "{name}: {failure:?}");
    }
    let brackets = format!("locals {{\n  a = {}1{}\n}}\n", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(refusal(&[("main.tf", &brackets)]).0, "init");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_file_makes_a_session_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "resource", "data", "variable", "locals", "module", "output", "provider", "terraform", "\"terraform_data\"",
                "\"coder_agent\"", "\"x\"", "{", "}", "\n", " = ", "x", "1", "[", "]", "count", "for_each", "source", "\"./y\"",
                "dynamic", "lifecycle", "provisioner", "\"local-exec\"", "type", "default", "var.x", "null", "<<-E\n", "E\n",
            ]),
            0..40,
        ),
        json in proptest::bool::ANY,
    ) {
        let text = words.join(" ");
        let name = if json { "main.tf.json" } else { "main.tf" };
        let bench = Bench::new(tar_of(&[(name, &text), ("y/main.tf", "variable \"x\" {}")]));
        let log = Log::default();
        if let Ok(mut session) = bench.session(&log) {
            let _ = session.parse(&log);
            let _ = session.plan(bench.request.clone(), &log);
        }
    }
}
