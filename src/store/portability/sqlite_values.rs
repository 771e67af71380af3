//! How SQLite keeps each kind of value: what `schema/sqlite` says in words, as code.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use uuid::Uuid;

use super::tables::Kind;
use super::value::Value;
use super::{date, json};
use crate::store::value::{Inet, to_json};

/// Reads a column, or says what is wrong with what is there.
pub(super) fn read(column: ValueRef<'_>, kind: Kind) -> Result<Value<'_>, String> {
    let text = |what: &str| match column {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8".to_owned()),
        _ => Err(unexpected(what, column)),
    };
    let int = |what: &str| match column {
        ValueRef::Integer(int) => Ok(int),
        _ => Err(unexpected(what, column)),
    };
    let within = |low: i64, high: i64| match int("an integer")? {
        int if (low..=high).contains(&int) => Ok(Value::Int(int)),
        int => Err(format!("{int} is out of range")),
    };
    let float = || match column {
        ValueRef::Real(real) => Ok(real),
        ValueRef::Integer(int) => Ok(int as f64),
        _ => Err(unexpected("a number", column)),
    };
    if column == ValueRef::Null {
        return Ok(Value::Null);
    }
    match kind {
        Kind::Bool => match int("a boolean")? {
            0 => Ok(Value::Bool(false)),
            1 => Ok(Value::Bool(true)),
            int => Err(format!("{int} is not a boolean")),
        },
        Kind::Int2 => within(i16::MIN.into(), i16::MAX.into()),
        Kind::Int4 => within(i32::MIN.into(), i32::MAX.into()),
        Kind::Int8 => within(i64::MIN, i64::MAX),
        Kind::Float4 => Ok(Value::Float4(float()? as f32)),
        Kind::Float8 => Ok(Value::Float8(float()?)),
        Kind::Text => Ok(Value::Text(text("text")?.into())),
        Kind::Uuid => Ok(Value::Uuid(uuid(text("a UUID")?)?)),
        Kind::Time => Ok(Value::Time(int("a time")?)),
        Kind::Date => date::parse(text("a date")?).map(Value::Date),
        Kind::Json => json::canonical(text("JSON")?).map(Value::Json),
        Kind::Bytes => match column {
            ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
            _ => Err(unexpected("bytes", column)),
        },
        Kind::Inet => {
            let Inet { address, prefix_len } = text("an address")?.parse::<Inet>()?;
            Ok(Value::Inet(address, prefix_len))
        }
        Kind::Texts => Ok(Value::Texts(array(text("an array")?)?)),
        Kind::Uuids => {
            let items = array(text("an array")?)?;
            let items = items.iter().map(|item| item.as_deref().map(uuid).transpose());
            Ok(Value::Uuids(items.collect::<Result<_, _>>()?))
        }
    }
}

/// What to bind for a value.
pub(super) fn bind<'a>(value: &'a Value<'_>) -> ToSqlOutput<'a> {
    let text = |text: String| ToSqlOutput::Owned(text.into());
    match value {
        Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
        Value::Bool(bool) => ToSqlOutput::Borrowed(ValueRef::Integer((*bool).into())),
        Value::Int(int) | Value::Time(int) => ToSqlOutput::Borrowed(ValueRef::Integer(*int)),
        Value::Float8(float) => ToSqlOutput::Borrowed(ValueRef::Real(*float)),
        // The number that is spelled the same, not the one with the same bits.
        Value::Float4(float) => {
            ToSqlOutput::Borrowed(ValueRef::Real(float.to_string().parse().unwrap_or((*float).into())))
        }
        Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Value::Json(json) => ToSqlOutput::Borrowed(ValueRef::Text(json.as_bytes())),
        Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        Value::Uuid(uuid) => text(uuid.to_string()),
        Value::Date(days) => text(date::format(*days)),
        Value::Inet(address, prefix_len) => text(Inet { address: *address, prefix_len: *prefix_len }.to_string()),
        Value::Texts(items) => text(to_json(items)),
        Value::Uuids(items) => text(to_json(items)),
    }
}

fn unexpected(what: &str, column: ValueRef<'_>) -> String {
    format!("expected {what}, found {}", column.data_type())
}

fn uuid(text: &str) -> Result<Uuid, String> {
    // Other spellings would not be found by those who look for this one.
    match Uuid::try_parse(text) {
        Ok(uuid) if uuid.as_hyphenated().encode_lower(&mut [0; 36]) == text => Ok(uuid),
        _ => Err(format!("{text:?} is not a UUID in lower case with hyphens")),
    }
}

fn array(text: &str) -> Result<Vec<Option<Cow<'_, str>>>, String> {
    serde_json::from_str(text).map_err(|_| format!("not an array of texts: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_reads_the_same_again() {
        for (kind, value) in [
            (Kind::Int8, Value::Int(i64::MIN)),
            (Kind::Float4, Value::Float4(0.1)),
            (Kind::Float8, Value::Float8(f64::MAX)),
            (Kind::Time, Value::Time(i64::MAX)),
            (Kind::Date, Value::Date(-719_162)),
            (Kind::Date, Value::Date(i32::MAX)),
            (Kind::Inet, Value::Inet([10, 0, 0, 0].into(), 8)),
            (Kind::Inet, Value::Inet("::ffff:1.2.3.4".parse().expect("an address"), 128)),
            (Kind::Texts, Value::Texts(vec![Some("\u{1}\"é".into()), None, Some("".into())])),
            (Kind::Uuids, Value::Uuids(vec![Some(Uuid::max()), None])),
        ] {
            let bound = bind(&value);
            let stored = match &bound {
                ToSqlOutput::Borrowed(stored) => *stored,
                ToSqlOutput::Owned(stored) => stored.into(),
                other => panic!("{other:?}"),
            };
            assert_eq!(read(stored, kind).as_ref(), Ok(&value));
        }
    }

    #[test]
    fn what_does_not_belong_in_a_column_is_told() {
        for (kind, stored, want) in [
            (Kind::Bool, ValueRef::Integer(2), "2 is not a boolean"),
            (Kind::Int2, ValueRef::Integer(40_000), "40000 is out of range"),
            (Kind::Uuid, ValueRef::Text(b"C42FDF75-3097-471C-8C33-FB52454D81C0"), "lower case"),
            (Kind::Json, ValueRef::Text(b"{"), "not JSON"),
            (Kind::Texts, ValueRef::Text(b"{}"), "not an array of texts"),
            (Kind::Inet, ValueRef::Text(b"10.0.0.0/33"), "not the address of a network"),
            (Kind::Text, ValueRef::Text(b"\xff"), "not UTF-8"),
            (Kind::Bytes, ValueRef::Text(b""), "expected bytes, found Text"),
        ] {
            let said = read(stored, kind).expect_err(want);
            assert!(said.contains(want), "{said}");
        }
    }
}
