//! What expressions come to: null, booleans, numbers, strings, sequences, maps, and "not known yet".
//!
//! A value may be marked sensitive; the mark spreads to whatever is made from it and keeps it out of
//! logs. Sequences and maps remember whether they are tuples or lists or sets, objects or maps, since
//! that decides what may be done with them and how state writes their types.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::number::Number;

/// What a value takes besides its text, about.
const VALUE_BYTES: usize = 48;

/// A value, and whether it must not be shown.
#[derive(Clone, Debug)]
pub struct Value {
    /// The value itself.
    pub data: Data,
    /// Whether it must not be shown.
    pub sensitive: bool,
}

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Nothing.
    Null,
    /// Something that is not known before apply.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// Values in order.
    Seq(Seq, Vec<Value>),
    /// Values by name.
    Map(Keyed, BTreeMap<String, Value>),
}

/// What kind of sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq {
    /// Each element of a type of its own.
    Tuple,
    /// All elements of one type.
    List,
    /// All elements of one type, each once, in no order but that of sorting.
    Set,
}

/// What kind of map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyed {
    /// Each attribute of a type of its own.
    Object,
    /// All elements of one type.
    Map,
}

/// Two values are equal whatever is sensitive about them.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (&self.data, &other.data) {
            (Data::Seq(_, a), Data::Seq(_, b)) => a == b,
            (Data::Map(_, a), Data::Map(_, b)) => a == b,
            (a, b) => a == b,
        }
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Value {
        Value { data, sensitive: false }
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Data::Bool(b).into()
    }
}
impl From<Number> for Value {
    fn from(n: Number) -> Value {
        Data::Number(n).into()
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Data::Number(Number::Int(n.into())).into()
    }
}
impl From<usize> for Value {
    fn from(n: usize) -> Value {
        Data::Number(Number::Int(n as i128)).into()
    }
}
impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Data::String(s.to_owned()).into()
    }
}
impl From<String> for Value {
    fn from(s: String) -> Value {
        Data::String(s).into()
    }
}
impl From<BTreeMap<String, Value>> for Value {
    fn from(map: BTreeMap<String, Value>) -> Value {
        Data::Map(Keyed::Object, map).into()
    }
}

