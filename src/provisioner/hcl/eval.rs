//! Works out expressions.
//!
//! [`Evaluator`] walks the parser's tree. What a name stands for is the [`Scope`]'s affair, and so are
//! files and the clock; the evaluator itself has no side effects. What is not known yet stays not
//! known, and a failure says what is wrong and at which byte of the file.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::{
    BinaryOp, Conditional, Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator, UnaryOperator,
};
use hcl_edit::template::Element;

use super::functions::{self, Host, MAX_BYTES};
use super::number::Number;
use super::operators::{apply, get_attribute, index, operand};
use super::types;
use super::value::{Data, Seq, Value};

/// Why an expression came to nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong.
    pub message: String,
    /// The byte of the file it is wrong at, when that is known.
    pub at: Option<usize>,
    /// Whether Terraform would know what to do, and only this program does not.
    pub unsupported: bool,
}

impl EvalError {
    /// Something wrong with the template.
    pub fn new(message: impl Into<String>) -> EvalError {
        EvalError { message: message.into(), at: None, unsupported: false }
    }
    /// Something that needs Terraform.
    pub fn unsupported(what: impl Into<String>) -> EvalError {
        EvalError { message: what.into(), at: None, unsupported: true }
    }
    pub(super) fn or_at(mut self, span: Option<std::ops::Range<usize>>) -> EvalError {
        self.at = self.at.or(span.map(|s| s.start));
        self
    }
}

impl From<String> for EvalError {
    fn from(message: String) -> EvalError {
        EvalError::new(message)
    }
}

/// What an expression comes to.
pub type Result<T> = std::result::Result<T, EvalError>;

/// What names stand for where an expression is written.
pub trait Scope {
    /// The value of `root.path[0].path[1]...`, and how many parts of the path it took to get there.
    fn resolve(&self, root: &str, path: &[&str]) -> Result<(Value, usize)>;
    /// Where functions find files and the time.
    fn host(&self) -> &Host;
}

/// A scope of nothing but functions.
pub struct Empty<'a>(pub &'a Host);

impl Scope for Empty<'_> {
    fn resolve(&self, root: &str, _: &[&str]) -> Result<(Value, usize)> {
        Err(EvalError::new(format!("{root:?} cannot be used here; only constant values can")))
    }
    fn host(&self) -> &Host {
        self.0
    }
}

/// Works out an expression that refers to nothing.
pub fn constant(expr: &Expression) -> Result<Value> {
    Evaluator::new(&Empty(&Host::none())).expr(expr)
}

/// How much one expression may cost: about the bytes of all values that it takes in hand. What a
/// template says is not to keep the server busy for ever.
const BUDGET: usize = 64 << 20;
/// What a step costs besides.
const STEP: usize = 32;

/// Works out expressions in a scope.
pub struct Evaluator<'a> {
    scope: &'a dyn Scope,
    pub(super) locals: Vec<(&'a str, Value)>,
    spent: usize,
}

