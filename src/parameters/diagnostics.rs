//! What is wrong or odd about a form, and how a refused request says it.

use super::Named;
use crate::sdk::{self, DiagnosticExtra, DiagnosticSeverityString, FriendlyDiagnostic};

/// The code of a diagnostic about an owner who is not there, or hidden.
pub const OWNER_NOT_FOUND: &str = "owner_not_found";
/// The code of a diagnostic about a parameter that needs a value and has none.
pub const REQUIRED: &str = "required";
/// The code of a diagnostic about a module that is not part of the template's files.
pub const MODULE_NOT_LOADED: &str = "module_not_loaded";

/// Something that keeps a build from being made.
pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> FriendlyDiagnostic {
    diagnostic(DiagnosticSeverityString::Error, summary.into(), detail.into())
}

/// Something to know.
pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> FriendlyDiagnostic {
    diagnostic(DiagnosticSeverityString::Warning, summary.into(), detail.into())
}

fn diagnostic(severity: DiagnosticSeverityString, summary: String, detail: String) -> FriendlyDiagnostic {
    FriendlyDiagnostic { severity, summary, detail, extra: DiagnosticExtra { code: String::new() } }
}

/// The same, with a code for programs.
pub fn coded(code: &str, diagnostic: FriendlyDiagnostic) -> FriendlyDiagnostic {
    FriendlyDiagnostic { extra: DiagnosticExtra { code: code.to_owned() }, ..diagnostic }
}

/// Whether there is more among them than warnings.
pub fn has_errors(diagnostics: &[FriendlyDiagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == DiagnosticSeverityString::Error)
}

/// The first error among them, and how many more there are.
pub fn summary(diagnostics: &[FriendlyDiagnostic]) -> String {
    let first = diagnostics.iter().find(|d| d.severity == DiagnosticSeverityString::Error).or(diagnostics.first());
    let Some(first) = first else { return "no diagnostics".into() };
    let text = format!("{}; {}", first.summary, first.detail);
    match diagnostics.len() {
        1 => text,
        n => format!("{text}, and {} other diagnostic(s)", n - 1),
    }
}

/// The body of a refusal: the message, what is wrong in general, and what with each name. Nothing where
/// nothing is wrong.
pub fn refusal(message: &str, general: &[FriendlyDiagnostic], named: &Named) -> Option<sdk::Response> {
    if !has_errors(general) && named.is_empty() {
        return None;
    }
    let body = sdk::Response::new(message);
    let body = if has_errors(general) { body.with_detail(summary(general)) } else { body };
    Some(named.iter().fold(body, |body, (name, wrong)| body.with_validation(name, summary(wrong))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_the_first_error_and_how_much_more_there_is() {
        let (odd, bad) = (warning("odd", "a"), error("bad", "b"));
        for (general, named, want) in [
            (vec![], vec![], None),
            (vec![odd.clone()], vec![], None),
            (vec![bad.clone()], vec![], Some(("bad; b", vec![]))),
            (vec![odd.clone(), bad.clone()], vec![], Some(("bad; b, and 1 other diagnostic(s)", vec![]))),
            (vec![odd.clone()], vec![("x", vec![bad.clone()])], Some(("", vec!["x: bad; b"]))),
        ] {
            let named = named.into_iter().map(|(name, wrong)| (name.to_owned(), wrong)).collect();
            let got = refusal("no", &general, &named).map(|body| {
                let fields = body.validations.iter().map(|v| format!("{}: {}", v.field, v.detail)).collect::<Vec<_>>();
                (body.detail, fields)
            });
            let want = want.map(|(detail, fields)| {
                (detail.to_owned(), fields.iter().map(|f: &&str| (*f).to_owned()).collect::<Vec<_>>())
            });
            assert_eq!(got, want, "{general:?} {named:?}");
        }
    }
}
