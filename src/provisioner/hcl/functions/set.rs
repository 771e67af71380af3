//! Sets.

use std::collections::BTreeSet;

use super::{ANY, Args, Care, Function, Host, MAX_BYTES, f, room};
use crate::provisioner::hcl::eval::Result;
use crate::provisioner::hcl::value::{Data, Seq, Sorted, Value};

pub(super) const TABLE: &[Function] = &[
    f("setintersection", 1, ANY, Care::Deep, |_, a| {
        let mut kept = a.unified(0)?;
        for i in 1..a.len() {
            let other = a.unified(i)?;
            let other: BTreeSet<_> = other.iter().map(Sorted).collect();
            kept.retain(|v| other.contains(&Sorted(v)));
        }
        Ok(Value::set(kept))
    }),
    f("setproduct", 2, ANY, Care::Deep, setproduct),
    f("setsubtract", 2, 2, Care::Deep, |_, a| {
        let other = a.unified(1)?;
        let other: BTreeSet<_> = other.iter().map(Sorted).collect();
        Ok(Value::set(a.unified(0)?.into_iter().filter(|v| !other.contains(&Sorted(v))).collect()))
    }),
    f("setunion", 1, ANY, Care::Deep, |_, a| {
        let mut all = Vec::new();
        for i in 0..a.len() {
            all.extend(a.unified(i)?);
        }
        Ok(Value::set(all))
    }),
];

fn setproduct(_: &Host, a: Args) -> Result<Value> {
    let sets = a.0.iter().all(|v| matches!(v.data, Data::Seq(Seq::Set, _)));
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for i in 0..a.len() {
        let items = a.seq(i)?;
        // Every row is repeated for each element, and every element for each row.
        let weight = |v: &Value| v.weight(MAX_BYTES);
        let rows_bytes: usize = rows.iter().flatten().map(weight).sum();
        room(items.len(), rows_bytes)?;
        room(rows.len(), items.iter().map(weight).sum())?;
        let longer = |row: &Vec<Value>| {
            let row = row.clone();
            items.iter().map(move |v| row.iter().cloned().chain([v.clone()]).collect())
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    let rows = rows.into_iter().map(Value::tuple).collect();
    Ok(if sets { Value::set(rows) } else { Value::list(rows) })
}