impl<'a> Evaluator<'a> {
    /// In that scope.
    pub fn new(scope: &'a dyn Scope) -> Evaluator<'a> {
        Evaluator { scope, locals: Vec::new(), spent: 0 }
    }

    /// With a name more, as `dynamic` blocks and template variables have them.
    pub fn with(mut self, name: &'a str, value: Value) -> Evaluator<'a> {
        self.locals.push((name, value));
        self
    }

    /// Works out an expression.
    pub fn expr(&mut self, expr: &'a Expression) -> Result<Value> {
        let worked = self.spend(STEP).and_then(|()| self.inner(expr));
        worked.map_err(|e| e.or_at(expr.span()))
    }

    fn spend(&mut self, cost: usize) -> Result<()> {
        self.spent = self.spent.saturating_add(cost);
        match self.spent > BUDGET {
            true => Err(EvalError::new("this takes too much work; it makes or walks over too much")),
            false => Ok(()),
        }
    }

    /// Takes a value in hand that is small enough.
    fn taken(&mut self, value: Value) -> Result<Value> {
        let weight = value.weight(MAX_BYTES);
        if weight > MAX_BYTES {
            return Err(EvalError::new(format!("this is larger than {MAX_BYTES} bytes")));
        }
        self.spend(weight)?;
        Ok(value)
    }

    fn inner(&mut self, expr: &'a Expression) -> Result<Value> {
        match expr {
            Expression::Null(_) => Ok(Value::NULL),
            Expression::Bool(b) => Ok((**b).into()),
            Expression::Number(n) => Ok(number(n.value()).into()),
            Expression::String(s) => Ok(s.as_str().into()),
            Expression::Array(items) => {
                Ok(Value::tuple(items.iter().map(|e| self.expr(e)).collect::<Result<Vec<_>>>()?))
            }
            Expression::Object(object) => {
                let mut map = BTreeMap::new();
                let mut sensitive = false;
                for (key, value) in object.iter() {
                    let name = match key {
                        ObjectKey::Ident(name) => name.as_str().to_owned(),
                        ObjectKey::Expression(e) => {
                            let key = self.expr(e)?;
                            if key.is_unknown() {
                                return Ok(Value::UNKNOWN);
                            }
                            sensitive |= key.sensitive;
                            key.to_text()
                                .ok_or_else(|| EvalError::new(format!("an object key cannot be {}", key.kind())))?
                        }
                    };
                    map.insert(name, self.expr(value.expr())?);
                }
                Ok(Value::from(map).marked(sensitive))
            }
            Expression::StringTemplate(template) => match template.as_single_element() {
                Some(Element::Interpolation(only)) => self.expr(&only.expr),
                _ => self.template(template),
            },
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template),
            Expression::Parenthesis(inner) => self.expr(inner.inner()),
            Expression::Variable(name) => self.name(name.as_str(), &[]).map(|(v, _)| v),
            Expression::Conditional(c) => self.conditional(c),
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(op) => {
                let value = self.expr(&op.expr)?;
                let sensitive = value.sensitive;
                let made = match op.operator.value() {
                    _ if value.is_unknown() => Value::UNKNOWN,
                    UnaryOperator::Neg => operand(value.to_number(), "a number", &value)?.negated().into(),
                    UnaryOperator::Not => (!operand(value.to_bool(), "a bool", &value)?).into(),
                };
                Ok(made.marked(sensitive))
            }
            Expression::BinaryOp(op) => self.binary(op),
            Expression::ForExpr(each) => self.for_expr(each),
        }
    }

    fn name(&mut self, root: &str, path: &[&str]) -> Result<(Value, usize)> {
        let (value, taken) = match self.locals.iter().rev().find(|(name, _)| *name == root) {
            Some((_, value)) => (value.clone(), 0),
            None => self.scope.resolve(root, path)?,
        };
        Ok((self.taken(value)?, taken))
    }

    fn conditional(&mut self, c: &'a Conditional) -> Result<Value> {
        let cond = self.expr(&c.cond_expr)?;
        if cond.is_unknown() {
            return Ok(Value::UNKNOWN.marked(cond.sensitive));
        }
        let truth = operand(cond.to_bool(), "a bool condition", &cond)?;
        let (chosen, other) = if truth { (&c.true_expr, &c.false_expr) } else { (&c.false_expr, &c.true_expr) };
        let chosen = self.expr(chosen)?;
        // The branch not taken still has a say in the type, but its failures do not count.
        let mut pair = vec![chosen];
        if matches!(pair[0].data, Data::Bool(_) | Data::Number(_)) {
            match self.expr(other) {
                Err(e) if e.unsupported => return Err(e),
                Ok(v) if v.as_str().is_some() => pair = types::unified(vec![pair.remove(0), v]),
                _ => {}
            }
        }
        Ok(pair.remove(0).marked(cond.sensitive))
    }

    fn binary(&mut self, op: &'a BinaryOp) -> Result<Value> {
        let a = self.expr(&op.lhs_expr)?;
        let b = self.expr(&op.rhs_expr)?;
        let sensitive = a.sensitive || b.sensitive;
        Ok(apply(*op.operator.value(), &a, &b)?.marked(sensitive))
    }

    fn for_expr(&mut self, each: &'a ForExpr) -> Result<Value> {
        let collection = self.expr(&each.intro.collection_expr)?;
        let mark = collection.sensitive;
        if collection.is_unknown() {
            return Ok(Value::UNKNOWN.marked(mark));
        }
        let key_var = each.intro.key_var.as_ref().map(|k| k.as_str());
        let value_var = each.intro.value_var.as_str();
        let mut list = Vec::new();
        let mut map: BTreeMap<String, Value> = BTreeMap::new();
        let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let depth = self.locals.len();
        for (key, value) in pairs(&collection)? {
            if let Some(name) = key_var {
                self.locals.push((name, key));
            }
            self.locals.push((value_var, value));
            let step = self.for_step(each);
            self.locals.truncate(depth);
            match step? {
                Step::Skip => {}
                Step::Unknown => return Ok(Value::UNKNOWN.marked(mark)),
                Step::Item(value) => list.push(value),
                Step::Entry(key, value) if each.grouping => groups.entry(key).or_default().push(value),
                Step::Entry(key, value) => {
                    if map.insert(key.clone(), value).is_some() {
                        return Err(EvalError::new(format!(
                            "two items of this for expression have the key {key:?}; group them with \"...\" after the value"
                        )));
                    }
                }
            }
        }
        map.extend(groups.into_iter().map(|(k, items)| (k, Value::tuple(items))));
        let made = if each.key_expr.is_some() { Value::from(map) } else { Value::tuple(list) };
        Ok(made.marked(mark))
    }

    fn for_step(&mut self, each: &'a ForExpr) -> Result<Step> {
        if let Some(cond) = &each.cond {
            let cond = self.expr(&cond.expr)?;
            if cond.is_unknown() {
                return Ok(Step::Unknown);
            }
            if !operand(cond.to_bool(), "a bool condition", &cond)? {
                return Ok(Step::Skip);
            }
        }
        let Some(key) = &each.key_expr else {
            return self.expr(&each.value_expr).map(Step::Item);
        };
        let key = self.expr(key)?;
        if key.is_unknown() {
            return Ok(Step::Unknown);
        }
        let key = operand(key.to_text(), "a string as key", &key)?;
        Ok(Step::Entry(key, self.expr(&each.value_expr)?))
    }

    fn traversal(&mut self, t: &'a Traversal) -> Result<Value> {
        let Some(root) = t.expr.as_variable() else {
            let value = self.expr(&t.expr)?;
            return self.operators(value, &t.operators);
        };
        let attr = |o: &'a hcl_edit::Decorated<TraversalOperator>| match o.value() {
            TraversalOperator::GetAttr(name) => Some(name.as_str()),
            _ => None,
        };
        let path: Vec<&str> = t.operators.iter().map_while(attr).collect();
        let (value, taken) = self.name(root.as_str(), &path)?;
        self.operators(value, t.operators.get(taken..).unwrap_or_default())
    }

