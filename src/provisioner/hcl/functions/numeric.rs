//! Numbers.

use super::{ANY, Args, Care, Function, Host, f};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::number::Number;
use crate::provisioner::hcl::value::Value;

pub(super) const TABLE: &[Function] = &[
    f("abs", 1, 1, Care::Deep, |_, a| {
        let n = a.number(0)?;
        Ok(if n < Number::Int(0) { n.negated() } else { n }.into())
    }),
    f("ceil", 1, 1, Care::Deep, |_, a| whole(a.number(0)?, f64::ceil)),
    f("floor", 1, 1, Care::Deep, |_, a| whole(a.number(0)?, f64::floor)),
    f("log", 2, 2, Care::Deep, |_, a| float(a.number(0)?.as_f64().ln() / a.number(1)?.as_f64().ln())),
    f("max", 1, ANY, Care::Deep, |_, a| Ok(numbers(&a)?.into_iter().max().map_or(Value::NULL, Value::from))),
    f("min", 1, ANY, Care::Deep, |_, a| Ok(numbers(&a)?.into_iter().min().map_or(Value::NULL, Value::from))),
    f("parseint", 2, 2, Care::Deep, parseint),
    f("pow", 2, 2, Care::Deep, |_, a| {
        let (base, power) = (a.number(0)?, a.number(1)?);
        if let (Number::Int(base), Some(power)) = (base, power.as_usize().and_then(|p| u32::try_from(p).ok()))
            && let Some(n) = base.checked_pow(power)
        {
            return Ok(Number::Int(n).into());
        }
        float(base.as_f64().powf(power.as_f64()))
    }),
    f("signum", 1, 1, Care::Deep, |_, a| {
        Ok(match a.number(0)?.cmp(&Number::Int(0)) {
            std::cmp::Ordering::Less => -1i64,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        }
        .into())
    }),
];

fn float(f: f64) -> Result<Value> {
    Number::from_f64(f).map(Value::from).ok_or_else(|| EvalError::new("the result is not a number"))
}

fn whole(n: Number, round: fn(f64) -> f64) -> Result<Value> {
    match n {
        Number::Int(_) => Ok(n.into()),
        Number::Float(f) => float(round(f)),
    }
}

fn numbers(a: &Args) -> Result<Vec<Number>> {
    (0..a.len()).map(|i| a.number(i)).collect()
}

fn parseint(_: &Host, a: Args) -> Result<Value> {
    let (text, base) = (a.text(0)?, a.integer(1)?);
    let base = u32::try_from(base).ok().filter(|b| (2..=36).contains(b));
    let base = base.ok_or_else(|| EvalError::new("the base must be between 2 and 36"))?;
    let n = i128::from_str_radix(&text, base);
    n.map(|n| Number::Int(n).into()).map_err(|_| EvalError::new(format!("{text:?} is not a number in base {base}")))
}
