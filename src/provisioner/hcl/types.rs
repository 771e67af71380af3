//! Type constraints (`string`, `list(number)`, `object({ a = optional(bool, true) })`), read from a
//! template and laid over values.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ObjectKey};
use serde_json::Value as Json;

use super::value::{Data, Keyed, Seq, Value};

/// A type constraint.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Whatever comes.
    Any,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// Text.
    String,
    /// Elements of one type in order.
    List(Box<Type>),
    /// Elements of one type, each once.
    Set(Box<Type>),
    /// Elements of one type by name.
    Map(Box<Type>),
    /// Elements each of its type.
    Tuple(Vec<Type>),
    /// Attributes each of its type.
    Object(BTreeMap<String, Attribute>),
}

/// An attribute of an object type.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its type.
    pub of: Type,
    /// Whether it may be left out.
    pub optional: bool,
    /// What it is when left out.
    pub default: Value,
}

impl Type {
    /// Reads a constraint. The message says what it trips over.
    pub fn parse(expr: &Expression) -> Result<Type, String> {
        let unknown = || format!("{:?} is not a type", expr.to_string().trim());
        if let Some(name) = expr.as_variable().map(|v| v.as_str()).or(expr.as_str()) {
            return Ok(match name {
                "any" => Type::Any,
                "bool" => Type::Bool,
                "number" => Type::Number,
                "string" => Type::String,
                "list" => Type::List(Box::new(Type::Any)),
                "set" => Type::Set(Box::new(Type::Any)),
                "map" => Type::Map(Box::new(Type::Any)),
                _ => return Err(unknown()),
            });
        }
        let call = expr.as_func_call().ok_or_else(unknown)?;
        let argument = call.args.get(0).filter(|_| call.args.len() == 1).ok_or_else(unknown)?;
        Ok(match call.name.name.as_str() {
            "list" => Type::List(Box::new(Type::parse(argument)?)),
            "set" => Type::Set(Box::new(Type::parse(argument)?)),
            "map" => Type::Map(Box::new(Type::parse(argument)?)),
            "tuple" => {
                let items = argument.as_array().ok_or_else(unknown)?;
                Type::Tuple(items.iter().map(Type::parse).collect::<Result<_, _>>()?)
            }
            "object" => {
                let object = argument.as_object().ok_or_else(unknown)?;
                let attributes = object.iter().map(|(key, value)| {
                    let name = match key {
                        ObjectKey::Ident(name) => name.as_str(),
                        ObjectKey::Expression(e) => e.as_str().ok_or_else(unknown)?,
                    };
                    Ok((name.to_owned(), Attribute::parse(value.expr())?))
                });
                Type::Object(attributes.collect::<Result<_, String>>()?)
            }
            _ => return Err(unknown()),
        })
    }