    fn operators(&mut self, mut value: Value, ops: &'a [hcl_edit::Decorated<TraversalOperator>]) -> Result<Value> {
        for (n, op) in ops.iter().enumerate() {
            let rest = &ops[n + 1..];
            value = match op.value() {
                TraversalOperator::GetAttr(name) => get_attribute(&value, name.as_str())?,
                TraversalOperator::Index(e) => {
                    let key = self.expr(e)?;
                    index(&value, &key)?
                }
                TraversalOperator::LegacyIndex(i) => index(&value, &Value::from(**i as i64))?,
                TraversalOperator::AttrSplat(_) => {
                    let own = |o: &&hcl_edit::Decorated<TraversalOperator>| {
                        matches!(o.value(), TraversalOperator::GetAttr(_))
                    };
                    let (inner, outer) = rest.split_at(rest.iter().take_while(own).count());
                    let spread = self.splat(value, inner)?;
                    return self.operators(spread, outer);
                }
                TraversalOperator::FullSplat(_) => return self.splat(value, rest),
            };
        }
        Ok(value)
    }

    fn splat(&mut self, value: Value, each: &'a [hcl_edit::Decorated<TraversalOperator>]) -> Result<Value> {
        let sensitive = value.sensitive;
        let items = match value.data {
            Data::Unknown => return Ok(Value::UNKNOWN.marked(sensitive)),
            Data::Null => Vec::new(),
            Data::Seq(_, items) => items,
            one => vec![one.into()],
        };
        let items = items.into_iter().map(|v| self.operators(v, each)).collect::<Result<Vec<_>>>()?;
        Ok(Value::tuple(items).marked(sensitive))
    }

