//! Text.

use regex::{Captures, Regex};

use super::{ANY, Args, Care, Function, Host, f, room};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::value::Value;

pub(super) const TABLE: &[Function] = &[
    f("chomp", 1, 1, Care::Deep, |_, a| Ok(a.text(0)?.trim_end_matches(['\r', '\n']).into())),
    f("endswith", 2, 2, Care::Deep, |_, a| Ok(a.text(0)?.ends_with(&a.text(1)?).into())),
    f("indent", 2, 2, Care::Deep, |_, a| {
        let (by, text) = (a.size(0)?, a.text(1)?);
        room(text.matches('\n').count().max(1), by)?;
        Ok(text.replace('\n', &format!("\n{}", " ".repeat(by))).into())
    }),
    f("join", 1, ANY, Care::Deep, join),
    f("lower", 1, 1, Care::Deep, |_, a| Ok(a.text(0)?.to_lowercase().into())),
    f("regex", 2, 2, Care::Deep, |_, a| {
        let (pattern, text) = (compile(&a.text(0)?)?, a.text(1)?);
        let found = pattern.captures(&text).ok_or_else(|| EvalError::new("the pattern does not match the string"))?;
        Ok(captured(&pattern, &found))
    }),
    f("regexall", 2, 2, Care::Deep, |_, a| {
        let (pattern, text) = (compile(&a.text(0)?)?, a.text(1)?);
        room(pattern.find_iter(&text).count(), pattern.captures_len())?;
        Ok(Value::list(pattern.captures_iter(&text).map(|c| captured(&pattern, &c)).collect()))
    }),
    f("replace", 3, 3, Care::Deep, replace),
    f("split", 2, 2, Care::Deep, |_, a| {
        let (by, text) = (a.text(0)?, a.text(1)?);
        Ok(match (by.is_empty(), text.is_empty()) {
            (_, true) if !by.is_empty() => Value::strings([""]),
            (true, _) => Value::strings(text.chars()),
            _ => Value::strings(text.split(by.as_str())),
        })
    }),
    f("startswith", 2, 2, Care::Deep, |_, a| Ok(a.text(0)?.starts_with(&a.text(1)?).into())),
    f("strcontains", 2, 2, Care::Deep, |_, a| Ok(a.text(0)?.contains(&a.text(1)?).into())),
    f("strrev", 1, 1, Care::Deep, |_, a| Ok(a.text(0)?.chars().rev().collect::<String>().into())),
    f("substr", 3, 3, Care::Deep, substr),
    f("title", 1, 1, Care::Deep, |_, a| Ok(title(&a.text(0)?).into())),
    f("trim", 2, 2, Care::Deep, |_, a| {
        let cut: Vec<char> = a.text(1)?.chars().collect();
        Ok(a.text(0)?.trim_matches(cut.as_slice()).into())
    }),
    f("trimprefix", 2, 2, Care::Deep, |_, a| {
        let text = a.text(0)?;
        Ok(text.strip_prefix(a.text(1)?.as_str()).unwrap_or(&text).into())
    }),
    f("trimsuffix", 2, 2, Care::Deep, |_, a| {
        let text = a.text(0)?;
        Ok(text.strip_suffix(a.text(1)?.as_str()).unwrap_or(&text).into())
    }),
    f("trimspace", 1, 1, Care::Deep, |_, a| Ok(a.text(0)?.trim().into())),
    f("upper", 1, 1, Care::Deep, |_, a| Ok(a.text(0)?.to_uppercase().into())),
];

fn join(_: &Host, a: Args) -> Result<Value> {
    let by = a.text(0)?;
    let mut parts = Vec::new();
    for i in 1..a.len() {
        parts.extend(a.texts(i)?);
    }
    room(parts.len(), by.len())?;
    Ok(parts.join(&by).into())
}

/// Plain text, or a regular expression between slashes whose groups the replacement may name.
fn replace(_: &Host, a: Args) -> Result<Value> {
    let (text, what, with) = (a.text(0)?, a.text(1)?, a.text(2)?);
    let Some(pattern) = what.strip_prefix('/').and_then(|w| w.strip_suffix('/')).filter(|p| !p.is_empty()) else {
        room(text.matches(&what).count(), with.len())?;
        return Ok(text.replace(&what, &with).into());
    };
    let mut out = String::new();
    let mut end = 0;
    for found in compile(pattern)?.captures_iter(&text) {
        let whole = found.get_match();
        out.push_str(&text[end..whole.start()]);
        found.expand(&with, &mut out);
        end = whole.end();
        room(1, out.len())?;
    }
    out.push_str(&text[end..]);
    Ok(out.into())
}

fn substr(_: &Host, a: Args) -> Result<Value> {
    let chars: Vec<char> = a.text(0)?.chars().collect();
    let (offset, length) = (a.integer(1)?, a.integer(2)?);
    let len = chars.len() as i64;
    let start = if offset < 0 { (len + offset).max(0) } else { offset.min(len) };
    let end = if length < 0 { len } else { start.saturating_add(length).min(len) };
    Ok(chars[start as usize..end.max(start) as usize].iter().collect::<String>().into())
}

fn title(text: &str) -> String {
    let mut starts = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if starts {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        starts = !(c.is_alphanumeric() || c == '_' || c == '\'');
    }
    out
}

fn compile(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|_| EvalError::new(format!("{pattern:?} is not a regular expression")))
}

/// What a match gives: all of it, or its groups in order, or its groups by name.
fn captured(pattern: &Regex, found: &Captures<'_>) -> Value {
    let text = |m: Option<regex::Match<'_>>| m.map_or(Value::NULL, |m| m.as_str().into());
    if pattern.captures_len() == 1 {
        return text(found.get(0));
    }
    let names: Vec<_> = pattern.capture_names().skip(1).collect();
    if names.iter().all(Option::is_none) {
        return Value::tuple((1..pattern.captures_len()).map(|i| text(found.get(i))).collect());
    }
    Value::object(names.into_iter().flatten().map(|n| (n, text(found.name(n)))))
}
