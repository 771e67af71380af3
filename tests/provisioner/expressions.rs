//! Expressions against Terraform's own answers, and against nonsense.

use proptest::prelude::*;
use rockpool::provisioner::hcl::eval::{Empty, Evaluator};
use rockpool::provisioner::hcl::functions::Host;
use rockpool::provisioner::hcl::value::Value;
use rockpool::provisioner::hcl::with_room;

fn eval(text: &str) -> Result<Value, String> {
    let expr = text.parse().map_err(|e| format!("{e}"))?;
    let host = Host::none();
    Evaluator::new(&Empty(&host)).expr(&expr).map_err(|e| e.message)
}

/// What an expression comes to as Terraform's own `jsonencode` writes it, or that it fails.
fn encoded(expression: &str) -> Result<String, String> {
    let value = eval(&format!("jsonencode({expression})"))?;
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{value:?}"))
}

/// Each line of the table is an expression and what `terraform console` 1.11.4 made of it.
#[test]
fn expressions_come_to_what_terraform_makes_of_them() {
    let mut wrong = Vec::new();
    for line in include_str!("../../fixtures/templates/expressions.tsv").lines() {
        let (expression, want) = line.split_once('\t').unwrap();
        let got = encoded(expression);
        let same = match (want, &got) {
            ("ERROR", Err(_)) => true,
            (want, Ok(got)) => got == want,
            _ => false,
        };
        if !same {
            wrong.push(format!("{expression}\n    want {want}\n    got  {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_not_known_stays_so_and_what_is_sensitive_does_too() {
    for (expression, unknown, sensitive) in [
        ("uuid()", true, false),
        ("\"a${timestamp()}\"", true, false),
        ("length([uuid(), uuid()])", false, false),
        ("join(\",\", [uuid()])", true, false),
        ("uuid() == null", true, false),
        ("false && uuid() == \"x\"", false, false),
        ("uuid() == \"x\" ? 1 : 2", true, false),
        ("[for x in uuid() : x]", true, false),
        ("merge({a = uuid()}, {b = 1}).b", false, false),
        ("upper(sensitive(\"a\"))", false, true),
        ("\"x${sensitive(\"a\")}\"", false, true),
        ("[sensitive(\"a\"), 1][1]", false, false),
        ("length([sensitive(\"a\")])", false, false),
        ("nonsensitive(sensitive(\"a\"))", false, false),
        ("sensitive(true) ? 1 : 2", false, true),
        ("{for k, v in sensitive({a = 1}) : k => v}", false, true),
    ] {
        let value = eval(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
        assert_eq!((value.has_unknown(), value.has_sensitive()), (unknown, sensitive), "{expression}");
    }
}

/// The parser bounds how deep expressions nest, and so how deep evaluating them goes.
#[test]
fn the_deepest_expressions_fit_a_small_stack() {
    let deepest = |build: &dyn Fn(usize) -> String| {
        let fits = |n: &usize| build(*n).parse::<hcl_edit::expr::Expression>().is_ok();
        build((1..200).take_while(fits).last().unwrap())
    };
    let expressions = [
        deepest(&|n| format!("{}1{}", "(".repeat(n), ")".repeat(n))),
        deepest(&|n| format!("{}1{}", "[".repeat(n), "]".repeat(n))),
        deepest(&|n| format!("{}1{}", "upper(".repeat(n), ")".repeat(n))),
        deepest(&|n| format!("{}[]{}", "[for x in ".repeat(n), " : x]".repeat(n))),
        deepest(&|n| format!("{}1{}", "true ? ".repeat(n), " : 2".repeat(n))),
        deepest(&|n| format!("{}1{}", "\"a${".repeat(n), "}\"".repeat(n))),
        deepest(&|n| format!("\"{}x{}\"", "%{ if true }".repeat(n), "%{ endif }".repeat(n))),
        deepest(&|n| format!("1{}", " + 1".repeat(n))),
    ];
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let all = move || with_room(|| expressions.iter().map(|e| eval(e).is_ok()).collect::<Vec<_>>());
    assert_eq!(small.spawn(all).unwrap().join().unwrap().unwrap().len(), 8);
}

const FUNCTIONS: &str = "abs alltrue base64decode cidrhost cidrsubnet cidrsubnets chunklist coalesce compact concat \
    contains csvdecode distinct element flatten format formatdate formatlist index indent join jsondecode jsonencode \
    keys length log lookup matchkeys max merge one parseint pow range regex regexall replace reverse setproduct slice \
    sort split strrev substr sum timeadd title tolist tomap tonumber toset tostring transpose trim try urlencode \
    values yamldecode yamlencode zipmap nosuch";

/// Expressions that parse, most of which make no sense.
fn expression() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("0".to_owned()),
        Just("170141183460469231731687303715884105727".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f32>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:?}"))
    ];
    let text = "[a-z%${}~/.*:,\\-0-9 é]{0,12}".prop_map(|s| format!("{:?}", s.replace("${", "$").replace("%{", "%")));
    let leaf = prop_oneof![number, text, Just("null".to_owned()), Just("true".to_owned()), Just("uuid()".to_owned())];
    leaf.prop_recursive(4, 48, 4, |inner| {
        let names: Vec<&'static str> = FUNCTIONS.split_whitespace().collect();
        let several = proptest::collection::vec(inner.clone(), 0..4);
        let operator = proptest::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"]);
        prop_oneof![
            (proptest::sample::select(names), several.clone()).prop_map(|(f, a)| format!("{f}({})", a.join(", "))),
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            several.prop_map(|items| format!("[{}]", items.join(", "))),
            (inner.clone(), inner.clone()).prop_map(|(k, v)| format!("{{({k}) = {v}, b = {v}}}")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
            (inner.clone(), inner.clone()).prop_map(|(c, v)| format!("[for k, v in {c} : {v} if v != k]")),
            (inner.clone(), inner.clone()).prop_map(|(c, v)| format!("{{for k, v in {c} : k => {v}...}}")),
            (inner.clone(), inner.clone()).prop_map(|(v, i)| format!("{v}[{i}]")),
            inner.clone().prop_map(|v| format!("{v}[*].a")),
            inner.prop_map(|v| format!("\"x${{{v}}}%{{ if {v} }}y%{{ endif }}\"")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_expression_makes_the_evaluator_panic(text in expression()) {
        let _ = eval(&text);
    }

    #[test]
    fn no_text_makes_the_parser_or_the_evaluator_panic(text in "\\PC{0,60}") {
        let _ = eval(&text);
    }
}
