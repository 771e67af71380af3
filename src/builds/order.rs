//! The order in which lists show workspaces: those that run first, then by owner and name.
//!
//! Whether a workspace runs hangs on its latest build and that build's job, so that sorting thousands
//! takes a look at each. The order is kept from one list to the next, as long as nothing changed it in
//! this process; where other processes write too, it is not used. Searches do not come here.

use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::rbac::{Action, Filter, Object, Resource, Subject, system};
use crate::store::driver::Dialect;
use crate::store::queries::workspace_list::WorkspaceInOrder;
use crate::store::watch::Watch;
use crate::store::{self, Db};

/// The order, kept while it holds.
#[derive(Default)]
pub struct WorkspaceOrder(Mutex<Option<(u64, Arc<[Place]>)>>);

/// A workspace in the order.
struct Place {
    id: Uuid,
    owner_id: Uuid,
    favorite: bool,
    /// What decides who may see it.
    object: Object,
}

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The workspaces of the page, in order.
    pub ids: Vec<Uuid>,
    /// How many there are in all.
    pub count: i64,
}

impl WorkspaceOrder {
    /// A page of all workspaces that `subject` may see, the favourites of `requester` first. None where
    /// the order cannot be kept, and the store has to be asked.
    pub fn page(
        &self,
        db: &Db,
        subject: &Subject,
        requester: Uuid,
        limit: i64,
        offset: i64,
    ) -> Result<Option<Page>, store::Error> {
        if db.dialect() != Dialect::Sqlite {
            return Ok(None);
        }
        let places = self.current(db)?;
        Ok(Some(cut(&places, &subject.filter(Action::Read, Resource::Workspace), requester, limit, offset)))
    }

    fn current(&self, db: &Db) -> Result<Arc<[Place]>, store::Error> {
        // Held while the order is worked out, so that it is done once however many ask.
        let mut kept = self.0.lock();
        // Read first: a change that comes in between makes the order be worked out once more.
        let count = db.count_of(Watch::Order);
        match &*kept {
            Some((of, places)) if Some(*of) == count => Ok(Arc::clone(places)),
            _ => {
                let rows = db.acting_as(system::restricted()).get_workspaces_in_order()?;
                let sharing = !db.switches().workspace_sharing_disabled;
                let places: Arc<[Place]> = rows.into_iter().map(|row| place(row, sharing)).collect();
                *kept = count.map(|count| (count, Arc::clone(&places)));
                Ok(places)
            }
        }
    }
}

fn place(row: WorkspaceInOrder, sharing: bool) -> Place {
    let object = Object::of(Resource::Workspace).id(row.id).org(row.organization_id).owner(row.owner_id);
    let object = if sharing && row.dormant_at.is_none() {
        object.acl_user(row.user_acl.0).acl_group(row.group_acl.0)
    } else {
        object
    };
    Place { id: row.id, owner_id: row.owner_id, favorite: row.favorite, object }
}

fn cut(places: &[Place], filter: &Filter, requester: Uuid, limit: i64, offset: i64) -> Page {
    let is_favorite = |p: &&Place| p.favorite && p.owner_id == requester;
    let seen = || places.iter().filter(|p| filter.matches(&p.object));
    let count = if *filter == Filter::All { places.len() } else { seen().count() };
    let limit = if limit > 0 { usize::try_from(limit).unwrap_or(usize::MAX) } else { usize::MAX };
    let ids = seen()
        .filter(is_favorite)
        .chain(seen().filter(|p| !is_favorite(p)))
        .skip(usize::try_from(offset).unwrap_or(0))
        .take(limit)
        .map(|p| p.id)
        .collect();
    Page { ids, count: i64::try_from(count).unwrap_or(i64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn favourites_come_first_for_their_owner_alone_and_pages_follow_each_other() {
        let [me, other] = [1, 2].map(Uuid::from_u128);
        let place = |n: u128, owner_id: Uuid, favorite: bool| Place {
            id: Uuid::from_u128(n),
            owner_id,
            favorite,
            object: Object::of(Resource::Workspace).owner(owner_id),
        };
        let places = [place(10, other, true), place(11, me, false), place(12, me, true)];
        let page = |requester, limit, offset| {
            let page = cut(&places, &Filter::All, requester, limit, offset);
            (page.ids.iter().map(|id| id.as_u128()).collect::<Vec<_>>(), page.count)
        };
        assert_eq!(page(me, 0, 0), (vec![12, 10, 11], 3));
        assert_eq!(page(other, 0, 0), (vec![10, 11, 12], 3));
        assert_eq!(page(me, 2, 0), (vec![12, 10], 3));
        assert_eq!(page(me, 2, 2), (vec![11], 3));
        assert_eq!(page(me, 2, 9), (vec![], 3));
        assert_eq!(cut(&places, &Filter::None, me, 0, 0), Page { ids: Vec::new(), count: 0 });
    }
}
