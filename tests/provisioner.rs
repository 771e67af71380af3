//! The embedded provisioner: what expressions come to, what templates plan and apply to.

use rockpool::provisioner::hcl::eval::{Empty, Evaluator};
use rockpool::provisioner::hcl::functions::Host;

/// What an expression comes to as Terraform's own `jsonencode` writes it, or that it fails.
fn encoded(expression: &str) -> Result<String, String> {
    let expr = format!("jsonencode({expression})").parse().map_err(|e| format!("{e}"))?;
    let host = Host::none();
    let value = Evaluator::new(&Empty(&host)).expr(&expr).map_err(|e| e.message)?;
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{value:?}"))
}

/// Each line of the table is an expression and what `terraform console` 1.11.4 made of it.
#[test]
fn expressions_come_to_what_terraform_makes_of_them() {
    let mut wrong = Vec::new();
    for line in include_str!("../fixtures/templates/expressions.tsv").lines() {
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
