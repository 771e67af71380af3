//! What operators, attributes and indexes come to.

use hcl_edit::expr::BinaryOperator;

use super::eval::{EvalError, Result};
use super::value::{Data, Keyed, Seq, Value};

/// An operand converted to what an operator needs, or a message that says what it is instead.
pub(super) fn operand<T>(value: Option<T>, what: &str, got: &Value) -> Result<T> {
    value.ok_or_else(|| EvalError::new(format!("{what} is required here, got {}", got.kind())))
}

/// What `a <operator> b` comes to.
pub(super) fn apply(operator: BinaryOperator, a: &Value, b: &Value) -> Result<Value> {
    use BinaryOperator as Op;
    match operator {
        Op::Eq | Op::NotEq => {
            let certain = a.is_null() != b.is_null() && !a.is_unknown() && !b.is_unknown();
            if !certain && (a.has_unknown() || b.has_unknown()) {
                return Ok(Value::UNKNOWN);
            }
            return Ok((equal(a, b) == (operator == Op::Eq)).into());
        }
        Op::And | Op::Or => {
            let decides = operator == Op::Or;
            let truth = |v: &Value| match v.is_unknown() {
                true => Ok(None),
                false => operand(v.to_bool(), "a bool", v).map(Some),
            };
            return Ok(match (truth(a)?, truth(b)?) {
                (Some(t), _) | (_, Some(t)) if t == decides => t.into(),
                (Some(_), Some(_)) => (!decides).into(),
                _ => Value::UNKNOWN,
            });
        }
        _ if a.is_unknown() || b.is_unknown() => return Ok(Value::UNKNOWN),
        _ => {}
    }
    let x = operand(a.to_number(), "a number", a)?;
    let y = operand(b.to_number(), "a number", b)?;
    let counted = match operator {
        Op::Plus => x.plus(y),
        Op::Minus => x.minus(y),
        Op::Mul => x.times(y),
        Op::Div => x.divided(y),
        Op::Mod => x.modulo(y),
        Op::Less => return Ok((x < y).into()),
        Op::LessEq => return Ok((x <= y).into()),
        Op::Greater => return Ok((x > y).into()),
        Op::GreaterEq => return Ok((x >= y).into()),
        Op::Eq | Op::NotEq | Op::And | Op::Or => None,
    };
    let divides = matches!(operator, Op::Div | Op::Mod);
    let why = if divides { "a number cannot be divided by zero" } else { "the result is too large a number" };
    counted.map(Value::from).ok_or_else(|| EvalError::new(why))
}

/// Equality as `==` has it: sequences and maps by kind too, so that a list is no tuple of the same.
fn equal(a: &Value, b: &Value) -> bool {
    match (&a.data, &b.data) {
        (Data::Seq(ka, a), Data::Seq(kb, b)) => {
            ka == kb && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Data::Map(ka, a), Data::Map(kb, b)) => {
            ka == kb && a.len() == b.len() && a.iter().zip(b).all(|((x, a), (y, b))| x == y && equal(a, b))
        }
        (a, b) => a == b,
    }
}

/// The attribute `name` of a value.
pub(super) fn get_attribute(value: &Value, name: &str) -> Result<Value> {
    match &value.data {
        Data::Unknown => Ok(Value::UNKNOWN.marked(value.sensitive)),
        Data::Map(_, map) => match map.get(name) {
            Some(v) => Ok(v.clone().marked(value.sensitive)),
            None => Err(EvalError::new(format!("this object does not have an attribute named {name:?}"))),
        },
        Data::Seq(Seq::Tuple | Seq::List, items) if name.parse::<usize>().is_ok() => index(value, &Value::from(name))
            .map_err(|_| EvalError::new(format!("there are only {} elements", items.len()))),
        Data::Null => Err(EvalError::new(format!("this value is null, so it has no attribute {name:?}"))),
        _ => Err(EvalError::new(format!("this value is {}, which has no attribute {name:?}", value.kind()))),
    }
}

/// The element of a value at `key`.
pub(super) fn index(value: &Value, key: &Value) -> Result<Value> {
    let mark = value.sensitive || key.sensitive;
    if value.is_unknown() || key.is_unknown() {
        return Ok(Value::UNKNOWN.marked(mark));
    }
    match &value.data {
        Data::Seq(Seq::Tuple | Seq::List, items) => {
            let place = operand(key.to_number(), "a number as index", key)?;
            let item = place.as_usize().and_then(|i| items.get(i)).ok_or_else(|| {
                EvalError::new(format!("the index {place} is outside this {} of {}", value.kind(), items.len()))
            })?;
            Ok(item.clone().marked(mark))
        }
        Data::Map(kind, map) => {
            let name = operand(key.to_text(), "a string as key", key)?;
            let item = map.get(&name).ok_or_else(|| {
                let what = if *kind == Keyed::Map { "map" } else { "object" };
                EvalError::new(format!("this {what} has no element with the key {name:?}"))
            })?;
            Ok(item.clone().marked(mark))
        }
        Data::Seq(Seq::Set, _) => Err(EvalError::new("the elements of a set have no index; use a for expression")),
        Data::Null => Err(EvalError::new("this value is null, so it has no elements")),
        _ => Err(EvalError::new(format!("this value is {}, which has no elements", value.kind()))),
    }
}
