//! Lays a block of the template over the schema of its type: attributes converted and completed,
//! nested blocks (with `dynamic` ones unrolled) as lists of objects.

use std::collections::BTreeMap;

use super::schema::{Attr, Body as BodySchema, Def, Need, Nested, Of};
use crate::provisioner::hcl::body::{Block, Body};
use crate::provisioner::hcl::eval::{self, Evaluator, Scope};
use crate::provisioner::hcl::place::{Diagnostic, Place, Result};
use crate::provisioner::hcl::value::{Data, Keyed, Value};

/// The most blocks a `dynamic` block may unroll to.
const MAX_DYNAMIC: usize = 10_000;

/// The names that `dynamic` blocks around a block give.
type Iterators<'a> = Vec<(&'a str, Value)>;

/// What a block says, in the shape of its schema. What the provider sets is [`Value::NULL`].
pub fn decode(schema: &BodySchema, body: &Body, scope: &dyn Scope, place: &Place, title: &str) -> Result<Value> {
    Decoder { scope, title }.body(schema, body, place, &Vec::new())
}

struct Decoder<'s> {
    scope: &'s dyn Scope,
    title: &'s str,
}

impl Decoder<'_> {
    fn eval(&self, attr: &crate::provisioner::hcl::body::Attr, iterators: &Iterators<'_>) -> Result<Value> {
        let evaluator = Evaluator::new(self.scope);
        let mut evaluator = iterators.iter().fold(evaluator, |e, (name, value)| e.with(name, value.clone()));
        evaluator.expr(&attr.expr).map_err(|e| Diagnostic::failed(&e, &attr.place, self.title))
    }

    fn wrong(&self, message: String, place: &Place) -> Diagnostic {
        Diagnostic::new(message, Some(place), self.title)
    }

    fn body(&self, schema: &BodySchema, body: &Body, place: &Place, iterators: &Iterators<'_>) -> Result<Value> {
        for given in &body.attrs {
            let known = schema.attrs.iter().find(|a| a.name == given.name);
            match known.map(|a| a.need) {
                None => return Err(self.wrong(format!("{:?} is not an argument here", given.name), &given.place)),
                Some(Need::Computed) => {
                    return Err(self.wrong(format!("{:?} cannot be set; it is found out", given.name), &given.place));
                }
                _ => {}
            }
        }
        let mut out = BTreeMap::new();
        for attr in schema.attrs {
            let value = match body.attr(attr.name) {
                Some(given) => {
                    let value = self.eval(given, iterators)?;
                    self.fit(attr, value, &given.place)?
                }
                None if attr.need == Need::Required => {
                    return Err(self.wrong(format!("the argument {:?} is missing", attr.name), place));
                }
                None => left_out(attr),
            };
            out.insert(attr.name.to_owned(), value.marked(attr.sensitive));
        }
        for nested in schema.blocks {
            out.insert(nested.kind.to_owned(), self.nested(nested, body, place, iterators)?);
        }
        let expected = |kind: &str| schema.blocks.iter().any(|n| n.kind == kind);
        for block in &body.blocks {
            let kind =
                if block.kind == "dynamic" { block.labels.first().map_or("", String::as_str) } else { &block.kind };
            if !expected(kind) {
                return Err(self.wrong(format!("blocks of type {kind:?} are not expected here"), &block.place));
            }
        }
        Ok(out.into())
    }

    fn fit(&self, attr: &Attr, value: Value, place: &Place) -> Result<Value> {
        let value = attr.of.constraint().convert(value);
        let value = value.map_err(|e| self.wrong(format!("{}: {e}", attr.name), place))?;
        if value.is_null() {
            return match attr.need {
                Need::Required => Err(self.wrong(format!("{} must not be null", attr.name), place)),
                _ => Ok(left_out(attr)),
            };
        }
        if attr.of == Of::Number && value.as_number().is_some_and(|n| n.as_i64().is_none()) {
            return Err(self.wrong(format!("{} must be a whole number", attr.name), place));
        }
        if let (Some(word), false) = (value.as_str(), attr.one_of.is_empty())
            && !attr.one_of.contains(&word)
        {
            let words = attr.one_of.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ");
            return Err(self.wrong(format!("{} must be one of {words}, not {word:?}", attr.name), place));
        }
        Ok(value)
    }

    fn nested(&self, nested: &Nested, body: &Body, place: &Place, iterators: &Iterators<'_>) -> Result<Value> {
        let mut items = Vec::new();
        for block in &body.blocks {
            if block.kind == nested.kind {
                items.push(self.body(&nested.body, &block.body, &block.place, iterators)?);
            } else if block.kind == "dynamic" && block.labels.first().is_some_and(|l| l == nested.kind) {
                match self.dynamic(nested, block, iterators)? {
                    Some(more) => items.extend(more),
                    None => return Ok(Value::UNKNOWN),
                }
            }
        }
        if items.len() < nested.least || items.len() > nested.most {
            let bound = if items.len() < nested.least { nested.least } else { nested.most };
            let how = if items.len() < nested.least { "at least" } else { "at most" };
            return Err(self.wrong(format!("{how} {bound} {:?} block(s) are expected here", nested.kind), place));
        }
        Ok(if nested.set { Value::set(items) } else { Value::list(items) })
    }

    fn dynamic(&self, nested: &Nested, block: &Block, iterators: &Iterators<'_>) -> Result<Option<Vec<Value>>> {
        let missing = |what| self.wrong(format!("a dynamic block needs {what}"), &block.place);
        let each = block.body.attr("for_each").ok_or_else(|| missing("for_each"))?;
        let content = block.body.blocks.iter().find(|b| b.kind == "content").ok_or_else(|| missing("content"))?;
        let name = match block.body.attr("iterator").map(|a| &a.expr) {
            Some(e) => e.as_variable().map(|v| v.as_str()).ok_or_else(|| missing("a name as iterator"))?,
            None => nested.kind,
        };
        let collection = self.eval(each, iterators)?;
        if collection.is_unknown() {
            return Ok(None);
        }
        let pairs = eval::pairs(&collection).map_err(|e| Diagnostic::failed(&e, &each.place, self.title))?;
        if pairs.len() > MAX_DYNAMIC {
            return Err(self.wrong(format!("more than {MAX_DYNAMIC} blocks"), &each.place));
        }
        let one = |(key, value): (Value, Value)| {
            let mut iterators = iterators.clone();
            iterators.push((name, Value::object([("key", key), ("value", value)])));
            self.body(&nested.body, &content.body, &content.place, &iterators)
        };
        pairs.into_iter().map(one).collect::<Result<_>>().map(Some)
    }
}

