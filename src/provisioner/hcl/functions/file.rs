//! Files of the template. Nothing outside the template can be read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hcl_edit::template::Template;

use super::{Args, Care, Function, Host, f};
use crate::provisioner::hcl::eval::{EvalError, Evaluator, Result, Scope};
use crate::provisioner::hcl::value::Value;

pub(super) const TABLE: &[Function] = &[
    f("abspath", 1, 1, Care::Deep, |h, a| {
        let path = a.text(0)?;
        let joined = std::path::Path::new(&h.folder).join(path.strip_prefix("./").unwrap_or(&path));
        Ok(joined.to_string_lossy().trim_end_matches("/.").into())
    }),
    f("basename", 1, 1, Care::Deep, |_, a| {
        let path = a.text(0)?;
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        Ok(match (name, path.as_str()) {
            ("", "") => ".",
            ("", _) => "/",
            (name, _) => name,
        }
        .into())
    }),
    f("dirname", 1, 1, Care::Deep, |_, a| {
        let path = a.text(0)?;
        Ok(match path.rsplit_once('/') {
            None => ".",
            Some(("", _)) => "/",
            Some((folder, _)) => folder,
        }
        .into())
    }),
    f("file", 1, 1, Care::Deep, |h, a| text(h, &a.text(0)?).map(Value::from)),
    f("filebase64", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| STANDARD.encode(d))),
    f("fileexists", 1, 1, Care::Deep, |h, a| Ok(h.source.get(&a.text(0)?).is_some().into())),
    f("fileset", 2, 2, Care::Deep, fileset),
    f("pathexpand", 1, 1, Care::Deep, |_, a| match a.text(0)? {
        path if path.starts_with('~') => Err(EvalError::unsupported("pathexpand() of a home folder")),
        path => Ok(path.into()),
    }),
    f("templatefile", 2, 2, Care::ShallowNull, templatefile),
];

pub(super) fn read<'h>(host: &'h Host, path: &str) -> Result<&'h [u8]> {
    let found = host.source.get(path).map(|f| f.data.as_slice());
    found.ok_or_else(|| EvalError::new(format!("there is no file {path:?} in the template")))
}

fn text(host: &Host, path: &str) -> Result<String> {
    let data = read(host, path)?.to_vec();
    String::from_utf8(data).map_err(|_| EvalError::new(format!("the file {path:?} is not UTF-8 text")))
}

pub(super) fn hashes(host: &Host, a: &Args, digest: fn(&[u8]) -> String) -> Result<Value> {
    Ok(digest(read(host, &a.text(0)?)?).into())
}

fn fileset(host: &Host, a: Args) -> Result<Value> {
    let (folder, pattern) = (a.text(0)?, a.text(1)?);
    let folder = folder.trim_start_matches("./").trim_end_matches('/');
    let prefix = if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") };
    let names = host.source.files().filter_map(|(path, _)| path.strip_prefix(&prefix));
    Ok(Value::set(names.filter(|n| matches(&pattern, n)).map(Value::from).collect()))
}

/// Whether a path matches a pattern of `*`, `**` and `?`.
fn matches(pattern: &str, path: &str) -> bool {
    let mut regex = String::from("^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let (taken, becomes) = match c {
            '*' if rest.starts_with("**/") => (3, "(?:.*/)?".to_owned()),
            '*' if rest.starts_with("**") => (2, ".*".to_owned()),
            '*' => (1, "[^/]*".to_owned()),
            '?' => (1, "[^/]".to_owned()),
            c => (c.len_utf8(), regex::escape(&c.to_string())),
        };
        regex.push_str(&becomes);
        rest = &rest[taken..];
    }
    regex::Regex::new(&(regex + "$")).is_ok_and(|r| r.is_match(path))
}

/// The names a template file sees.
struct Variables<'a> {
    values: &'a Value,
    host: Host,
}

impl Scope for Variables<'_> {
    fn resolve(&self, root: &str, _: &[&str]) -> Result<(Value, usize)> {
        match self.values.as_map().and_then(|m| m.get(root)) {
            Some(v) => Ok((v.clone().marked(self.values.sensitive), 0)),
            None => Err(EvalError::new(format!("the template file was given no variable {root:?}"))),
        }
    }
    fn host(&self) -> &Host {
        &self.host
    }
}

fn templatefile(host: &Host, a: Args) -> Result<Value> {
    let path = a.text(0)?;
    a.map(1)?;
    let text = text(host, &path)?;
    let template: Template = text.parse().map_err(|e: hcl_edit::parser::Error| {
        let at = e.location();
        EvalError::new(format!("{path}:{}:{}: {}", at.line(), at.column(), e.message()))
    })?;
    // A template file sees no files, so that it cannot include itself for ever.
    let host = Host { source: Default::default(), ..host.clone() };
    let scope = Variables { values: a.value(1), host };
    Evaluator::new(&scope).template(&template).map_err(|e| EvalError { at: None, ..e })
}
