//! YAML, read by a library and written as Terraform writes it: block style, every string in quotes.
//! Reading follows YAML 1.2: `yes`, `no`, `on`, `off` are text, where Terraform still takes them for booleans.

use std::fmt::Write;

use serde_norway::Value as Yaml;

use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::number::Number;
use crate::provisioner::hcl::value::{Data, Value};

/// Reads one document.
pub(super) fn decode(text: &str) -> Result<Value> {
    let wrong = |e: serde_norway::Error| EvalError::new(format!("the string is not valid YAML: {e}"));
    value(&serde_norway::from_str(text).map_err(wrong)?)
}

fn value(yaml: &Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::NULL,
        Yaml::Bool(b) => (*b).into(),
        Yaml::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(n), ..) => n.into(),
            (_, Some(n), _) => Number::Int(n.into()).into(),
            (_, _, f) => f.and_then(Number::from_f64).map_or(Value::NULL, Value::from),
        },
        Yaml::String(s) => s.as_str().into(),
        Yaml::Sequence(items) => Value::tuple(items.iter().map(value).collect::<Result<_>>()?),
        Yaml::Mapping(map) => {
            let entry = |(k, v): (&Yaml, &Yaml)| {
                let key = value(k)?.to_text().ok_or_else(|| EvalError::new("a YAML key must be a string"))?;
                Ok((key, value(v)?))
            };
            Value::object(map.iter().map(entry).collect::<Result<Vec<_>>>()?)
        }
        Yaml::Tagged(_) => return Err(EvalError::new("YAML tags are not supported")),
    })
}

/// Writes one document.
pub(super) fn encode(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0, Place::Top);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Top,
    Key,
    Item,
}

fn write(out: &mut String, value: &Value, indent: usize, place: Place) {
    let pad = "  ".repeat(indent);
    match &value.data {
        Data::Map(_, map) if !map.is_empty() => {
            if place == Place::Key {
                out.push('\n');
            }
            for (n, (key, value)) in map.iter().enumerate() {
                let pad = if place == Place::Item && n == 0 { "" } else { &pad };
                let _ = write!(out, "{pad}{}:", serde_json::Value::from(key.as_str()));
                write(out, value, indent + 1, Place::Key);
            }
        }
        Data::Seq(_, items) if !items.is_empty() => {
            if place == Place::Key {
                out.push('\n');
            }
            // A list below a key stands at the key's own indent.
            let depth = if place == Place::Key { indent - 1 } else { indent };
            for (n, item) in items.iter().enumerate() {
                let pad = if place == Place::Item && n == 0 { String::new() } else { "  ".repeat(depth) };
                let _ = write!(out, "{pad}- ");
                write(out, item, depth + 1, Place::Item);
            }
        }
        Data::Map(..) => line(out, place, "{}"),
        Data::Seq(..) => line(out, place, "[]"),
        Data::String(s) if s.contains('\n') && place != Place::Top && block(s) => {
            let pad = if place == Place::Key { pad.as_str() } else { &"  ".repeat(indent) };
            let chomp = if s.ends_with('\n') { "|" } else { "|-" };
            line(out, place, chomp);
            for text in s.strip_suffix('\n').unwrap_or(s).split('\n') {
                let _ = writeln!(out, "{}{text}", if text.is_empty() { "" } else { pad });
            }
        }
        Data::Number(n) => line(out, place, &n.to_string()),
        _ => line(out, place, &value.to_json().to_string()),
    }
}

/// Whether text can stand as a block as it is.
fn block(text: &str) -> bool {
    !text.starts_with([' ', '\n']) && !text.ends_with("\n\n") && !text.chars().any(|c| c.is_control() && c != '\n')
}

fn line(out: &mut String, place: Place, text: &str) {
    let _ = writeln!(out, "{}{text}", if place == Place::Key { " " } else { "" });
}
