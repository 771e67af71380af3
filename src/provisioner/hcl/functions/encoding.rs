//! JSON, YAML, CSV, base64, URLs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Args, Care, Function, Host, f, yaml};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::value::{Data, Value};

/// What a query component leaves as it is, besides the space that becomes `+`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

pub(super) const TABLE: &[Function] = &[
    f("base64decode", 1, 1, Care::Deep, |_, a| {
        let bytes = STANDARD.decode(a.text(0)?).map_err(|_| EvalError::new("the string is not valid base64"))?;
        String::from_utf8(bytes).map(Value::from).map_err(|_| EvalError::new("the decoded bytes are not UTF-8 text"))
    }),
    f("base64encode", 1, 1, Care::Deep, |_, a| Ok(STANDARD.encode(a.text(0)?).into())),
    f("csvdecode", 1, 1, Care::Deep, csvdecode),
    f("jsondecode", 1, 1, Care::Deep, |_, a| {
        let json = serde_json::from_str(&a.text(0)?);
        json.map(|j| Value::from_json(&j)).map_err(|e| EvalError::new(format!("the string is not valid JSON: {e}")))
    }),
    f("jsonencode", 1, 1, Care::DeepNull, |_, a| Ok(json(a.value(0)).into())),
    f("urlencode", 1, 1, Care::Deep, |_, a| {
        Ok(utf8_percent_encode(&a.text(0)?, QUERY).to_string().replace(' ', "+").into())
    }),
    f("yamldecode", 1, 1, Care::Deep, |_, a| yaml::decode(&a.text(0)?)),
    f("yamlencode", 1, 1, Care::DeepNull, |_, a| Ok(yaml::encode(a.value(0)).into())),
];

/// JSON as Terraform writes it: compact, keys sorted, `<`, `>` and `&` escaped.
fn json(value: &Value) -> String {
    let sorted = |value: &Value| -> String {
        match &value.data {
            Data::Seq(_, items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
            Data::Map(_, map) => {
                let entry = |(k, v): (&String, &Value)| format!("{}:{}", json(&k.as_str().into()), json(v));
                format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(","))
            }
            Data::Number(n) => n.to_string(),
            _ => {
                let text = value.to_json().to_string();
                let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
                text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
            }
        }
    };
    sorted(value)
}

fn csvdecode(_: &Host, a: Args) -> Result<Value> {
    let mut rows = csv(&a.text(0)?)?.into_iter();
    let header = rows.next().ok_or_else(|| EvalError::new("the first line must name the columns"))?;
    let row = |cells: Vec<String>| {
        if cells.len() != header.len() {
            return Err(EvalError::new("a line has more or fewer cells than there are columns"));
        }
        Ok(Value::object(header.iter().cloned().zip(cells.into_iter().map(Value::from))))
    };
    Ok(Value::list(rows.map(row).collect::<Result<_>>()?))
}

/// Lines of cells; a cell in quotes may hold commas, line breaks and doubled quotes.
fn csv(text: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                if !(row.is_empty() && cell.is_empty()) {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
            }
            c => cell.push(c),
        }
    }
    if quoted {
        return Err(EvalError::new("a quoted cell does not end"));
    }
    if !(row.is_empty() && cell.is_empty()) {
        row.push(cell);
        rows.push(row);
    }
    Ok(rows)
}
