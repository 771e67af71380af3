//! Holds JSON bodies against the types that clients expect.
//!
//! The types are facts about the API (`fixtures/reference/sdk_types.json`), written in a tiny
//! language: `string`, `number`, `boolean`, `unknown`, `"literal"`, `X[]`, `Record<K, V>`, `A | B`,
//! names of other types, and `name?` for a field that may be absent. `fixtures/reference/api.json`
//! adds which strings are ids and times and which numbers are whole. A field that the type does not
//! know is a mismatch too.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;

const SAMPLE_ID: &str = "6ab75d13-6bd5-46e3-8163-e4d9d734c556";

/// A type of the tiny language.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Any,
    Null,
    Boolean,
    Number,
    Integer,
    String,
    Id,
    Time,
    Literal(String),
    List(Box<Shape>),
    Record(Box<Shape>, Box<Shape>),
    OneOf(Vec<Shape>),
    Named(String, Vec<Shape>),
}

#[derive(Debug)]
enum Definition {
    Alias(Shape),
    Object(BTreeMap<String, Field>),
}

#[derive(Clone, Debug)]
struct Field {
    shape: Shape,
    may_be_absent: bool,
}

/// Where a body differs from its type, and how.
#[derive(Debug, PartialEq)]
pub struct Mismatch {
    pub path: String,
    pub reason: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", if self.path.is_empty() { "the top" } else { &self.path }, self.reason)
    }
}

/// Fields that are words, though the document calls them ids.
const WORDS: [(&str, &str); 3] =
    [("TemplateExample", "id"), ("ExternalAuthLinkProvider", "id"), ("ExternalAuthLink", "provider_id")];

/// All types by name.
pub struct Shapes {
    definitions: HashMap<String, Definition>,
}

impl Shapes {
    /// Reads the facts: the types, and the document whose definitions say more about some fields.
    pub fn new(types: &Value, document: &Value) -> Shapes {
        let mut shapes = Shapes { definitions: HashMap::new() };
        let types = types["types"].as_object().expect("types");
        let documented = document["definitions"].as_object().expect("definitions");
        for (name, definition) in types {
            let said = ["codersdk.", "healthsdk.", ""].iter().find_map(|p| documented.get(&format!("{p}{name}")));
            let definition = match definition["alias"].as_str() {
                Some(alias) => Definition::Alias(parse(alias)),
                None => Definition::Object(object_fields(types, documented, definition, said)),
            };
            shapes.definitions.insert(name.clone(), definition);
        }
        for (name, field) in WORDS {
            if let Some(Definition::Object(fields)) = shapes.definitions.get_mut(name)
                && let Some(field) = fields.get_mut(field)
            {
                field.shape = Shape::String;
            }
        }
        // What only the document knows: it does not say what may be absent.
        for (name, definition) in documented {
            let short = short_name(name);
            if let Some(fields) = definition["fields"].as_object()
                && !shapes.definitions.contains_key(short)
            {
                let field = |text: &Value| Field { shape: parse_documented(text_of(text)), may_be_absent: true };
                let fields = fields.iter().map(|(name, text)| (name.clone(), field(text))).collect();
                shapes.definitions.insert(short.to_owned(), Definition::Object(fields));
            }
        }
        shapes
    }

