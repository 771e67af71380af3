//! `format` and `formatlist`: text by verbs.

use super::{ANY, Args, Care, Function, Host, f, room};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::number::Number;
use crate::provisioner::hcl::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    f("format", 1, ANY, Care::DeepNull, |_, a| Ok(format(&a.text(0)?, &a.0[1..])?.into())),
    f("formatlist", 1, ANY, Care::DeepNull, formatlist),
];

fn formatlist(_: &Host, a: Args) -> Result<Value> {
    let pattern = a.text(0)?;
    let lists = a.0[1..].iter().filter_map(Value::as_seq).map(<[Value]>::len);
    let len = lists.clone().max();
    if lists.clone().any(|n| Some(n) != len) {
        return Err(EvalError::new("the lists are not all of one length"));
    }
    let mut total = 0;
    let line = |i: usize| {
        let row: Vec<Value> = a.0[1..].iter().map(|v| v.as_seq().map_or(v, |items| &items[i]).clone()).collect();
        let text = format(&pattern, &row)?;
        total += text.len();
        room(1, total)?;
        Ok(Value::from(text))
    };
    Ok(Value::list((0..len.unwrap_or(1)).map(line).collect::<Result<_>>()?))
}

/// One verb: `%[flags][width][.precision][[index]]letter`.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

/// The widest a verb may pad: nobody reads wider text, and it must not fill the memory.
const MAX_WIDTH: usize = 10_000;

fn format(pattern: &str, values: &[Value]) -> Result<String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut next = 0;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = Verb::default();
        let mut precise = false;
        let mut index = None;
        loop {
            let c = chars.next().ok_or_else(|| EvalError::new("the format ends within a verb"))?;
            match c {
                '-' if verb.width == 0 => verb.minus = true,
                '+' => verb.plus = true,
                ' ' => verb.space = true,
                '#' => verb.sharp = true,
                '0' if verb.width == 0 && !precise => verb.zero = true,
                '0'..='9' => {
                    let digit = c as usize - '0' as usize;
                    let slot = if precise { verb.precision.get_or_insert(0) } else { &mut verb.width };
                    *slot = (*slot * 10 + digit).min(MAX_WIDTH);
                }
                '.' => {
                    precise = true;
                    verb.precision = Some(0);
                }
                '[' => {
                    let digits: String = std::iter::from_fn(|| chars.next_if(|c| *c != ']')).collect();
                    chars.next();
                    let place = digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                    index = Some(place.ok_or_else(|| EvalError::new("an argument index must be a number from 1"))?);
                }
                letter => {
                    verb.letter = letter;
                    break;
                }
            }
        }
        if verb.letter == '%' {
            out.push('%');
            continue;
        }
        let place = index.unwrap_or(next);
        let value = values
            .get(place)
            .ok_or_else(|| EvalError::new(format!("there is no argument {} for %{}", place + 2, verb.letter)))?;
        next = place + 1;
        out.push_str(&verb.write(value)?);
        room(1, out.len())?;
    }
    if next < values.len() && !pattern.contains("%[") {
        return Err(EvalError::new(format!("{} argument(s) too many for the format", values.len() - next)));
    }
    Ok(out)
}

impl Verb {
    fn write(&self, value: &Value) -> Result<String> {
        let wrong = |what| EvalError::new(format!("%{} needs {what}, got {}", self.letter, value.kind()));
        let body = match self.letter {
            'v' => match &value.data {
                Data::String(s) if !self.sharp => s.clone(),
                Data::Number(n) => self.signed(n.to_string()),
                Data::Bool(b) => b.to_string(),
                _ => value.to_json().to_string(),
            },
            's' => {
                let text = value.to_text().ok_or_else(|| wrong("a string"))?;
                text.chars().take(self.precision.unwrap_or(usize::MAX)).collect()
            }
            'q' => serde_json::Value::from(value.to_text().ok_or_else(|| wrong("a string"))?).to_string(),
            't' => value.to_bool().ok_or_else(|| wrong("a bool"))?.to_string(),
            'd' | 'b' | 'o' | 'x' | 'X' => {
                let n = match value.to_number() {
                    Some(Number::Int(n)) => n,
                    Some(Number::Float(n)) if self.letter == 'd' => n.trunc() as i128,
                    _ => return Err(wrong("a whole number")),
                };
                let digits = match self.letter {
                    'd' => n.unsigned_abs().to_string(),
                    'b' => format!("{:b}", n.unsigned_abs()),
                    'o' => format!("{:o}", n.unsigned_abs()),
                    'x' => format!("{:x}", n.unsigned_abs()),
                    _ => format!("{:X}", n.unsigned_abs()),
                };
                self.signed(if n < 0 { format!("-{digits}") } else { digits })
            }
            'f' | 'e' | 'g' | 'F' | 'E' | 'G' => {
                let n = value.to_number().ok_or_else(|| wrong("a number"))?.as_f64();
                self.signed(match self.letter {
                    'f' | 'F' => format!("{n:.*}", self.precision.unwrap_or(6)),
                    'e' | 'E' => exponent(n, self.precision.unwrap_or(6)),
                    _ => value.to_number().map(|n| n.to_string()).unwrap_or_default(),
                })
            }
            other => return Err(EvalError::new(format!("there is no verb %{other}"))),
        };
        Ok(self.pad(body))
    }

    fn signed(&self, digits: String) -> String {
        match (digits.starts_with('-'), self.plus, self.space) {
            (false, true, _) => format!("+{digits}"),
            (false, false, true) => format!(" {digits}"),
            _ => digits,
        }
    }

    fn pad(&self, body: String) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        if missing == 0 {
            body
        } else if self.minus {
            body + &" ".repeat(missing)
        } else if self.zero && !matches!(self.letter, 's' | 'q' | 't') {
            let (sign, digits) = match body.strip_prefix(['-', '+']) {
                Some(digits) => (&body[..1], digits),
                None => ("", body.as_str()),
            };
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            " ".repeat(missing) + &body
        }
    }
}

/// Scientific notation with at least two digits of exponent.
fn exponent(n: f64, precision: usize) -> String {
    let text = format!("{n:.precision$e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(('+', power), |p| ('-', p));
            format!("{digits}e{sign}{power:0>2}")
        }
        None => text,
    }
}
