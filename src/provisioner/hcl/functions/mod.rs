//! The functions that expressions may call.
//!
//! Each file holds the functions of one subject and a table of them; [`find`] looks a name up in all
//! tables. A function sees its arguments only when they are present and known: [`Function::call`]
//! deals with nulls, unknown values and sensitive marks for all of them.

use std::sync::Arc;

use super::eval::{EvalError, Result};
use super::number::Number;
use super::types::Type;
use super::value::{Data, Value};
use crate::ids::Ids;
use crate::provisioner::source::Source;
use crate::time::{Clock, Time};

mod collection;
mod convert;
mod date;
mod encoding;
mod file;
mod format;
mod hash;
mod network;
mod numeric;
mod set;
mod string;
mod yaml;

/// Where functions find files, the time and randomness.
#[derive(Clone)]
pub struct Host {
    /// The template's files.
    pub source: Arc<Source>,
    /// The folder the template is unpacked in, when commands run.
    pub folder: String,
    /// When planning began.
    pub planned_at: Time,
    /// Whether values that only apply knows are known.
    pub applying: bool,
    /// What time it is.
    pub clock: Clock,
    /// Randomness.
    pub ids: Ids,
}

impl Host {
    /// No files, at the epoch.
    pub fn none() -> Host {
        Host {
            source: Arc::default(),
            folder: String::new(),
            planned_at: Time::default(),
            applying: false,
            clock: Clock::held(Time::default()),
            ids: Ids::random(),
        }
    }
}

/// Functions of Terraform that this program leaves to it.
pub const NEEDS_TERRAFORM: &[&str] = &[
    "base64gzip",
    "bcrypt",
    "ephemeralasnull",
    "rsadecrypt",
    "templatestring",
    "textdecodebase64",
    "textencodebase64",
    "type",
];

/// About how many bytes one value may take. A template is written by whoever may push one; what it
/// evaluates to must not fill the memory of the server.
pub const MAX_BYTES: usize = 4 << 20;

/// Refuses to build something larger than [`MAX_BYTES`], for functions whose result can be much larger
/// than their arguments.
fn room(parts: usize, bytes_each: usize) -> Result<()> {
    match parts.saturating_mul(bytes_each) > MAX_BYTES {
        true => Err(EvalError::new(format!("the result is larger than {MAX_BYTES} bytes"))),
        false => Ok(()),
    }
}

/// How much a function minds nulls, unknown values and marks in its arguments.
#[derive(Clone, Copy, PartialEq)]
enum Care {
    /// It looks all the way into its arguments, none of which may be null.
    Deep,
    /// It looks all the way into its arguments, which may be null.
    DeepNull,
    /// It moves elements around without looking at them; no argument may be null.
    Shallow,
    /// It moves elements around; arguments may be null.
    ShallowNull,
    /// It deals with everything itself.
    Own,
}

/// A function.
pub struct Function {
    name: &'static str,
    least: usize,
    most: usize,
    care: Care,
    run: fn(&Host, Args) -> Result<Value>,
}

const ANY: usize = usize::MAX;

const fn f(
    name: &'static str,
    least: usize,
    most: usize,
    care: Care,
    run: fn(&Host, Args) -> Result<Value>,
) -> Function {
    Function { name, least, most, care, run }
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    static TABLES: [&[Function]; 11] = [
        string::TABLE,
        format::TABLE,
        collection::TABLE,
        set::TABLE,
        numeric::TABLE,
        encoding::TABLE,
        convert::TABLE,
        date::TABLE,
        hash::TABLE,
        file::TABLE,
        network::TABLE,
    ];
    TABLES.iter().flat_map(|t| t.iter()).find(|f| f.name == name)
}

impl Function {
    /// Calls it.
    pub fn call(&self, host: &Host, arguments: Vec<Value>) -> Result<Value> {
        let n = arguments.len();
        if n < self.least || n > self.most {
            let bound = if n < self.least { self.least } else { self.most };
            let how = match (self.least == self.most, n < self.least) {
                (true, _) => "",
                (_, true) => "at least ",
                (_, false) => "at most ",
            };
            return Err(EvalError::new(format!("{how}{bound} argument(s) expected, got {n}")));
        }
        if self.care == Care::Own {
            return (self.run)(host, Args(arguments));
        }
        if !matches!(self.care, Care::DeepNull | Care::ShallowNull)
            && let Some(i) = arguments.iter().position(Value::is_null)
        {
            return Err(EvalError::new(format!("argument {} must not be null", i + 1)));
        }
        let deep = matches!(self.care, Care::Deep | Care::DeepNull);
        let sensitive = arguments.iter().any(|v| if deep { v.has_sensitive() } else { v.sensitive });
        if arguments.iter().any(|v| if deep { v.has_unknown() } else { v.is_unknown() }) {
            return Ok(Value::UNKNOWN.marked(sensitive));
        }
        Ok((self.run)(host, Args(arguments))?.marked(sensitive))
    }
}

/// A function's arguments.
struct Args(Vec<Value>);

impl Args {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn wrong(&self, i: usize, what: &str) -> EvalError {
        let got = self.0.get(i).map_or("nothing", Value::kind);
        EvalError::new(format!("argument {}: {what} is required, got {got}", i + 1))
    }
    fn value(&self, i: usize) -> &Value {
        self.0.get(i).unwrap_or(&Value::NULL)
    }
    fn text(&self, i: usize) -> Result<String> {
        self.value(i).to_text().ok_or_else(|| self.wrong(i, "a string"))
    }
    fn number(&self, i: usize) -> Result<Number> {
        self.value(i).to_number().ok_or_else(|| self.wrong(i, "a number"))
    }
    fn integer(&self, i: usize) -> Result<i64> {
        self.number(i)?.as_i64().ok_or_else(|| self.wrong(i, "a whole number"))
    }
    fn size(&self, i: usize) -> Result<usize> {
        self.number(i)?.as_usize().ok_or_else(|| self.wrong(i, "a whole number, not negative,"))
    }
    fn seq(&self, i: usize) -> Result<&[Value]> {
        self.value(i).as_seq().ok_or_else(|| self.wrong(i, "a list"))
    }
    fn map(&self, i: usize) -> Result<&std::collections::BTreeMap<String, Value>> {
        self.value(i).as_map().ok_or_else(|| self.wrong(i, "a map"))
    }
    /// The elements of a list of strings.
    fn texts(&self, i: usize) -> Result<Vec<String>> {
        let all: Option<Vec<String>> = self.seq(i)?.iter().map(Value::to_text).collect();
        all.ok_or_else(|| EvalError::new(format!("argument {}: a list of strings is required", i + 1)))
    }
    /// The elements of a list, made strings where their types differ.
    fn unified(&self, i: usize) -> Result<Vec<Value>> {
        Ok(super::types::unified(self.seq(i)?.to_vec()))
    }
    fn into_iter(self) -> std::vec::IntoIter<Value> {
        self.0.into_iter()
    }
}

/// `value` converted to `of`.
fn converted(of: &Type, value: Value) -> Result<Value> {
    of.convert(value).map_err(EvalError::new)
}

/// A sequence of the same kind as `like`, for functions that keep a list a list.
fn same_kind(like: &Value, items: Vec<Value>) -> Value {
    match like.data {
        Data::Seq(kind, _) => Data::Seq(kind, items).into(),
        _ => Value::tuple(items),
    }
}
