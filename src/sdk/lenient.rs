//! Reads request bodies as forgivingly as the servers that today's clients were written against.
//!
//! Clients leave out, send null, send the nil UUID or the year 1; they repeat a field, spell it in
//! another case, or send one we do not know. None of that is an error here. Wrong types and broken
//! syntax are, and the error names the field. Only the first value of a body counts.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What is wrong with a body: the path to the place, and the reason.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    path: String,
    reason: String,
}

impl Error {
    fn below(mut self, step: &str) -> Error {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(reason: T) -> Error {
        Error { path: String::new(), reason: reason.to_string() }
    }
}

/// Reads the first JSON value of a body into a request type.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(err)) => return Err(de::Error::custom(err)),
        None => return Err(de::Error::custom("the body is empty")),
    };
    from_value(value)
}

/// Reads a JSON value into a request type.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Lenient(value))
}

struct Lenient(Value);

const NIL_ID: &str = "00000000-0000-0000-0000-000000000000";

/// How a client's language writes an optional id or time that it left out.
fn stands_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => matches!(text.as_str(), NIL_ID | "0001-01-01T00:00:00Z"),
        _ => false,
    }
}

macro_rules! as_they_are {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.$method(visitor).map_err(de::Error::custom)
        }
    )*};
}

/// An item of a list or a value of a map that is null is the least value of its type.
macro_rules! null_as {
    ($($($method:ident)*: $least:expr;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = if self.0.is_null() { $least } else { self.0 };
            value.$method(visitor).map_err(de::Error::custom)
        }
    )*)*};
}

impl<'de> de::Deserializer<'de> for Lenient {
    type Error = Error;

    as_they_are! {
        deserialize_any deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
        deserialize_ignored_any
    }

    // An id is read by `deserialize_str`, any other text by `deserialize_string`.
    null_as! {
        deserialize_bool: Value::Bool(false);
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64: Value::from(0);
        deserialize_string: Value::from("");
        deserialize_str: Value::from(NIL_ID);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if stands_for_nothing(&self.0) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_map(Fields::default()),
            Value::Object(object) => {
                let mut found: Vec<(&'static str, Value)> = Vec::with_capacity(object.len());
                for (key, value) in object {
                    let field = fields.iter().find(|f| **f == key);
                    let Some(field) = field.or_else(|| fields.iter().find(|f| f.eq_ignore_ascii_case(&key))) else {
                        continue;
                    };
                    if value.is_null() {
                        continue;
                    }
                    match found.iter_mut().find(|(f, _)| f == field) {
                        Some(earlier) => earlier.1 = value,
                        None => found.push((field, value)),
                    }
                }
                visitor.visit_map(Fields { rest: found.into_iter(), next: None })
            }
            other => Err(de::Error::invalid_type(kind(&other), &"an object")),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_seq(Items::default()),
            Value::Array(items) => visitor.visit_seq(Items { rest: items.into_iter(), at: 0 }),
            other => Err(de::Error::invalid_type(kind(&other), &"an array")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_map(Entries::default()),
            Value::Object(object) => {
                visitor.visit_map(Entries { rest: object.into_iter().collect::<Vec<_>>().into_iter(), next: None })
            }
            other => Err(de::Error::invalid_type(kind(&other), &"an object")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, v: V) -> Result<V::Value, Error> {
        self.deserialize_seq(v)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor).map_err(de::Error::custom)
    }
}

fn kind(value: &Value) -> de::Unexpected<'_> {
    match value {
        Value::Null => de::Unexpected::Unit,
        Value::Bool(b) => de::Unexpected::Bool(*b),
        Value::Number(_) => de::Unexpected::Other("number"),
        Value::String(text) => de::Unexpected::Str(text),
        Value::Array(_) => de::Unexpected::Seq,
        Value::Object(_) => de::Unexpected::Map,
    }
}

/// The known fields of a struct that were sent.
#[derive(Default)]
struct Fields {
    rest: std::vec::IntoIter<(&'static str, Value)>,
    next: Option<(&'static str, Value)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next = self.rest.next();
        self.next.as_ref().map(|(field, _)| seed.deserialize((*field).into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (field, value) = self.next.take().unwrap_or(("", Value::Null));
        seed.deserialize(Lenient(value)).map_err(|e| e.below(field))
    }
}

/// The entries of a map with free keys.
#[derive(Default)]
struct Entries {
    rest: std::vec::IntoIter<(String, Value)>,
    next: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next = self.rest.next();
        let key = |(key, _): &(String, Value)| {
            let key: StringDeserializer<Error> = key.clone().into_deserializer();
            seed.deserialize(key)
        };
        self.next.as_ref().map(key).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, value) = self.next.take().unwrap_or_default();
        seed.deserialize(Lenient(value)).map_err(|e| e.below(&key))
    }
}

/// The items of an array.
#[derive(Default)]
struct Items {
    rest: std::vec::IntoIter<Value>,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Lenient(value)).map(Some).map_err(|e| e.below(&format!("[{at}]")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use uuid::Uuid;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Body {
        name: String,
        count: i64,
        id: Option<Uuid>,
        items: Vec<Item>,
        perms: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Item {
        key: String,
    }

    fn named(name: &str) -> Body {
        Body { name: name.into(), ..Body::default() }
    }

    #[test]
    fn what_a_client_leaves_out_is_absent_however_it_is_written() {
        for body in [
            "null",
            "{}",
            r#"{"name": null, "items": null, "count": null}"#,
            r#"{"id": "00000000-0000-0000-0000-000000000000"}"#,
            r#"{"unknown": {"deep": [1, 2]}}"#,
        ] {
            assert_eq!(from_slice::<Body>(body.as_bytes()).unwrap(), Body::default(), "{body}");
        }
    }

    #[test]
    fn odd_bodies_mean_what_they_mean_elsewhere() {
        for (body, want) in [
            (r#"{"name": "a"} {"name": "b"}"#, named("a")),
            (r#"{"name": "a", "name": "b"}"#, named("b")),
            (r#"{"Name": "a"}"#, named("a")),
            (r#"{"items": [{"KEY": "k", "x": 1}]}"#, Body { items: vec![Item { key: "k".into() }], ..Body::default() }),
            (r#"{"perms": {"A": null}}"#, Body { perms: [("A".into(), String::new())].into(), ..Body::default() }),
            (r#"{"perms": {"A": "use"}}"#, Body { perms: [("A".into(), "use".into())].into(), ..Body::default() }),
        ] {
            assert_eq!(from_slice::<Body>(body.as_bytes()).unwrap(), want, "{body}");
        }
    }

    #[test]
    fn an_error_names_the_place() {
        for (body, want) in [
            ("", "the body is empty"),
            ("[]", "invalid type: sequence"),
            ("7", "invalid type: number"),
            ("{", "EOF"),
            (r#"{"name": }"#, "expected value"),
            (r#"{"name": ["a"]}"#, "name: invalid type: sequence"),
            (r#"{"count": 1e3}"#, "count: invalid type: floating point"),
            (r#"{"items": [{}, {"key": 1}]}"#, "items[1].key: invalid type: integer"),
            (r#"{"perms": {"a": 1}}"#, "perms.a: invalid type"),
        ] {
            let got = from_slice::<Body>(body.as_bytes()).unwrap_err().to_string();
            assert!(got.contains(want), "{body}: {got}");
        }
    }
}
