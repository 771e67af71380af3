//! Conditions that are put together at run time: search terms, and what a subject may see.
//!
//! The pieces of SQL are `'static`, so no text from outside can become one; whatever comes from
//! outside is bound.

use std::borrow::Cow;

use crate::store::value::{ToValue, Value};

/// Conditions joined by AND, with their arguments: what `{where}` stands for. `?` in a piece stands
/// for its next argument.
#[derive(Debug, Clone, Default)]
pub struct Where {
    pieces: Vec<&'static str>,
    args: Vec<Value<'static>>,
}

impl Where {
    /// No condition: every row.
    pub fn new() -> Where {
        Where::default()
    }
    /// Adds a condition that takes no argument.
    pub fn and(&mut self, piece: &'static str) -> &mut Where {
        self.pieces.push(piece);
        self
    }
    /// Adds a condition with one argument, which each `?` in it stands for.
    pub fn and_with(&mut self, piece: &'static str, arg: impl ToValue) -> &mut Where {
        for _ in 0..piece.matches('?').count() {
            self.args.push(owned(arg.to_value()));
        }
        self.pieces.push(piece);
        self
    }
    /// Adds a condition with several arguments, in the order of their `?`.
    pub fn and_all(&mut self, piece: &'static str, args: Vec<Value<'static>>) -> &mut Where {
        debug_assert_eq!(piece.matches('?').count(), args.len(), "{piece}");
        self.pieces.push(piece);
        self.args.extend(args);
        self
    }
    /// The condition's text, with a placeholder from `next` on for each argument.
    pub(super) fn render(
        &self,
        out: &mut String,
        args: &mut Vec<Value<'static>>,
        placeholder: &mut dyn FnMut() -> String,
    ) {
        if self.pieces.is_empty() {
            out.push_str("1 = 1");
        }
        for (i, piece) in self.pieces.iter().enumerate() {
            out.push_str(if i == 0 { "(" } else { " AND (" });
            let mut rest = *piece;
            while let Some(at) = rest.find('?') {
                out.push_str(&rest[..at]);
                out.push_str(&placeholder());
                rest = &rest[at + 1..];
            }
            out.push_str(rest);
            out.push(')');
        }
        args.extend(self.args.iter().cloned());
    }
}

/// The value, cut loose from what it was borrowed from.
pub fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Bool(b) => Value::Bool(b),
        Value::Int(i) => Value::Int(i),
        Value::Real(r) => Value::Real(r),
        Value::Text(t) => Value::Text(Cow::Owned(t.into_owned())),
        Value::Bytes(b) => Value::Bytes(Cow::Owned(b.into_owned())),
        Value::Uuid(u) => Value::Uuid(u),
        Value::Time(t) => Value::Time(t),
        Value::Json(j) => Value::Json(Cow::Owned(j.into_owned())),
        Value::Texts(t) => Value::Texts(Cow::Owned(t.into_owned())),
        Value::Uuids(u) => Value::Uuids(Cow::Owned(u.into_owned())),
    }
}
