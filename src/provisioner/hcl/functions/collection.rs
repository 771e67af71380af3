//! Lists and maps.

use std::collections::{BTreeMap, BTreeSet};

use super::{ANY, Args, Care, Function, Host, f, room, same_kind};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::number::Number;
use crate::provisioner::hcl::types::unified;
use crate::provisioner::hcl::value::{Data, Keyed, Sorted, Value};

pub(super) const TABLE: &[Function] = &[
    f("alltrue", 1, 1, Care::Deep, |_, a| Ok(a.seq(0)?.iter().all(|v| v.to_bool() == Some(true)).into())),
    f("anytrue", 1, 1, Care::Deep, |_, a| Ok(a.seq(0)?.iter().any(|v| v.to_bool() == Some(true)).into())),
    f("chunklist", 2, 2, Care::Shallow, |_, a| match a.size(1)? {
        0 => Ok(Value::list(vec![Value::list(a.seq(0)?.to_vec())])),
        n => Ok(Value::list(a.seq(0)?.chunks(n).map(|c| Value::list(c.to_vec())).collect())),
    }),
    f("coalesce", 1, ANY, Care::DeepNull, |_, a| {
        let given = unified(a.into_iter().collect()).into_iter().find(|v| !v.is_null() && v.as_str() != Some(""));
        given.ok_or_else(|| EvalError::new("all arguments are null or empty"))
    }),
    f("coalescelist", 1, ANY, Care::ShallowNull, |_, a| {
        let given = a.into_iter().find(|v| v.as_seq().is_some_and(|s| !s.is_empty()));
        given.ok_or_else(|| EvalError::new("all arguments are null or empty"))
    }),
    f("compact", 1, 1, Care::Deep, |_, a| {
        let kept = a.seq(0)?.iter().filter(|v| !v.is_null() && v.as_str() != Some("")).cloned();
        Ok(Value::list(unified(kept.collect())))
    }),
    f("concat", 1, ANY, Care::Shallow, |_, a| {
        let lists = a.0.iter().all(|v| matches!(v.data, Data::Seq(crate::provisioner::hcl::value::Seq::List, _)));
        let mut items = Vec::new();
        for i in 0..a.len() {
            items.extend_from_slice(a.seq(i)?);
        }
        Ok(if lists { Value::list(items) } else { Value::tuple(items) })
    }),
    f("contains", 2, 2, Care::DeepNull, |_, a| {
        let wanted = a.value(1);
        let same = |v: &Value| v == wanted || v.to_text().is_some() && v.to_text() == wanted.to_text();
        Ok(a.seq(0)?.iter().any(same).into())
    }),
    f("distinct", 1, 1, Care::Deep, |_, a| {
        let items = a.unified(0)?;
        let mut seen = BTreeSet::new();
        Ok(Value::list(items.iter().filter(|v| seen.insert(Sorted(v))).cloned().collect()))
    }),
    f("element", 2, 2, Care::Shallow, |_, a| {
        let (items, n) = (a.seq(0)?, a.integer(1)?);
        let place = n.checked_rem_euclid(items.len() as i64);
        let place = place.ok_or_else(|| EvalError::new("an empty list has no elements"))?;
        Ok(items[place as usize].clone())
    }),
    f("flatten", 1, 1, Care::Shallow, |_, a| {
        let mut out = Vec::new();
        Ok(if flatten(a.seq(0)?, &mut out) { Value::tuple(out) } else { Value::UNKNOWN })
    }),
    f("index", 2, 2, Care::Deep, |_, a| {
        let place = a.seq(0)?.iter().position(|v| v == a.value(1));
        place.map(Value::from).ok_or_else(|| EvalError::new("the list has no such element"))
    }),
    f("keys", 1, 1, Care::Shallow, |_, a| {
        let object = matches!(a.value(0).data, Data::Map(Keyed::Object, _));
        let keys = a.map(0)?.keys().map(|k| Value::from(k.as_str())).collect();
        Ok(if object { Value::tuple(keys) } else { Value::list(keys) })
    }),
    f("length", 1, 1, Care::Shallow, |_, a| match &a.value(0).data {
        Data::String(s) => Ok(s.chars().count().into()),
        Data::Seq(_, items) => Ok(items.len().into()),
        Data::Map(_, map) => Ok(map.len().into()),
        _ => Err(a.wrong(0, "a string, a list or a map")),
    }),
    f("list", 0, ANY, Care::Own, |_, _| Err(EvalError::new("gone from the language; write tolist([...])"))),
    f("lookup", 2, 3, Care::ShallowNull, |_, a| {
        let key = a.text(1)?;
        match a.map(0)?.get(&key) {
            Some(v) => Ok(v.clone()),
            None if a.len() == 3 => Ok(a.value(2).clone()),
            None => Err(EvalError::new(format!("the map has no element with the key {key:?}"))),
        }
    }),
    f("map", 0, ANY, Care::Own, |_, _| Err(EvalError::new("gone from the language; write tomap({...})"))),
    f("matchkeys", 3, 3, Care::Deep, |_, a| {
        let (values, keys, wanted) = (a.seq(0)?, a.seq(1)?, a.seq(2)?);
        if values.len() != keys.len() {
            return Err(EvalError::new("the lists of values and keys are not of one length"));
        }
        let wanted: BTreeSet<_> = wanted.iter().map(Sorted).collect();
        let kept = values.iter().zip(keys).filter(|(_, k)| wanted.contains(&Sorted(k))).map(|(v, _)| v.clone());
        Ok(Value::list(kept.collect()))
    }),
    f("merge", 0, ANY, Care::ShallowNull, |_, a| {
        let maps = a.0.iter().all(|v| matches!(v.data, Data::Map(Keyed::Map, _)));
        let mut all = BTreeMap::new();
        for i in 0..a.len() {
            if !a.value(i).is_null() {
                all.extend(a.map(i)?.clone());
            }
        }
        Ok(Data::Map(if maps && a.len() > 0 { Keyed::Map } else { Keyed::Object }, all).into())
    }),
    f("one", 1, 1, Care::Shallow, |_, a| match a.seq(0)? {
        [] => Ok(Value::NULL),
        [only] => Ok(only.clone()),
        more => Err(EvalError::new(format!("none or one element expected, got {}", more.len()))),
    }),
    f("range", 1, 3, Care::Deep, range),
    f("reverse", 1, 1, Care::Shallow, |_, a| Ok(same_kind(a.value(0), a.seq(0)?.iter().rev().cloned().collect()))),
    f("slice", 3, 3, Care::Shallow, |_, a| {
        let items = a.seq(0)?.get(a.size(1)?..a.size(2)?);
        let items = items.ok_or_else(|| EvalError::new("the range is outside the list, or ends before it starts"))?;
        Ok(same_kind(a.value(0), items.to_vec()))
    }),
    f("sort", 1, 1, Care::Deep, |_, a| {
        let mut items = a.texts(0)?;
        items.sort();
        Ok(Value::strings(items))
    }),
    f("sum", 1, 1, Care::Deep, |_, a| {
        let items = a.seq(0)?;
        if items.is_empty() {
            return Err(EvalError::new("an empty list has no sum"));
        }
        let add = |sum: Option<Number>, v: &Value| sum?.plus(v.to_number()?);
        let sum = items.iter().fold(Some(Number::Int(0)), add);
        sum.map(Value::from).ok_or_else(|| EvalError::new("a list of numbers is required"))
    }),
    f("transpose", 1, 1, Care::Deep, |_, a| {
        let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, items) in a.map(0)? {
            room(items.as_seq().map_or(0, <[Value]>::len), key.len())?;
            for item in items.as_seq().unwrap_or_default().iter().filter_map(Value::to_text) {
                out.entry(item).or_default().push(key.clone());
            }
        }
        Ok(Data::Map(Keyed::Map, out.into_iter().map(|(k, v)| (k, Value::strings(v))).collect()).into())
    }),
    f("values", 1, 1, Care::Shallow, |_, a| {
        let object = matches!(a.value(0).data, Data::Map(Keyed::Object, _));
        let values = a.map(0)?.values().cloned().collect();
        Ok(if object { Value::tuple(values) } else { Value::list(values) })
    }),
    f("zipmap", 2, 2, Care::Shallow, |_, a| {
        let (keys, values) = (a.texts(0)?, a.seq(1)?);
        if keys.len() != values.len() {
            return Err(EvalError::new("the lists of keys and values are not of one length"));
        }
        Ok(Value::object(keys.into_iter().zip(values.iter().cloned())))
    }),
];

