//! Values on their way into and out of a statement, in the few kinds that both engines share.
//!
//! How a kind is kept is the engine's business: SQLite keeps a UUID as text and a time as an integer
//! of microseconds, Postgres has types of its own. Nothing above the engines sees the difference.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::sdk::WireEnum;
use crate::store::Error;
use crate::time::Time;

/// An argument of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// A floating point number.
    Real(f64),
    /// Text, enumerations included.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A UUID.
    Uuid(Uuid),
    /// An instant.
    Time(Time),
    /// JSON text.
    Json(Cow<'a, str>),
    /// An array of texts.
    Texts(Cow<'a, [String]>),
    /// An array of UUIDs.
    Uuids(Cow<'a, [Uuid]>),
}

/// A column of a result row, as an engine hands it over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column<'a> {
    /// NULL.
    Null,
    /// Booleans, integers and times.
    Int(i64),
    /// A floating point number.
    Real(f64),
    /// Text, UUIDs, JSON and arrays.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What can be an argument.
pub trait ToValue {
    /// The value to bind.
    fn to_value(&self) -> Value<'_>;
}

/// What can be read from a column.
pub trait FromColumn: Sized {
    /// Reads it; an error says what was there instead.
    fn from_column(column: Column<'_>) -> Result<Self, Error>;
}

/// A JSON column that is read into a type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Json<T>(pub T);

fn unexpected<T>(wanted: &str, got: Column<'_>) -> Result<T, Error> {
    Err(Error::Decode(format!("expected {wanted}, found {got:?}")))
}

macro_rules! simple {
    ($($type:ty, $wanted:literal, |$v:ident| $value:expr, $column:pat => $read:expr;)*) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Value<'_> {
                let $v = self;
                $value
            }
        }
        impl FromColumn for $type {
            fn from_column(column: Column<'_>) -> Result<Self, Error> {
                match column {
                    $column => $read,
                    other => unexpected($wanted, other),
                }
            }
        }
    )*};
}

simple! {
    bool, "a boolean", |v| Value::Bool(*v), Column::Int(i) => Ok(i != 0);
    i64, "an integer", |v| Value::Int(*v), Column::Int(i) => Ok(i);
    i32, "an integer", |v| Value::Int(i64::from(*v)), Column::Int(i) => i.try_into().map_err(|_| Error::Decode(format!("{i} is out of range")));
    i16, "a small integer", |v| Value::Int(i64::from(*v)), Column::Int(i) => i.try_into().map_err(|_| Error::Decode(format!("{i} is out of range")));
    String, "text", |v| Value::Text(Cow::Borrowed(v)), Column::Text(t) => Ok(t.to_owned());
    Vec<u8>, "bytes", |v| Value::Bytes(Cow::Borrowed(v)), Column::Bytes(b) => Ok(b.to_vec());
    Time, "a time", |v| Value::Time(*v), Column::Int(i) => Ok(Time::from_micros(i));
    Uuid, "a UUID", |v| Value::Uuid(*v), Column::Text(t) => Uuid::try_parse(t).map_err(|_| Error::Decode(format!("{t:?} is not a UUID")));
    Vec<String>, "an array", |v| Value::Texts(Cow::Borrowed(v)), Column::Text(t) => from_json(t);
    Vec<Uuid>, "an array", |v| Value::Uuids(Cow::Borrowed(v)), Column::Text(t) => from_json(t);
    serde_json::Value, "JSON", |v| Value::Json(Cow::Owned(v.to_string())), Column::Text(t) => from_json(t);
    BTreeMap<String, String>, "JSON", |v| Value::Json(Cow::Owned(to_json(v))), Column::Text(t) => from_json(t);
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|e| Error::Decode(format!("not the JSON that is kept here: {e}")))
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

impl FromColumn for f64 {
    fn from_column(column: Column<'_>) -> Result<Self, Error> {
        match column {
            Column::Real(r) => Ok(r),
            Column::Int(i) => Ok(i as f64),
            other => unexpected("a number", other),
        }
    }
}

impl ToValue for f64 {
    fn to_value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self))
    }
}

impl ToValue for [Uuid] {
    fn to_value(&self) -> Value<'_> {
        Value::Uuids(Cow::Borrowed(self))
    }
}

impl ToValue for [String] {
    fn to_value(&self) -> Value<'_> {
        Value::Texts(Cow::Borrowed(self))
    }
}

macro_rules! borrowed {
    ($($type:ty),*) => {$(
        impl ToValue for &$type {
            fn to_value(&self) -> Value<'_> {
                (**self).to_value()
            }
        }
    )*};
}

borrowed!(str, [u8], [Uuid], [String], serde_json::Value, BTreeMap<String, String>);

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Result<Self, Error> {
        match column {
            Column::Null => Ok(None),
            other => T::from_column(other).map(Some),
        }
    }
}

impl<T: Serialize> ToValue for Json<T> {
    fn to_value(&self) -> Value<'_> {
        Value::Json(Cow::Owned(to_json(&self.0)))
    }
}

impl<T: DeserializeOwned> FromColumn for Json<T> {
    fn from_column(column: Column<'_>) -> Result<Self, Error> {
        match column {
            Column::Text(t) => from_json(t).map(Json),
            other => unexpected("JSON", other),
        }
    }
}

impl<W: WireEnum> ToValue for W {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self.as_str()))
    }
}

impl<W: WireEnum> FromColumn for W {
    fn from_column(column: Column<'_>) -> Result<Self, Error> {
        match column {
            Column::Text(t) => W::parse(t).ok_or_else(|| Error::Decode(format!("{t:?} is not a {}", W::NAME))),
            other => unexpected("a word", other),
        }
    }
}
