//! Where waiting jobs stand. A job stands in the queue of every daemon that could take it; its place
//! is the best of those, and the length that of the longest. Does no I/O.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::rbac::system::PREBUILDS_USER_ID;
use crate::store::functions::takes;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::store::queries::provisioner_jobs::WaitingJob;
use crate::time::Time;

/// How long after its last sign of life a daemon counts as there.
pub const STALE: Duration = Duration::from_secs(90);

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// From 1; 0 for none.
    pub position: i64,
    /// How many wait.
    pub size: i64,
}

/// Jobs in the order in which they are taken: those that somebody waits for first, then by age.
pub fn in_order(waiting: &[WaitingJob]) -> Vec<&WaitingJob> {
    let mut order: Vec<&WaitingJob> = waiting.iter().collect();
    order.sort_by_key(|j| (j.initiator_id == PREBUILDS_USER_ID, j.created_at, j.id));
    order
}

/// The place of each waiting job; one that no daemon there could take has none.
pub fn places(waiting: &[WaitingJob], daemons: &[ProvisionerDaemon], now: Time) -> HashMap<Uuid, Place> {
    let order = in_order(waiting);
    let mut places: HashMap<Uuid, Place> = HashMap::new();
    for daemon in daemons.iter().filter(|d| d.last_seen_at.is_some_and(|seen| seen + STALE >= now)) {
        let line: Vec<Uuid> = order.iter().filter(|j| takes(&daemon.tags, &j.tags)).map(|j| j.id).collect();
        let size = line.len() as i64;
        for (at, id) in line.into_iter().enumerate() {
            let position = at as i64 + 1;
            let place = places.entry(id).or_insert(Place { position, size });
            place.position = place.position.min(position);
            place.size = place.size.max(size);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let base = [("scope", "organization"), ("owner", "")];
        base.iter().chain(pairs).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn daemon(seen: i64, pairs: &[(&str, &str)]) -> ProvisionerDaemon {
        ProvisionerDaemon {
            id: Uuid::nil(),
            created_at: Time::ZERO,
            name: String::new(),
            provisioners: Vec::new(),
            tags: tags(pairs),
            last_seen_at: Some(Time::from_micros(seen)),
            version: String::new(),
            api_version: String::new(),
            organization_id: Uuid::nil(),
            key_id: Uuid::nil(),
        }
    }

    #[test]
    fn people_stand_before_prebuilds_and_the_old_before_the_new() {
        let job = |n: u128, at: i64, who: Uuid, pairs: &[(&str, &str)]| WaitingJob {
            id: Uuid::from_u128(n),
            created_at: Time::from_micros(at),
            initiator_id: who,
            tags: tags(pairs),
        };
        let me = Uuid::from_u128(9);
        let jobs = [
            job(1, 30, me, &[]),
            job(2, 10, PREBUILDS_USER_ID, &[]),
            job(3, 20, me, &[]),
            job(4, 5, me, &[("zone", "a")]),
        ];
        let now = Time::from_micros(1000);
        let found = places(&jobs, &[daemon(1000, &[])], now);
        let place = |n: u128| found.get(&Uuid::from_u128(n)).map(|p| (p.position, p.size));
        assert_eq!([place(3), place(1), place(2), place(4)], [Some((1, 3)), Some((2, 3)), Some((3, 3)), None]);
        let long_gone = now + STALE + Duration::from_secs(1);
        assert!(places(&jobs, &[daemon(1000, &[])], long_gone).is_empty());
    }
}