    fn call(&mut self, call: &'a FuncCall) -> Result<Value> {
        let name = call.name.name.as_str();
        if call.name.is_namespaced() {
            return match call.name.namespace.first().map(|n| n.as_str()) {
                Some("core") if call.name.namespace.len() == 1 => self.named_call(name, call),
                _ => Err(EvalError::unsupported(format!("the provider function {}", call.name.name.as_str()))),
            };
        }
        self.named_call(name, call)
    }

    fn named_call(&mut self, name: &str, call: &'a FuncCall) -> Result<Value> {
        match name {
            "try" => {
                let mut failed = EvalError::new("try() needs at least one argument");
                for argument in call.args.iter() {
                    match self.expr(argument) {
                        Err(e) if !e.unsupported => failed = e,
                        other => return other,
                    }
                }
                return Err(failed);
            }
            "can" if call.args.len() == 1 => {
                return match call.args.get(0).map(|e| self.expr(e)) {
                    Some(Err(e)) if e.unsupported => Err(e),
                    Some(Ok(v)) if v.is_unknown() => Ok(Value::UNKNOWN),
                    result => Ok(matches!(result, Some(Ok(_))).into()),
                };
            }
            _ => {}
        }
        let function = functions::find(name).ok_or_else(|| match functions::NEEDS_TERRAFORM.contains(&name) {
            true => EvalError::unsupported(format!("the function {name:?}")),
            false => EvalError::new(format!("there is no function named {name:?}")),
        })?;
        let mut arguments = Vec::with_capacity(call.args.len());
        for argument in call.args.iter() {
            arguments.push(self.expr(argument)?);
        }
        if call.args.expand_final() {
            let last = arguments.pop().unwrap_or(Value::NULL);
            let sensitive = last.sensitive;
            match last.data {
                Data::Unknown => return Ok(Value::UNKNOWN.marked(sensitive)),
                Data::Seq(_, items) => arguments.extend(items.into_iter().map(|v| v.marked(sensitive))),
                other => {
                    let kind = Value::from(other).kind();
                    return Err(EvalError::new(format!("only a list or tuple can be spread with \"...\", not {kind}")));
                }
            }
        }
        let made = function.call(self.scope.host(), arguments).map_err(|e| {
            let message = format!("{name}(): {}", e.message);
            EvalError { message, ..e }
        })?;
        self.taken(made)
    }
}

enum Step {
    Skip,
    Unknown,
    Item(Value),
    Entry(String, Value),
}

fn number(n: &hcl_edit::Number) -> Number {
    match (n.as_i64(), n.as_u64(), n.as_f64()) {
        (Some(n), ..) => Number::Int(n.into()),
        (_, Some(n), _) => Number::Int(n.into()),
        (_, _, f) => f.and_then(Number::from_f64).unwrap_or(Number::Int(0)),
    }
}

/// The elements of a collection with their keys: names, or places in a sequence. A set's elements are
/// their own keys.
pub fn pairs(collection: &Value) -> Result<Vec<(Value, Value)>> {
    let mark = collection.sensitive;
    match &collection.data {
        Data::Seq(Seq::Set, items) => Ok(items.iter().map(|v| (v.clone(), v.clone().marked(mark))).collect()),
        Data::Seq(_, items) => {
            Ok(items.iter().enumerate().map(|(i, v)| (Value::from(i), v.clone().marked(mark))).collect())
        }
        Data::Map(_, map) => Ok(map.iter().map(|(k, v)| (Value::from(k.as_str()), v.clone().marked(mark))).collect()),
        _ => Err(EvalError::new(format!("{} cannot be iterated over", collection.kind()))),
    }
}