    /// Reads a type as provider schemas and state write it.
    pub fn from_json(json: &Json) -> Type {
        let of = |json: Option<&Json>| Box::new(json.map_or(Type::Any, Type::from_json));
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Type::Bool,
                "number" => Type::Number,
                "string" => Type::String,
                _ => Type::Any,
            },
            Json::Array(parts) => match (parts.first().and_then(Json::as_str), parts.get(1)) {
                (Some("list"), e) => Type::List(of(e)),
                (Some("set"), e) => Type::Set(of(e)),
                (Some("map"), e) => Type::Map(of(e)),
                (Some("tuple"), Some(Json::Array(items))) => Type::Tuple(items.iter().map(Type::from_json).collect()),
                (Some("object"), Some(Json::Object(map))) => Type::Object(
                    map.iter()
                        .map(|(k, t)| {
                            let of = Type::from_json(t);
                            (k.clone(), Attribute { of, optional: false, default: Value::NULL })
                        })
                        .collect(),
                ),
                _ => Type::Any,
            },
            _ => Type::Any,
        }
    }

    /// Lays the constraint over a value. The message says what does not fit.
    pub fn convert(&self, value: Value) -> Result<Value, String> {
        let Value { data, sensitive } = value;
        let made = match (self, data) {
            (_, data @ (Data::Null | Data::Unknown)) | (Type::Any, data) => Value::from(data),
            (Type::Bool, data) => {
                let value = Value::from(data);
                value.to_bool().map(Value::from).ok_or_else(|| required("a bool", &value))?
            }
            (Type::Number, data) => {
                let value = Value::from(data);
                value.to_number().map(Value::from).ok_or_else(|| required("a number", &value))?
            }
            (Type::String, data) => {
                let value = Value::from(data);
                value.to_text().map(Value::from).ok_or_else(|| required("a string", &value))?
            }
            (Type::List(of), Data::Seq(_, items)) => Value::list(of.each(items)?),
            (Type::Set(of), Data::Seq(_, items)) => Value::set(of.each(items)?),
            (Type::Map(of), Data::Map(_, map)) => {
                let (keys, items): (Vec<_>, Vec<_>) = map.into_iter().unzip();
                let items = of.each(items).map_err(|e| format!("element of map: {e}"))?;
                Data::Map(Keyed::Map, keys.into_iter().zip(items).collect()).into()
            }
            (Type::Tuple(types), Data::Seq(Seq::Tuple | Seq::List, items)) if types.len() == items.len() => {
                let items = types.iter().zip(items).map(|(t, v)| t.convert(v));
                Value::tuple(items.collect::<Result<_, _>>()?)
            }
            (Type::Object(attributes), Data::Map(_, mut map)) => {
                let fill = |(name, a): (&String, &Attribute)| {
                    let given = map.remove(name).filter(|v| !(a.optional && v.is_null()));
                    let value = match given {
                        Some(v) => v,
                        None if a.optional => a.default.clone(),
                        None => return Err(format!("attribute {name:?} is required")),
                    };
                    let value = a.of.convert(value).map_err(|e| format!("attribute {name:?}: {e}"))?;
                    Ok((name.clone(), value))
                };
                Value::from(attributes.iter().map(fill).collect::<Result<BTreeMap<_, _>, _>>()?)
            }
            (of, data) => return Err(required(of.article(), &data.into())),
        };
        Ok(made.marked(sensitive))
    }

    fn each(&self, items: Vec<Value>) -> Result<Vec<Value>, String> {
        let items = items.into_iter().map(|v| self.convert(v)).collect::<Result<Vec<_>, _>>()?;
        Ok(if *self == Type::Any { unified(items) } else { items })
    }

    fn article(&self) -> &'static str {
        match self {
            Type::Any => "a value",
            Type::Bool => "a bool",
            Type::Number => "a number",
            Type::String => "a string",
            Type::List(_) => "a list",
            Type::Set(_) => "a set",
            Type::Map(_) => "a map",
            Type::Tuple(_) => "a tuple of as many elements",
            Type::Object(_) => "an object",
        }
    }
}

impl Attribute {
    fn parse(expr: &Expression) -> Result<Attribute, String> {
        if let Some(call) = expr.as_func_call().filter(|c| c.name.name.as_str() == "optional") {
            let of = Type::parse(call.args.get(0).ok_or("optional() needs a type")?)?;
            let default = match call.args.get(1) {
                Some(e) => super::eval::constant(e).map_err(|e| e.message)?,
                None => Value::NULL,
            };
            return Ok(Attribute { of, optional: true, default });
        }
        Ok(Attribute { of: Type::parse(expr)?, optional: false, default: Value::NULL })
    }
}

fn required(what: &str, got: &Value) -> String {
    match got.as_str() {
        Some(s) if what == "a number" || what == "a bool" => format!("{what} is required, and {s:?} is none"),
        _ => format!("{what} is required, got {}", got.kind()),
    }
}

/// Makes elements of differing primitive types strings, as collections of one type do.
pub fn unified(items: Vec<Value>) -> Vec<Value> {
    let kinds = |v: &Value| match v.data {
        Data::Bool(_) => 1u8,
        Data::Number(_) => 2,
        Data::String(_) => 4,
        Data::Null | Data::Unknown => 0,
        _ => 8,
    };
    let seen = items.iter().fold(0, |seen, v| seen | kinds(v));
    if seen & 8 != 0 || seen.count_ones() <= 1 {
        return items;
    }
    let text = |v: Value| match v.to_text() {
        Some(s) => Value::from(s).marked(v.sensitive),
        None => v,
    };
    items.into_iter().map(text).collect()
}
