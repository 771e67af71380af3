//! Reads a block of a template as far as it makes sense. Unlike a plan, a form is shown while much is
//! still unknown and some of it wrong, so every attribute is asked for by itself, and one that fails is
//! no more than missing.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ObjectKey};

use crate::provisioner::hcl::body::{self, Body};
use crate::provisioner::hcl::eval::{self, EvalError, Evaluator, Scope};
use crate::provisioner::hcl::value::Value;

/// The most blocks that a `dynamic` block may stand for.
const MAX_DYNAMIC: usize = 10_000;

/// A block where it is written: what its names stand for, and the variables of `dynamic` blocks around it.
#[derive(Clone)]
pub struct Block<'b> {
    scope: &'b dyn Scope,
    /// What it says.
    pub body: &'b Body,
    iterators: Vec<(&'b str, Value)>,
}

impl<'b> Block<'b> {
    /// A block outside `dynamic` ones.
    pub fn new(scope: &'b dyn Scope, body: &'b Body) -> Block<'b> {
        Block { scope, body, iterators: Vec::new() }
    }

    /// What an expression comes to.
    pub fn eval(&self, expr: &'b Expression) -> Result<Value, EvalError> {
        let evaluator = Evaluator::new(self.scope);
        self.iterators.iter().fold(evaluator, |e, (name, value)| e.with(name, value.clone())).expr(expr)
    }

    /// What an expression comes to; what fails in it is not known.
    pub fn eval_parts(&self, expr: &'b Expression) -> Value {
        match expr {
            Expression::Parenthesis(inner) => self.eval_parts(inner.inner()),
            Expression::Array(items) => Value::tuple(items.iter().map(|e| self.eval_parts(e)).collect()),
            Expression::Object(object) => {
                let entries = object.iter().map(|(k, v)| Some((self.key(k)?, self.eval_parts(v.expr()))));
                entries.collect::<Option<BTreeMap<_, _>>>().map_or(Value::UNKNOWN, Value::from)
            }
            whole => self.eval(whole).unwrap_or(Value::UNKNOWN),
        }
    }

    /// The key of an object, if it is known.
    pub fn key(&self, key: &'b ObjectKey) -> Option<String> {
        match key {
            ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
            ObjectKey::Expression(e) => self.eval(e).ok()?.to_text(),
        }
    }

    /// What an attribute comes to; nothing where it is not written.
    pub fn attr(&self, name: &str) -> Option<Result<Value, EvalError>> {
        self.body.attr(name).map(|attr| self.eval(&attr.expr))
    }

    fn known(&self, name: &str) -> Option<Value> {
        self.attr(name)?.ok().filter(|v| !v.is_null() && !v.is_unknown())
    }
    /// An attribute's text, if it has one.
    pub fn text(&self, name: &str) -> Option<String> {
        self.known(name)?.to_text()
    }
    /// Whether an attribute is true.
    pub fn flag(&self, name: &str) -> bool {
        self.known(name).and_then(|v| v.as_bool()) == Some(true)
    }
    /// An attribute's number, if it is one, without what is behind the point.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let number = self.known(name)?.as_number()?;
        Some(number.as_i64().unwrap_or(number.as_f64() as i64))
    }

    /// All attributes as an object, for what refers to the block.
    pub fn object(&self) -> BTreeMap<String, Value> {
        self.body.attrs.iter().map(|a| (a.name.clone(), self.eval_parts(&a.expr))).collect()
    }

    /// The blocks of a kind in it, with those that `dynamic` blocks stand for. A `dynamic` block over
    /// something that is not known stands for none yet.
    pub fn blocks(&self, kind: &'b str) -> Vec<Block<'b>> {
        let mut out = Vec::new();
        for block in &self.body.blocks {
            if block.kind == kind {
                out.push(Block { body: &block.body, ..self.clone() });
            } else if block.kind == "dynamic" && block.labels.first().is_some_and(|l| l == kind) {
                out.extend(self.unrolled(kind, block).unwrap_or_default());
            }
        }
        out
    }

    fn unrolled(&self, kind: &'b str, block: &'b body::Block) -> Option<Vec<Block<'b>>> {
        let each = block.body.attr("for_each")?;
        let content = block.body.blocks.iter().find(|b| b.kind == "content")?;
        let name = match block.body.attr("iterator") {
            Some(attr) => attr.expr.as_variable()?.as_str(),
            None => kind,
        };
        let pairs = eval::pairs(&self.eval(&each.expr).ok()?).ok()?;
        let one = |(key, value): (Value, Value)| {
            let mut iterators = self.iterators.clone();
            iterators.push((name, Value::object([("key", key), ("value", value)])));
            Block { scope: self.scope, body: &content.body, iterators }
        };
        let usable = pairs.into_iter().filter(|(_, v)| !v.is_null() && !v.is_unknown());
        Some(usable.take(MAX_DYNAMIC).map(one).collect())
    }
}
