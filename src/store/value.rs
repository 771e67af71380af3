//! Values on their way into and out of a statement, in the few kinds that both engines share.
//!
//! How a kind is kept is the engine's business: SQLite keeps a UUID as text and a time as an integer
//! of microseconds, Postgres has types of its own. Nothing above the engines sees the difference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

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
    /// Text and JSON; UUIDs and arrays where the engine has no type for them.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A UUID.
    Uuid(Uuid),
    /// The address of a host or a network.
    Inet(Inet),
    /// An array of texts or UUIDs.
    Array(Array<'a>),
}

/// The address of a host or a network, which is text to everyone but an engine that has a type for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// How many of its bits say which network it is in.
    pub prefix_len: u8,
}

impl std::fmt::Display for Inet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = if self.address.is_ipv4() { 32 } else { 128 };
        match self.prefix_len {
            len if len == all => self.address.fmt(f),
            len => write!(f, "{}/{len}", self.address),
        }
    }
}

impl FromStr for Inet {
    type Err = String;
    fn from_str(text: &str) -> Result<Inet, String> {
        let (address, len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
        let address: IpAddr = address.parse().map_err(|_| format!("{text:?} is not the address of a host"))?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = len.map_or(Some(all), |len| len.parse().ok().filter(|len| *len <= all));
        Ok(Inet { address, prefix_len: prefix_len.ok_or_else(|| format!("{text:?} is not the address of a network"))? })
    }
}

/// A one-dimensional array in the binary form of Postgres, its elements not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Array<'a>(pub &'a [u8]);

impl<'a> Array<'a> {
    /// Reads each element with `read`. There are no NULL elements in this schema: one is an error.
    fn elements<T>(self, read: impl Fn(&'a [u8]) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let broken = || Error::Decode("a broken array".into());
        let mut rest = self.0;
        let word = |rest: &mut &'a [u8]| -> Result<i32, Error> {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
            *rest = tail;
            Ok(i32::from_be_bytes(*head))
        };
        let dimensions = word(&mut rest)?;
        let (_has_nulls, _element_type) = (word(&mut rest)?, word(&mut rest)?);
        let length = match dimensions {
            0 => return Ok(Vec::new()),
            1 => usize::try_from(word(&mut rest)?).map_err(|_| broken())?,
            _ => return Err(Error::Decode("an array of several dimensions".into())),
        };
        let _first_index = word(&mut rest)?;
        let mut elements = Vec::with_capacity(length.min(rest.len() / 4));
        for _ in 0..length {
            let size =
                usize::try_from(word(&mut rest)?).map_err(|_| Error::Decode("an array that holds NULL".into()))?;
            let (element, tail) = rest.split_at_checked(size).ok_or_else(broken)?;
            elements.push(read(element)?);
            rest = tail;
        }
        Ok(elements)
    }
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
    Vec<u8>, "bytes", |v| Value::Bytes(Cow::Borrowed(v)), Column::Bytes(b) => Ok(b.to_vec());
    Time, "a time", |v| Value::Time(*v), Column::Int(i) => Ok(Time::from_micros(i));
    serde_json::Value, "JSON", |v| Value::Json(Cow::Owned(v.to_string())), Column::Text(t) => from_json(t);
    BTreeMap<String, String>, "JSON", |v| Value::Json(Cow::Owned(to_json(v))), Column::Text(t) => from_json(t);
}

macro_rules! several {
    ($($type:ty, $wanted:literal, |$v:ident| $value:expr, { $($column:pat => $read:expr,)* };)*) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Value<'_> {
                let $v = self;
                $value
            }
        }
        impl FromColumn for $type {
            fn from_column(column: Column<'_>) -> Result<Self, Error> {
                match column {
                    $($column => $read,)*
                    other => unexpected($wanted, other),
                }
            }
        }
    )*};
}

// What the engines hand over in forms of their own.
several! {
    String, "text", |v| Value::Text(Cow::Borrowed(v)), {
        Column::Text(t) => Ok(t.to_owned()),
        Column::Inet(inet) => Ok(inet.to_string()),
    };
    Uuid, "a UUID", |v| Value::Uuid(*v), {
        Column::Text(t) => Uuid::try_parse(t).map_err(|_| Error::Decode(format!("{t:?} is not a UUID"))),
        Column::Uuid(id) => Ok(id),
    };
    Vec<String>, "an array", |v| Value::Texts(Cow::Borrowed(v)), {
        Column::Text(t) => from_json(t),
        Column::Array(array) => array.elements(|e| {
            String::from_utf8(e.to_vec()).map_err(|_| Error::Decode("text that is not UTF-8".into()))
        }),
    };
    Vec<Uuid>, "an array", |v| Value::Uuids(Cow::Borrowed(v)), {
        Column::Text(t) => from_json(t),
        Column::Array(array) => array.elements(|e| {
            Uuid::from_slice(e).map_err(|_| Error::Decode("an element that is not a UUID".into()))
        }),
    };
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let read: Result<T, serde_json::Error> = serde_json::from_str(text);
    // Coder writes a list or a map that was never made as null, and its databases are to be readable here.
    let read = read.or_else(|e| match text {
        "null" => serde_json::from_str("[]").or_else(|_| serde_json::from_str("{}")).map_err(|_: serde_json::Error| e),
        _ => Err(e),
    });
    read.map_err(|e| Error::Decode(format!("not the JSON that is kept here: {e}")))
}

/// The JSON text of a value that has one, as all that are kept do.
pub(in crate::store) fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_an_empty_list_or_map_where_one_belongs() {
        let null = Column::Text("null");
        assert!(Json::<Vec<i32>>::from_column(null).expect("a list").0.is_empty());
        assert!(BTreeMap::<String, String>::from_column(null).expect("a map").is_empty());
        assert_eq!(serde_json::Value::from_column(null).expect("JSON"), serde_json::Value::Null);
        assert_eq!(Json::<Option<i32>>::from_column(null).expect("an option").0, None);
        assert!(Json::<i32>::from_column(null).is_err());
    }
}
