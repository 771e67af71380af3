//! What may be a name: of users, organizations, templates, versions, workspaces, groups, and of
//! people. Lengths are in bytes. Each function answers with what is wrong, for people to read.

use std::sync::LazyLock;

use regex::Regex;

/// A name's most bytes.
pub const NAME_MAX: usize = 32;

#[allow(clippy::expect_used, reason = "the patterns are constants")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$"));
static VERSION_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-zA-Z0-9]+(?:[_.-][a-zA-Z0-9]+)*$"));
static EMAIL_LOCAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*|"(?:[\p{L}\p{N} !#-\[\]-~]|\\[ -~])*")$"#,
    )
});
static EMAIL_DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:[\p{L}\p{N}](?:[\p{L}\p{N}_~-]*[\p{L}\p{N}])?\.)+\p{L}(?:[\p{L}\p{N}_~-]*\p{L})?\.?$")
});

/// The name of a user, organization, template, workspace, role or OAuth2 app.
pub fn name(text: &str) -> Result<(), String> {
    match text.len() {
        0 => return Err("must not be empty".into()),
        1..=NAME_MAX => {}
        _ => return Err(format!("must be at most {NAME_MAX} characters")),
    }
    unreserved(text)?;
    letters_and_hyphens(text)
}

/// A group's name; longer, since groups are named after those of identity providers.
pub fn group_name(text: &str) -> Result<(), String> {
    at_most(text, 255)?;
    unreserved(text)?;
    letters_and_hyphens(text)
}

/// A template version's name.
pub fn template_version_name(text: &str) -> Result<(), String> {
    at_most(text, 64)?;
    if VERSION_NAME.is_match(text) {
        return Ok(());
    }
    Err("must be letters and digits, joined by single hyphens, underscores or dots".into())
}

/// What a template, an organization or a group is called for people to read; may be empty.
pub fn display_name(text: &str) -> Result<(), String> {
    at_most(text, 64)?;
    // The reference's pattern stops at line ends.
    if text.trim_matches(is_pattern_space) != text || text.contains('\n') {
        return Err("must be on one line, without spaces at either end".into());
    }
    Ok(())
}

/// A person's name; may be empty.
pub fn user_real_name(text: &str) -> Result<(), String> {
    at_most(text, 128)?;
    if text.trim() != text {
        return Err("must not begin or end with spaces".into());
    }
    Ok(())
}

/// An e-mail address, `local@domain`, in any script: a quoted local part is one too, a domain has two parts at least.
pub fn email(text: &str) -> Result<(), String> {
    let valid = text
        .rsplit_once('@')
        .is_some_and(|(local, domain)| EMAIL_LOCAL.is_match(local) && EMAIL_DOMAIN.is_match(domain));
    if valid { Ok(()) } else { Err("must be an e-mail address".into()) }
}

/// Makes a person's name acceptable: spaces at the ends go, and what is over the limit.
pub fn normalize_real_name(text: &str) -> &str {
    let text = text.trim();
    let mut end = text.len().min(128);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end()
}

/// The best username that a login name, a display name or an e-mail address gives, if any.
pub fn username_from(text: &str) -> Option<String> {
    if name(text).is_ok() {
        return Some(text.to_owned());
    }
    let local = text.rsplit_once('@').map_or(text, |(local, _)| local);
    let kept: String = local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    name(&kept).is_ok().then_some(kept)
}

fn at_most(text: &str, limit: usize) -> Result<(), String> {
    if text.len() > limit { Err(format!("must be at most {limit} characters")) } else { Ok(()) }
}

/// Pages such as `/templates/new` own these words.
fn unreserved(text: &str) -> Result<(), String> {
    if matches!(text, "new" | "create") { Err(format!("must not be {text:?}")) } else { Ok(()) }
}

fn letters_and_hyphens(text: &str) -> Result<(), String> {
    if NAME.is_match(text) { Ok(()) } else { Err("must be letters and digits, joined by single hyphens".into()) }
}

/// What `\s` means where the rules for display names were written.
fn is_pattern_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rules() {
        type Rule = fn(&str) -> Result<(), String>;
        let long = "x".repeat(33);
        let longer = "x".repeat(256);
        let cases: &[(&str, Rule, &[&str], &[&str])] = &[
            ("name", name, &["a", "A-1", "me", "a-b-c"], &["", "-a", "a-", "a--b", "a_b", "ä", "new", "create", &long]),
            ("group", group_name, &[&long, "crew"], &["", "new", "a b", &longer]),
            ("version", template_version_name, &["v1.2_3-a", "1"], &["", ".a", "a..b", "a b", &longer]),
            ("display", display_name, &["", "My thing ✓", "a"], &[" a", "a ", "a\nb", &longer]),
            ("real", user_real_name, &["", "Ann Lee"], &[" Ann", "Ann\u{a0}", &longer]),
            (
                "email",
                email,
                &["a@b.c", "a.b+c@example.com", "\"a b\"@b.c", "ü@bücher.example"],
                &["", "a", "a@", "@b", "a b@c.d", "a..b@c.d", "a@b..c", "a@-b.c", "Ann <a@b.c>", "user@localhost"],
            ),
        ];
        for (what, rule, good, bad) in cases {
            for text in *good {
                assert_eq!(rule(text), Ok(()), "{what} {text:?}");
            }
            for text in *bad {
                assert!(rule(text).is_err(), "{what} {text:?}");
            }
        }
    }

    #[test]
    fn usernames_are_made_of_what_is_there() {
        for (text, want) in
            [("ann", Some("ann")), ("ann.lee@example.com", Some("annlee")), ("Ann Lee", Some("AnnLee")), ("@@", None)]
        {
            assert_eq!(username_from(text).as_deref(), want, "{text:?}");
        }
        assert_eq!(normalize_real_name("  Ann  "), "Ann");
        assert_eq!(normalize_real_name(&"é".repeat(100)).len(), 128);
    }
}