impl Value {
    /// Nothing.
    pub const NULL: Value = Value { data: Data::Null, sensitive: false };
    /// Not known before apply.
    pub const UNKNOWN: Value = Value { data: Data::Unknown, sensitive: false };

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Data::Seq(Seq::Tuple, items).into()
    }
    /// A list.
    pub fn list(items: Vec<Value>) -> Value {
        Data::Seq(Seq::List, items).into()
    }
    /// A list of strings.
    pub fn strings<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Value {
        Value::list(items.into_iter().map(|s| Value::from(s.into())).collect())
    }
    /// A set: each value once, sorted.
    pub fn set(mut items: Vec<Value>) -> Value {
        items.sort_by(order);
        items.dedup();
        Data::Seq(Seq::Set, items).into()
    }
    /// An object of these attributes.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Value {
        Data::Map(Keyed::Object, attributes.into_iter().map(|(k, v)| (k.into(), v)).collect()).into()
    }
    /// The value, marked sensitive if `mark` says so.
    pub fn marked(mut self, mark: bool) -> Value {
        self.sensitive |= mark;
        self
    }
    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        self.data == Data::Null
    }
    /// Whether it is not known yet, as a whole.
    pub fn is_unknown(&self) -> bool {
        self.data == Data::Unknown
    }
    /// Whether `test` holds for it or anything in it.
    fn any(&self, test: &dyn Fn(&Value) -> bool) -> bool {
        test(self)
            || match &self.data {
                Data::Seq(_, items) => items.iter().any(|v| v.any(test)),
                Data::Map(_, map) => map.values().any(|v| v.any(test)),
                _ => false,
            }
    }
    /// Whether it or anything in it is not known yet.
    pub fn has_unknown(&self) -> bool {
        self.any(&Value::is_unknown)
    }
    /// Whether it or anything in it is sensitive.
    pub fn has_sensitive(&self) -> bool {
        self.any(&|v| v.sensitive)
    }
    /// About how many bytes it takes. Gives up counting above `limit`.
    pub fn weight(&self, limit: usize) -> usize {
        let mut total = VALUE_BYTES;
        match &self.data {
            Data::String(s) => total += s.len(),
            Data::Seq(_, items) => {
                for item in items {
                    if total > limit {
                        break;
                    }
                    total += item.weight(limit - total);
                }
            }
            Data::Map(_, map) => {
                for (key, value) in map {
                    total += key.len();
                    if total > limit {
                        break;
                    }
                    total += value.weight(limit - total);
                }
            }
            _ => {}
        }
        total
    }
    /// Whether nothing in it is nested deeper than `levels`.
    pub fn is_within(&self, levels: usize) -> bool {
        match &self.data {
            Data::Seq(_, items) => levels > 0 && items.iter().all(|v| v.is_within(levels - 1)),
            Data::Map(_, map) => levels > 0 && map.values().all(|v| v.is_within(levels - 1)),
            _ => true,
        }
    }
    /// The value without any marks in it.
    pub fn unmarked(self) -> Value {
        let data = match self.data {
            Data::Seq(kind, items) => Data::Seq(kind, items.into_iter().map(Value::unmarked).collect()),
            Data::Map(kind, map) => Data::Map(kind, map.into_iter().map(|(k, v)| (k, v.unmarked())).collect()),
            other => other,
        };
        data.into()
    }
    /// Its text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(s) => Some(s),
            _ => None,
        }
    }
    /// Its truth, if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(b) => Some(b),
            _ => None,
        }
    }
    /// Its number, if it is one.
    pub fn as_number(&self) -> Option<Number> {
        match self.data {
            Data::Number(n) => Some(n),
            _ => None,
        }
    }
    /// Its elements, if it is a sequence.
    pub fn as_seq(&self) -> Option<&[Value]> {
        match &self.data {
            Data::Seq(_, items) => Some(items),
            _ => None,
        }
    }
    /// Its elements by name, if it is a map or an object.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match &self.data {
            Data::Map(_, map) => Some(map),
            _ => None,
        }
    }
    /// The attribute of that name; [`Value::NULL`] where there is none.
    pub fn attribute(&self, name: &str) -> &Value {
        self.as_map().and_then(|m| m.get(name)).unwrap_or(&Value::NULL)
    }
    /// What kind of thing it is, in a message.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "null",
            Data::Unknown => "not known yet",
            Data::Bool(_) => "bool",
            Data::Number(_) => "number",
            Data::String(_) => "string",
            Data::Seq(Seq::Tuple, _) => "tuple",
            Data::Seq(Seq::List, _) => "list",
            Data::Seq(Seq::Set, _) => "set",
            Data::Map(Keyed::Object, _) => "object",
            Data::Map(Keyed::Map, _) => "map",
        }
    }
    /// A string, number or boolean as text.
    pub fn to_text(&self) -> Option<String> {
        match &self.data {
            Data::String(s) => Some(s.clone()),
            Data::Number(n) => Some(n.to_string()),
            Data::Bool(b) => Some(b.to_string()),
            _ => None,
        }
    }
    /// A number, or text that spells one.
    pub fn to_number(&self) -> Option<Number> {
        match &self.data {
            Data::Number(n) => Some(*n),
            Data::String(s) => Number::parse(s),
            _ => None,
        }
    }
    /// A boolean, or text that spells one.
    pub fn to_bool(&self) -> Option<bool> {
        match &self.data {
            Data::Bool(b) => Some(*b),
            Data::String(s) if s == "true" => Some(true),
            Data::String(s) if s == "false" => Some(false),
            _ => None,
        }
    }
    /// As JSON; what is not known becomes null.
    pub fn to_json(&self) -> Json {
        match &self.data {
            Data::Null | Data::Unknown => Json::Null,
            Data::Bool(b) => Json::Bool(*b),
            Data::Number(n) => n.to_json(),
            Data::String(s) => Json::String(s.clone()),
            Data::Seq(_, items) => items.iter().map(Value::to_json).collect(),
            Data::Map(_, map) => map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
        }
    }
    /// From JSON: arrays become tuples, objects objects.
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::NULL,
            Json::Bool(b) => (*b).into(),
            Json::Number(n) => n
                .as_i64()
                .map(|n| Number::Int(n.into()))
                .or_else(|| n.as_u64().map(|n| Number::Int(n.into())))
                .or_else(|| n.as_f64().and_then(Number::from_f64))
                .map_or(Value::NULL, Value::from),
            Json::String(s) => s.as_str().into(),
            Json::Array(items) => Value::tuple(items.iter().map(Value::from_json).collect()),
            Json::Object(map) => Value::object(map.iter().map(|(k, v)| (k.clone(), Value::from_json(v)))),
        }
    }
    /// Its type, as state writes types.
    pub fn type_json(&self) -> Json {
        match &self.data {
            Data::Null | Data::Unknown => json!("dynamic"),
            Data::Bool(_) => json!("bool"),
            Data::Number(_) => json!("number"),
            Data::String(_) => json!("string"),
            Data::Seq(Seq::Tuple, items) => {
                json!(["tuple", items.iter().map(Value::type_json).collect::<Vec<_>>()])
            }
            Data::Seq(kind, items) => {
                let of = items.iter().find(|v| !v.is_null()).map_or(json!("dynamic"), Value::type_json);
                json!([if *kind == Seq::Set { "set" } else { "list" }, of])
            }
            Data::Map(Keyed::Map, map) => {
                let of = map.values().find(|v| !v.is_null()).map_or(json!("dynamic"), Value::type_json);
                json!(["map", of])
            }
            Data::Map(Keyed::Object, map) => {
                let of: serde_json::Map<_, _> = map.iter().map(|(k, v)| (k.clone(), v.type_json())).collect();
                json!(["object", of])
            }
        }
    }
}

/// The order of a set: by kind, then by value.
pub fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    let rank = |v: &Value| match v.data {
        Data::Null => 0,
        Data::Unknown => 1,
        Data::Bool(_) => 2,
        Data::Number(_) => 3,
        Data::String(_) => 4,
        Data::Seq(..) => 5,
        Data::Map(..) => 6,
    };
    match (&a.data, &b.data) {
        (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
        (Data::Number(a), Data::Number(b)) => a.cmp(b),
        (Data::String(a), Data::String(b)) => a.cmp(b),
        (Data::Seq(_, a), Data::Seq(_, b)) => {
            let by_element = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|o| o.is_ne());
            by_element.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Data::Map(_, a), Data::Map(_, b)) => {
            let by_entry = a.iter().zip(b).map(|((ka, a), (kb, b))| ka.cmp(kb).then_with(|| order(a, b)));
            by_entry.into_iter().find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

/// A value that can be looked up among others, whatever its marks.
#[derive(Clone, Debug)]
pub struct Sorted<'v>(pub &'v Value);

impl PartialEq for Sorted<'_> {
    fn eq(&self, other: &Self) -> bool {
        order(self.0, other.0).is_eq()
    }
}
impl Eq for Sorted<'_> {}
impl PartialOrd for Sorted<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Sorted<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        order(self.0, other.0)
    }
}
