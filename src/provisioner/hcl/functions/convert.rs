//! Conversions between types, and marks.

use super::{Care, Function, converted, f};
use crate::provisioner::hcl::eval::EvalError;
use crate::provisioner::hcl::types::Type;
use crate::provisioner::hcl::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    f("tobool", 1, 1, Care::ShallowNull, |_, a| converted(&Type::Bool, a.value(0).clone())),
    f("tonumber", 1, 1, Care::ShallowNull, |_, a| converted(&Type::Number, a.value(0).clone())),
    f("tostring", 1, 1, Care::ShallowNull, |_, a| converted(&Type::String, a.value(0).clone())),
    f("tolist", 1, 1, Care::ShallowNull, |_, a| converted(&Type::List(Type::Any.into()), a.value(0).clone())),
    f("toset", 1, 1, Care::ShallowNull, |_, a| match a.value(0).as_seq() {
        // A set of values that are not known is itself not known: some may turn out to be the same.
        Some(items) if items.iter().any(Value::has_unknown) => Ok(Value::UNKNOWN),
        _ => converted(&Type::Set(Type::Any.into()), a.value(0).clone()),
    }),
    f("tomap", 1, 1, Care::ShallowNull, |_, a| converted(&Type::Map(Type::Any.into()), a.value(0).clone())),
    f("sensitive", 1, 1, Care::Own, |_, a| Ok(a.value(0).clone().marked(true))),
    f("nonsensitive", 1, 1, Care::Own, |_, a| Ok(Value { sensitive: false, ..a.value(0).clone() })),
    f("issensitive", 1, 1, Care::Own, |_, a| match a.value(0) {
        Value { data: Data::Unknown, sensitive: false } => Ok(Value::UNKNOWN),
        value => Ok(value.sensitive.into()),
    }),
    // Lazy ones are the evaluator's; a call that reaches this table has the wrong arguments.
    f("can", 1, 1, Care::Own, |_, _| Err(EvalError::new("one argument expected"))),
];