    /// Whether there is a type of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.definitions.contains_key(name)
    }

    /// What a name stands for, if it is not an object's.
    pub fn alias(&self, name: &str) -> Option<&Shape> {
        match self.definitions.get(name)? {
            Definition::Alias(shape) => Some(shape),
            Definition::Object(_) => None,
        }
    }

    /// Holds a value against a type.
    pub fn check(&self, shape: &Shape, value: &Value) -> Result<(), Mismatch> {
        self.compare(shape, value, &[])
    }

    fn compare(&self, shape: &Shape, value: &Value, arguments: &[Shape]) -> Result<(), Mismatch> {
        let fits = match shape {
            Shape::Any => true,
            Shape::Null => value.is_null(),
            Shape::Boolean => value.is_boolean(),
            Shape::Number => value.is_number(),
            Shape::Integer => value.is_i64() || value.is_u64(),
            Shape::String => value.is_string(),
            Shape::Id => value.as_str().is_some_and(is_id),
            Shape::Time => value.as_str().is_some_and(is_time),
            Shape::Literal(word) => value.as_str() == Some(word),
            Shape::List(item) => return self.compare_list(item, value, arguments),
            Shape::Record(key, item) => return self.compare_record(key, item, value, arguments),
            Shape::OneOf(shapes) => return self.compare_any(shapes, value, arguments),
            Shape::Named(name, given) => match self.definitions.get(name) {
                Some(Definition::Alias(alias)) => return self.compare(alias, value, given),
                Some(Definition::Object(fields)) => return self.compare_object(name, fields, value, given),
                // A type parameter stands for the argument; so does the name of a wrapper.
                None => match given.first().or(arguments.first()) {
                    Some(argument) => return self.compare(argument, value, &[]),
                    None => return Err(mismatch(format!("there is no type {name}"))),
                },
            },
        };
        if fits { Ok(()) } else { Err(mismatch(format!("{} is not {}", brief(value), describe(shape)))) }
    }

    fn compare_list(&self, item: &Shape, value: &Value, arguments: &[Shape]) -> Result<(), Mismatch> {
        let Some(items) = value.as_array() else { return Err(mismatch(format!("{} is not a list", brief(value)))) };
        for (at, value) in items.iter().enumerate() {
            self.compare(item, value, arguments).map_err(|m| m.below(&format!("[{at}]")))?;
        }
        Ok(())
    }

    fn compare_record(&self, key: &Shape, item: &Shape, value: &Value, args: &[Shape]) -> Result<(), Mismatch> {
        let Some(entries) = value.as_object() else { return Err(mismatch(format!("{} is not a map", brief(value)))) };
        for (name, value) in entries {
            let key_value = match key {
                Shape::Number | Shape::Integer => serde_json::from_str(name).unwrap_or(Value::Null),
                _ => Value::String(name.clone()),
            };
            self.compare(key, &key_value, args).map_err(|m| m.below(&format!("key {name:?}")))?;
            self.compare(item, value, args).map_err(|m| m.below(name))?;
        }
        Ok(())
    }

    /// The mismatch with the alternative that is not null says most.
    fn compare_any(&self, shapes: &[Shape], value: &Value, arguments: &[Shape]) -> Result<(), Mismatch> {
        if shapes.iter().all(|s| matches!(s, Shape::Literal(_))) {
            let known = shapes.iter().any(|s| self.compare(s, value, arguments).is_ok());
            return if known { Ok(()) } else { Err(mismatch(format!("{} is none of the words", brief(value)))) };
        }
        let mut worst = mismatch(format!("{} may not be here", brief(value)));
        for shape in shapes {
            match self.compare(shape, value, arguments) {
                Ok(()) => return Ok(()),
                Err(m) if *shape != Shape::Null => worst = m,
                Err(_) => {}
            }
        }
        Err(worst)
    }

    fn compare_object(
        &self,
        name: &str,
        fields: &BTreeMap<String, Field>,
        value: &Value,
        arguments: &[Shape],
    ) -> Result<(), Mismatch> {
        let Some(object) = value.as_object() else { return Err(mismatch(format!("{} is not a {name}", brief(value)))) };
        for (key, field) in fields {
            match object.get(key) {
                Some(value) => self.compare(&field.shape, value, arguments).map_err(|m| m.below(key))?,
                None if field.may_be_absent => {}
                None => return Err(mismatch(format!("{name} lacks {key}"))),
            }
        }
        match object.keys().find(|key| !fields.contains_key(*key)) {
            Some(extra) => Err(mismatch(format!("{name} has no {extra}")).below(extra)),
            None => Ok(()),
        }
    }

    /// A value of a type: with all that may be there (`full`), or with as little as there can be.
    pub fn sample(&self, shape: &Shape, full: bool) -> Value {
        self.sample_within(shape, full, &[], 0)
    }

    fn sample_within(&self, shape: &Shape, full: bool, arguments: &[Shape], depth: usize) -> Value {
        let go = |shape: &Shape, arguments: &[Shape]| self.sample_within(shape, full, arguments, depth + 1);
        match shape {
            Shape::Any => serde_json::json!({"any": ["thing", 1]}),
            Shape::Null => Value::Null,
            Shape::Boolean => full.into(),
            Shape::Number | Shape::Integer => i32::from(full).into(),
            Shape::String => if full { "text <&>" } else { "" }.into(),
            Shape::Id => SAMPLE_ID.into(),
            Shape::Time => if full { "2026-11-24T02:54:07.453701Z" } else { "0001-01-01T00:00:00Z" }.into(),
            Shape::Literal(word) => word.as_str().into(),
            // Some types hold themselves.
            Shape::List(item) if full && depth < 12 => vec![go(item, arguments)].into(),
            Shape::List(_) => Value::Array(Vec::new()),
            Shape::Record(key, item) if full && depth < 12 => {
                // What is a text to the types is often an id to us.
                let key = match go(key, arguments) {
                    Value::String(_) if **key == Shape::String => SAMPLE_ID.to_owned(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                Value::Object([(key, go(item, arguments))].into_iter().collect())
            }
            Shape::Record(..) => Value::Object(serde_json::Map::new()),
            Shape::OneOf(shapes) if !full && shapes.contains(&Shape::Null) => Value::Null,
            Shape::OneOf(shapes) => go(&shapes[0], arguments),
            Shape::Named(name, given) => match self.definitions.get(name) {
                Some(Definition::Alias(alias)) => go(alias, given),
                Some(Definition::Object(fields)) => Value::Object(
                    fields
                        .iter()
                        .filter(|(_, f)| full || !f.may_be_absent)
                        .map(|(key, f)| (key.clone(), go(&f.shape, given)))
                        .collect(),
                ),
                None => given.first().or(arguments.first()).map_or(Value::Null, |argument| go(argument, &[])),
            },
        }
    }
}

impl Mismatch {
    fn below(mut self, step: &str) -> Mismatch {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{dot}{}", self.path);
        self
    }
}

fn mismatch(reason: String) -> Mismatch {
    Mismatch { path: String::new(), reason }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { format!("{}…", text.chars().take(60).collect::<String>()) }
}

fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Id => "an id".into(),
        Shape::Time => "a time in UTC".into(),
        Shape::Integer => "a whole number".into(),
        Shape::Literal(word) => format!("{word:?}"),
        other => format!("a {other:?}").to_lowercase(),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text == text.to_lowercase() && uuid::Uuid::try_parse(text).is_ok()
}