/// Puts the elements of all nested lists into `out`; false when one of them is not known.
fn flatten(items: &[Value], out: &mut Vec<Value>) -> bool {
    items.iter().all(|item| match &item.data {
        Data::Seq(_, inner) => flatten(inner, out),
        Data::Unknown => false,
        _ => {
            out.push(item.clone());
            true
        }
    })
}

/// The most numbers `range` makes, as in Terraform.
const MAX_RANGE: usize = 1024;

fn range(_: &Host, a: Args) -> Result<Value> {
    let zero = Number::Int(0);
    let (start, end) = if a.len() == 1 { (zero, a.number(0)?) } else { (a.number(0)?, a.number(1)?) };
    let step = match a.len() {
        3 => a.number(2)?,
        _ if end < start => Number::Int(-1),
        _ => Number::Int(1),
    };
    if step == zero || (step < zero) != (end < start) && end != start {
        return Err(EvalError::new("the step never leads from the start to the end"));
    }
    let mut out = Vec::new();
    let mut at = start;
    while if step < zero { at > end } else { at < end } {
        if out.len() == MAX_RANGE {
            return Err(EvalError::new(format!("more than {MAX_RANGE} numbers; that is too long a range")));
        }
        out.push(at.into());
        at = at.plus(step).ok_or_else(|| EvalError::new("the numbers grow too large"))?;
    }
    Ok(Value::list(out))
}