/// What an attribute is when the template does not say: its default, else null.
fn left_out(attr: &Attr) -> Value {
    match attr.default {
        Def::Bool(b) => b.into(),
        Def::Number(n) => n.into(),
        Def::Text(s) => s.into(),
        Def::None => Value::NULL,
    }
}

/// Nested blocks as providers of this kind keep them: what is null there becomes the empty value of its
/// type. `top` is the whole resource, whose own attributes stay null.
pub fn settled(schema: &BodySchema, value: Value, top: bool) -> Value {
    let sensitive = value.sensitive;
    let Data::Map(kind, mut map) = value.data else { return value };
    for attr in schema.attrs {
        if let Some(v) = map.get_mut(attr.name).filter(|v| !top && v.is_null()) {
            *v = empty(attr.of);
        }
    }
    for nested in schema.blocks {
        if let Some(v) = map.get_mut(nested.kind)
            && let Data::Seq(_, items) = &mut v.data
        {
            *items = std::mem::take(items).into_iter().map(|v| settled(&nested.body, v, false)).collect();
        }
    }
    Value::from(Data::Map(kind, map)).marked(sensitive)
}

fn empty(of: Of) -> Value {
    match of {
        Of::Bool => false.into(),
        Of::Number => 0i64.into(),
        Of::String => "".into(),
        Of::Map => Data::Map(Keyed::Map, BTreeMap::new()).into(),
        Of::List | Of::Roles => Value::list(Vec::new()),
        Of::Any => Value::NULL,
    }
}
