//! Answers of queries that are kept in memory: those that nearly every request asks, such as the key it came with.
//!
//! Exact, not merely recent: an answer is used only while the [watch](super::watch) of its query stands where it stood
//! before the answer was read. What is kept are rows, never decisions: rules are asked on each row each time.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::store::record::Bound;
use crate::store::statement::Query;
use crate::store::value::Value;

/// How many answers are kept; then all are forgotten.
const KEPT: usize = 8192;
/// Longer arguments than any id or name are not worth it.
const ARGUMENT_BYTES: usize = 256;

/// Which query with which arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    query: &'static str,
    arguments: Vec<u8>,
}

/// The answers, each with the count at which it was read.
#[derive(Default)]
pub(super) struct Kept(RwLock<HashMap<Key, Answer>>);

struct Answer {
    count: u64,
    rows: Arc<dyn Any + Send + Sync>,
}

impl Key {
    /// Of a call, if its arguments are of the kinds that keys are made of.
    pub(super) fn of(query: &'static Query, bound: &Bound<'_>) -> Option<Key> {
        let mut arguments = Vec::with_capacity(24);
        if bound.clause.is_some() {
            return None;
        }
        for (_, value) in &bound.values {
            match value {
                Value::Uuid(id) => arguments.extend_from_slice(id.as_bytes()),
                // Lists and texts say how long they are, so that no two calls look alike.
                Value::Uuids(ids) => {
                    arguments.extend_from_slice(&(ids.len() as u64).to_le_bytes());
                    ids.iter().for_each(|id| arguments.extend_from_slice(id.as_bytes()));
                }
                Value::Text(text) => {
                    arguments.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    arguments.extend_from_slice(text.as_bytes());
                }
                _ => return None,
            }
        }
        (arguments.len() <= ARGUMENT_BYTES).then_some(Key { query: query.method, arguments })
    }
}

impl Kept {
    /// What is known at this count.
    pub(super) fn get<T: Clone + 'static>(&self, key: &Key, count: u64) -> Option<Vec<T>> {
        let kept = self.0.read();
        let answer = kept.get(key).filter(|answer| answer.count == count)?;
        answer.rows.downcast_ref::<Vec<T>>().cloned()
    }

    /// Keeps what was read after the count was taken. That there is nothing is not kept: whoever guesses ids would
    /// fill the memory with their misses.
    pub(super) fn put<T: Clone + Send + Sync + 'static>(&self, key: Key, count: u64, rows: &[T]) {
        if rows.is_empty() {
            return;
        }
        let mut kept = self.0.write();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Answer { count, rows: Arc::new(rows.to_vec()) });
    }
}
