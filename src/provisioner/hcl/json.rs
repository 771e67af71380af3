//! Templates written as JSON (`.tf.json`): the same blocks, said in objects.
//!
//! JSON has no spans in the parser used, so a block's place is where its labels first stand in the text.
//! Strings are text templates, as the language has it. Which properties of a resource are blocks
//! depends on its type: those of the known types are in [`BLOCKS`]; all others are attributes.

use std::sync::Arc;

use hcl_edit::expr::{Array, Expression, Object, ObjectKey, ObjectValue};
use hcl_edit::template::{Element, StringTemplate, Template};
use serde_json::{Map, Value as Json};

use super::body::{Attr, Block, Body};
use super::place::{Diagnostic, FileText, Place, Result};

/// Blocks inside resources and data, of any type this program plans.
const BLOCKS: &[&str] = &[
    "connection",
    "display_apps",
    "expiration_policy",
    "healthcheck",
    "item",
    "lifecycle",
    "memory",
    "metadata",
    "option",
    "prebuilds",
    "provisioner",
    "resources_monitoring",
    "schedule",
    "scheduling",
    "sidebar_app",
    "validation",
    "volume",
];

/// Top-level blocks and how many labels each has.
const TOP: &[(&str, usize)] = &[
    ("data", 2),
    ("locals", 0),
    ("module", 1),
    ("output", 1),
    ("provider", 1),
    ("resource", 2),
    ("terraform", 0),
    ("variable", 1),
];

struct Reader {
    file: Arc<FileText>,
}

/// Reads a file.
pub(super) fn parse(file: &Arc<FileText>) -> Result<Body> {
    let reader = Reader { file: file.clone() };
    let json: Json = serde_json::from_str(&file.text).map_err(|e| {
        let line: usize = file.text.lines().take(e.line().saturating_sub(1)).map(|l| l.len() + 1).sum();
        let place = Place { file: file.clone(), at: line + e.column().saturating_sub(1), exact: false };
        Diagnostic::new(format!("the template does not parse: {e}"), Some(&place), "")
    })?;
    let mut body = Body::default();
    for (kind, value) in reader.object(&json, &[])? {
        match TOP.iter().find(|(k, _)| k == kind) {
            Some((_, labels)) => reader.labeled(kind, *labels, &mut Vec::new(), value, &mut body.blocks)?,
            None if kind == "//" => {}
            None => {
                let what = format!("blocks of type {kind:?} are not expected here");
                return Err(Diagnostic::new(what, Some(&reader.place(&[kind])), ""));
            }
        }
    }
    Ok(body)
}

impl Reader {
    /// Where these words stand in the text one after the other.
    fn place(&self, words: &[&str]) -> Place {
        let mut at = 0;
        for word in words {
            let quoted = Json::from(*word).to_string();
            at += self.file.text.get(at..).and_then(|rest| rest.find(&quoted)).unwrap_or(0);
        }
        Place { file: self.file.clone(), at, exact: false }
    }

    fn object<'j>(&self, json: &'j Json, words: &[&str]) -> Result<&'j Map<String, Json>> {
        json.as_object().ok_or_else(|| Diagnostic::new("an object is expected here", Some(&self.place(words)), ""))
    }

    fn labeled(
        &self,
        kind: &str,
        left: usize,
        labels: &mut Vec<String>,
        json: &Json,
        out: &mut Vec<Block>,
    ) -> Result<()> {
        if let Json::Array(items) = json {
            return items.iter().try_for_each(|item| self.labeled(kind, left, labels, item, out));
        }
        let words: Vec<&str> = [kind].into_iter().chain(labels.iter().map(String::as_str)).collect();
        let object = self.object(json, &words)?;
        if left == 0 {
            let (place, words) = (self.place(&words), words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let body = self.body(kind, object, &words)?;
            out.push(Block { kind: kind.to_owned(), labels: labels.clone(), body, place });
            return Ok(());
        }
        for (label, value) in object {
            labels.push(label.clone());
            let read = self.labeled(kind, left - 1, labels, value, out);
            labels.pop();
            read?;
        }
        Ok(())
    }

    fn body(&self, kind: &str, object: &Map<String, Json>, words: &[&str]) -> Result<Body> {
        let mut body = Body::default();
        for (name, value) in object {
            let here: Vec<&str> = words.iter().copied().chain([name.as_str()]).collect();
            let nested = match (kind, name.as_str()) {
                (_, "//") => continue,
                ("terraform", "required_providers" | "backend" | "cloud") => Some(0),
                ("variable", "validation") => Some(0),
                ("locals" | "variable" | "output" | "module" | "provider" | "terraform" | "required_providers", _) => {
                    None
                }
                (_, "dynamic" | "provisioner") => Some(1),
                ("dynamic", "content") => Some(0),
                ("dynamic", _) => None,
                // `metadata` and the like may be attributes of other things; blocks are objects or lists of them.
                (_, name) if BLOCKS.contains(&name) && blocklike(value) => Some(0),
                _ => None,
            };
            match nested {
                Some(labels) => self.labeled(name, labels, &mut Vec::new(), value, &mut body.blocks)?,
                None => {
                    let place = self.place(&here);
                    let expr = self.expression(value, bare(kind, name), &place)?;
                    body.attrs.push(Attr { name: name.clone(), expr, place });
                }
            }
        }
        Ok(body)
    }

    fn expression(&self, json: &Json, bare: bool, place: &Place) -> Result<Expression> {
        let wrong = |e: hcl_edit::parser::Error| {
            Diagnostic::new(format!("the template does not parse: {}", e.message()), Some(place), "")
        };
        Ok(match json {
            Json::Null => Expression::null(),
            Json::Bool(b) => (*b).into(),
            Json::Number(n) => n.to_string().parse().map_err(wrong)?,
            Json::String(s) if bare => s.parse().map_err(wrong)?,
            Json::String(s) => {
                let template: Template = s.parse().map_err(wrong)?;
                match template.as_single_element() {
                    Some(Element::Literal(text)) => Expression::from(text.value().as_str()),
                    _ => Expression::StringTemplate(StringTemplate::from(template)),
                }
            }
            Json::Array(items) => {
                let items: Result<Vec<_>> = items.iter().map(|v| self.expression(v, bare, place)).collect();
                Array::from(items?).into()
            }
            Json::Object(map) => {
                let mut object = Object::new();
                for (key, value) in map {
                    let value = ObjectValue::new(self.expression(value, false, place)?);
                    object.insert(ObjectKey::Expression(key.as_str().into()), value);
                }
                object.into()
            }
        })
    }
}

fn blocklike(json: &Json) -> bool {
    match json {
        Json::Object(_) => true,
        Json::Array(items) => items.iter().all(Json::is_object),
        _ => false,
    }
}

/// Whether a string is an expression by itself, not a text template.
fn bare(kind: &str, name: &str) -> bool {
    matches!((kind, name), ("variable", "type") | (_, "depends_on" | "ignore_changes" | "provider"))
}