fn is_time(text: &str) -> bool {
    text.ends_with('Z') && rockpool::time::Time::parse(text).is_some()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or("any")
}

/// The fields of an object and of what it extends, sharpened by what the document says of them.
fn object_fields(
    types: &serde_json::Map<String, Value>,
    documented: &serde_json::Map<String, Value>,
    definition: &Value,
    said: Option<&Value>,
) -> BTreeMap<String, Field> {
    let mut fields = BTreeMap::new();
    if let Some(base) = definition["extends"].as_str() {
        let said = ["codersdk.", "healthsdk.", ""].iter().find_map(|p| documented.get(&format!("{p}{base}")));
        fields = object_fields(types, documented, &types[base], said);
    }
    for (name, text) in definition["fields"].as_object().expect("fields") {
        let key = name.trim_end_matches('?');
        let mut shape = parse(text_of(text));
        let said =
            said.and_then(|s| s["fields"][key].as_str()).filter(|said| *said != "string" || !key.ends_with("_at"));
        let said = said.unwrap_or(named_like(key));
        shape = sharpen(shape, said);
        fields.insert(key.to_owned(), Field { shape, may_be_absent: name.ends_with('?') });
    }
    fields
}

/// What the document would say of a field, to go by its name.
fn named_like(field: &str) -> &'static str {
    if field == "id" || field.ends_with("ID") || field.ends_with("_id") || field.ends_with("_ids") {
        "string:uuid"
    } else if field.ends_with("_at") {
        "string:date-time"
    } else {
        ""
    }
}

