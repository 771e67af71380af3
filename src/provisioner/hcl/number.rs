//! Numbers as templates count: whole numbers exactly, others as doubles.
//!
//! Terraform counts in 512-bit floats. Nobody's template tells the difference from this except in the
//! sixteenth digit of a fraction, and there [`Number`]'s text hides the noise that doubles add.

use std::cmp::Ordering;
use std::fmt;

/// A finite number.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Int(i128),
    /// Any other.
    Float(f64),
}

/// Doubles below this magnitude convert to whole numbers exactly.
const WHOLE: f64 = 1e30;

impl Number {
    /// From a double; whole values become [`Number::Int`]. Infinities and NaN are no numbers.
    pub fn from_f64(f: f64) -> Option<Number> {
        if !f.is_finite() {
            None
        } else if f.fract() == 0.0 && f.abs() < WHOLE {
            Some(Number::Int(f as i128))
        } else {
            Some(Number::Float(f))
        }
    }
    /// Reads decimal digits with an optional sign, fraction and exponent.
    pub fn parse(text: &str) -> Option<Number> {
        if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return None;
        }
        match text.parse::<i128>() {
            Ok(n) => Some(Number::Int(n)),
            Err(_) => text.parse::<f64>().ok().and_then(Number::from_f64),
        }
    }
    /// As a double.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(f) => f,
        }
    }
    /// As a whole number that fits, if it is one.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Number::Int(n) => i64::try_from(n).ok(),
            Number::Float(_) => None,
        }
    }
    /// As an index, if it is a whole number that is not negative.
    pub fn as_usize(self) -> Option<usize> {
        match self {
            Number::Int(n) => usize::try_from(n).ok(),
            Number::Float(_) => None,
        }
    }
    fn both(self, other: Number, int: fn(i128, i128) -> Option<i128>, float: fn(f64, f64) -> f64) -> Option<Number> {
        if let (Number::Int(a), Number::Int(b)) = (self, other)
            && let Some(n) = int(a, b)
        {
            return Some(Number::Int(n));
        }
        Number::from_f64(float(self.as_f64(), other.as_f64()))
    }
    /// The sum, unless it overflows.
    pub fn plus(self, other: Number) -> Option<Number> {
        self.both(other, i128::checked_add, |a, b| a + b)
    }
    /// The difference, unless it overflows.
    pub fn minus(self, other: Number) -> Option<Number> {
        self.both(other, i128::checked_sub, |a, b| a - b)
    }
    /// The product, unless it overflows.
    pub fn times(self, other: Number) -> Option<Number> {
        self.both(other, i128::checked_mul, |a, b| a * b)
    }
    /// The quotient, unless it is divided by zero.
    pub fn divided(self, other: Number) -> Option<Number> {
        let exact = |a: i128, b: i128| if b != 0 && a.checked_rem(b) == Some(0) { a.checked_div(b) } else { None };
        self.both(other, exact, |a, b| a / b)
    }
    /// The remainder with the sign of the dividend, unless it is divided by zero.
    pub fn modulo(self, other: Number) -> Option<Number> {
        self.both(other, i128::checked_rem, |a, b| a % b)
    }
    /// The number with the other sign.
    pub fn negated(self) -> Number {
        match self {
            Number::Int(n) => n.checked_neg().map_or(Number::Float(-(n as f64)), Number::Int),
            Number::Float(f) => Number::Float(-f),
        }
    }
    /// As JSON writes it.
    pub fn to_json(self) -> serde_json::Value {
        match self {
            Number::Int(n) => match (i64::try_from(n), u64::try_from(n)) {
                (Ok(n), _) => n.into(),
                (_, Ok(n)) => n.into(),
                _ => (n as f64).into(),
            },
            Number::Float(f) => f.into(),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Number {}
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(b),
            _ => self.as_f64().total_cmp(&other.as_f64()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let float = match self {
            Number::Int(n) => return write!(f, "{n}"),
            Number::Float(float) => *float,
        };
        // Fifteen digits, unless that loses more than the noise of one operation.
        let short = format!("{float:.14e}").parse::<f64>().unwrap_or(float);
        let noise = float.abs() * 4.0 * f64::EPSILON / 4.0;
        let shown = if (short - float).abs() <= noise { short } else { float };
        write!(f, "{shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        let n = |s: &str| Number::parse(s).unwrap();
        for (number, want) in [
            (n("0.1").plus(n("0.2")), "0.3"),
            (n("1").divided(n("3")), "0.3333333333333333"),
            (n("10").divided(n("2")), "5"),
            (n("5").divided(n("2")), "2.5"),
            (n("-7").modulo(n("3")), "-1"),
            (n("1e3").plus(n("0")), "1000"),
            (n("170141183460469231731687303715884105727").plus(n("0")), "170141183460469231731687303715884105727"),
        ] {
            assert_eq!(number.unwrap().to_string(), want);
        }
        for text in ["", "x", "nan", "inf", "1e999", "0x10", "1 2"] {
            assert_eq!(Number::parse(text), None, "{text:?}");
        }
        assert_eq!(n("1").divided(n("0")), None);
        assert_eq!(n("1").modulo(n("0")), None);
    }
}
