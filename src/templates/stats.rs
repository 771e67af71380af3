//! What is counted about templates: who uses them, and how long their builds take.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::sdk::{TransitionStats, WorkspaceTransition};
use crate::store::queries::templates::TemplateBuildTime;
use crate::store::{self, Db};
use crate::time::Time;

/// For how long what was counted about builds holds: counting reads many of them.
const FRESH: Duration = Duration::from_secs(60);

/// What a template's page tells beside its settings.
#[derive(Debug, Clone)]
pub struct Stats {
    /// How many people have a workspace of it.
    pub active_user_count: i64,
    /// How long each kind of build takes.
    pub build_times: Times,
}

/// Remembers for a while how long builds take.
#[derive(Default)]
pub struct BuildTimes(Mutex<HashMap<Uuid, (Time, Times)>>);

/// By transition.
type Times = BTreeMap<String, TransitionStats>;

impl BuildTimes {
    /// The statistics of these templates, in their order. `db` must be the system's.
    pub fn stats(&self, db: &Db, templates: &[Uuid], now: Time) -> Result<Vec<Stats>, store::Error> {
        if templates.is_empty() {
            return Ok(Vec::new());
        }
        let owners: HashMap<Uuid, i64> = db
            .get_workspace_unique_owner_count_by_template_ids(templates)?
            .into_iter()
            .map(|row| (row.template_id, row.unique_owners_sum))
            .collect();
        let times = self.build_times(db, templates, now)?;
        let stats = templates.iter().zip(times).map(|(id, build_times)| Stats {
            active_user_count: owners.get(id).copied().unwrap_or_default(),
            build_times,
        });
        Ok(stats.collect())
    }

    fn build_times(&self, db: &Db, templates: &[Uuid], now: Time) -> Result<Vec<Times>, store::Error> {
        let is_fresh = |at: Time| at <= now && at + FRESH > now;
        let stale: Vec<Uuid> = {
            let known = self.0.lock();
            templates.iter().filter(|id| !known.get(id).is_some_and(|(at, _)| is_fresh(*at))).copied().collect()
        };
        if !stale.is_empty() {
            let mut rows: HashMap<Uuid, Vec<TemplateBuildTime>> = HashMap::new();
            for row in db.get_template_build_times(&stale)? {
                rows.entry(row.template_id).or_default().push(row);
            }
            let mut known = self.0.lock();
            known.retain(|_, (at, _)| is_fresh(*at));
            for id in stale {
                known.insert(id, (now, percentiles(rows.remove(&id).unwrap_or_default())));
            }
        }
        let known = self.0.lock();
        Ok(templates
            .iter()
            .map(|id| known.get(id).map_or_else(|| percentiles(Vec::new()), |(_, t)| t.clone()))
            .collect())
    }
}

fn percentiles(rows: Vec<TemplateBuildTime>) -> Times {
    let of = |transition: WorkspaceTransition| {
        let mut took: Vec<i64> =
            rows.iter().filter(|row| row.transition == transition).map(|row| row.took_micros).collect();
        took.sort_unstable();
        let at = |percent: usize| {
            let place = (took.len() * percent).div_ceil(100).checked_sub(1)?;
            Some(took.get(place)? / 1000).filter(|ms| *ms > 0)
        };
        (transition.as_str().to_owned(), TransitionStats { p50: at(50), p95: at(95) })
    };
    WorkspaceTransition::ALL.iter().map(|transition| of(*transition)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_builds_that_happened() {
        let row =
            |transition, ms: i64| TemplateBuildTime { template_id: Uuid::nil(), transition, took_micros: ms * 1000 };
        let mut rows: Vec<_> = (1..=100).rev().map(|ms| row(WorkspaceTransition::Start, ms)).collect();
        rows.push(row(WorkspaceTransition::Stop, 7));
        let got = percentiles(rows);
        let of = |transition: &str| (got[transition].p50, got[transition].p95);
        assert_eq!((of("start"), of("stop"), of("delete")), ((Some(50), Some(95)), (Some(7), Some(7)), (None, None)));
    }
}