fn sharpen(shape: Shape, said: &str) -> Shape {
    match (shape, said) {
        (Shape::String, "string:uuid" | "uuid.NullUUID") => Shape::Id,
        (Shape::String, "string:date-time") => Shape::Time,
        (Shape::Number, "integer") => Shape::Integer,
        (Shape::List(item), _) => {
            let said = said.trim_start_matches('[').trim_end_matches(']');
            Shape::List(Box::new(sharpen(*item, said)))
        }
        (Shape::OneOf(shapes), _) => Shape::OneOf(shapes.into_iter().map(|s| sharpen(s, said)).collect()),
        (shape, _) => shape,
    }
}

/// The name under which the types know what the document calls `codersdk.Name`.
fn short_name(name: &str) -> &str {
    name.strip_prefix("codersdk.").or(name.strip_prefix("healthsdk.")).unwrap_or(name)
}

/// Reads a type as the document writes it: `[codersdk.User]`, `{any}`, `codersdk.Box-codersdk_Item`.
pub fn parse_documented(text: &str) -> Shape {
    let inner = |open, close| text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    if let Some(item) = inner('[', ']') {
        return Shape::List(Box::new(parse_documented(item)));
    }
    if let Some(item) = inner('{', '}') {
        return Shape::Record(Box::new(Shape::String), Box::new(parse_documented(item)));
    }
    match text {
        "any" | "object" | "key.NodePublic" => Shape::Any,
        "null" => Shape::Null,
        "boolean" => Shape::Boolean,
        "number" => Shape::Number,
        "integer" => Shape::Integer,
        "string" => Shape::String,
        "string:uuid" => Shape::Id,
        "string:date-time" => Shape::Time,
        name => match name.split_once('-') {
            Some((name, argument)) => {
                Shape::Named(short_name(name).into(), vec![parse_documented(&argument.replacen('_', ".", 1))])
            }
            None => Shape::Named(short_name(name).into(), Vec::new()),
        },
    }
}

/// Reads a type of the tiny language.
pub fn parse(text: &str) -> Shape {
    let mut parser = Parser { text: text.strip_prefix("readonly ").unwrap_or(text) };
    let shape = parser.union();
    assert!(parser.text.trim().is_empty(), "{text:?} ends with {:?}", parser.text);
    shape
}

struct Parser<'a> {
    text: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.text.trim_start().strip_prefix(token);
        if let Some(rest) = rest {
            self.text = rest;
        }
        rest.is_some()
    }

    fn union(&mut self) -> Shape {
        let mut shapes = vec![self.item()];
        while self.eat("|") {
            shapes.push(self.item());
        }
        if shapes.len() == 1 { shapes.remove(0) } else { Shape::OneOf(shapes) }
    }

    fn item(&mut self) -> Shape {
        let mut shape = self.word();
        while self.eat("[]") {
            shape = Shape::List(Box::new(shape));
        }
        shape
    }

    fn word(&mut self) -> Shape {
        if self.eat("\"") {
            let (word, rest) = self.text.split_once('"').expect("a closing quote");
            self.text = rest;
            return Shape::Literal(word.to_owned());
        }
        let text = self.text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        assert!(!name.is_empty(), "a name should come before {rest:?}");
        self.text = rest;
        let mut arguments = Vec::new();
        if self.eat("<") {
            arguments.push(self.union());
            while self.eat(",") {
                arguments.push(self.union());
            }
            assert!(self.eat(">"), "an argument list should end before {:?}", self.text);
        }
        match (name, arguments.len()) {
            ("string", 0) => Shape::String,
            ("number", 0) => Shape::Number,
            ("boolean", 0) => Shape::Boolean,
            ("unknown" | "any", 0) => Shape::Any,
            ("null", 0) => Shape::Null,
            ("Record", 2) => {
                let item = arguments.remove(1);
                Shape::Record(Box::new(arguments.remove(0)), Box::new(item))
            }
            _ => Shape::Named(name.to_owned(), arguments),
        }
    }
}

mod tests {
    use super::*;
    use serde_json::json;

    fn small() -> Shapes {
        let types = json!({"types": {
            "Pet": {"fields": {"id": "string", "name?": "string", "kind": "Kind", "tags": "Record<string, string> | null"}},
            "Dog": {"extends": "Pet", "fields": {"legs": "number", "born": "string"}},
            "Kind": {"alias": "\"cat\" | \"dog\" | \"\""},
            "Page": {"fields": {"items": "R[]"}},
            "Grid": {"fields": {"rows": "number[][]", "of": "Record<number, Pet | null>"}},
        }});
        let document = json!({"definitions": {
            "codersdk.Pet": {"fields": {"id": "string:uuid"}},
            "codersdk.Dog": {"fields": {"legs": "integer", "born": "string:date-time"}},
        }});
        Shapes::new(&types, &document)
    }

    const ID: &str = "6ab75d13-6bd5-46e3-8163-e4d9d734c556";

    #[test]
    fn what_fits_passes() {
        let shapes = small();
        let pet = json!({"id": ID, "kind": "", "tags": null});
        for (shape, value) in [
            ("Pet", pet.clone()),
            ("Pet", json!({"id": ID, "name": "Rex", "kind": "dog", "tags": {"a": "b"}})),
            ("Dog", json!({"id": ID, "kind": "dog", "tags": {}, "legs": 4, "born": "2026-01-02T03:04:05.6Z"})),
            ("Page<Pet>", json!({"items": [pet]})),
            ("Grid", json!({"rows": [[1, 2.5], []], "of": {"7": null, "8": pet}})),
            ("Wrapper<Pet[]> | null", json!([pet])),
        ] {
            assert_eq!(shapes.check(&parse(shape), &value), Ok(()), "{shape} {value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let shapes = small();
        for (shape, value, path, reason) in [
            ("Pet", json!([]), "", "not a Pet"),
            ("Pet", json!({"id": ID, "tags": null}), "", "Pet lacks kind"),
            ("Pet", json!({"id": ID, "kind": "cat", "tags": null, "age": 1}), "age", "Pet has no age"),
            ("Pet", json!({"id": "7", "kind": "cat", "tags": null}), "id", "not an id"),
            ("Pet", json!({"id": ID, "kind": "cow", "tags": null}), "kind", "none of the words"),
            ("Pet", json!({"id": ID, "kind": "cat", "tags": {"a": 1}}), "tags.a", "1 is not a string"),
            ("Pet", json!({"id": ID, "kind": null, "tags": null}), "kind", "null"),
            ("Pet", json!({"id": ID, "name": null, "kind": "", "tags": null}), "name", "null is not a string"),
            ("Dog[]", json!([{"id": ID, "kind": "", "tags": null, "legs": 1.5, "born": "x"}]), "[0].born", "time"),
            (
                "Dog[]",
                json!([{"id": ID, "kind": "", "tags": null, "legs": 1.5, "born": "2026-01-02T03:04:05Z"}]),
                "[0].legs",
                "whole number",
            ),
            ("Page<Pet>", json!({"items": [7]}), "items[0]", "not a Pet"),
            ("Grid", json!({"rows": [[true]], "of": {}}), "rows[0][0]", "not a number"),
            ("Grid", json!({"rows": [], "of": {"x": null}}), "of.key \"x\"", "not a number"),
            ("Nobody", json!(1), "", "no type Nobody"),
        ] {
            let got = shapes.check(&parse(shape), &value).expect_err(shape);
            assert_eq!(got.path, path, "{shape} {value}: {got}");
            assert!(got.reason.contains(reason), "{shape} {value}: {got}");
        }
    }

    #[test]
    fn documented_types_are_read() {
        let shapes = small();
        for (text, value, fits) in [
            ("[codersdk.Pet]", json!([{"id": ID, "kind": "cat", "tags": null}]), true),
            ("codersdk.Page-codersdk_Pet", json!({"items": []}), true),
            ("codersdk.Page-codersdk_Pet", json!({"items": [1]}), false),
            ("{any}", json!({"a": [1]}), true),
            ("null", json!(null), true),
            ("string", json!(1), false),
        ] {
            assert_eq!(shapes.check(&parse_documented(text), &value).is_ok(), fits, "{text} {value}");
        }
    }

    #[test]
    fn samples_fit_their_own_types() {
        let shapes = small();
        for name in ["Pet", "Dog", "Page<Pet>", "Grid"] {
            for full in [true, false] {
                let sample = shapes.sample(&parse(name), full);
                assert_eq!(shapes.check(&parse(name), &sample), Ok(()), "{name} {sample}");
            }
        }
    }
}
