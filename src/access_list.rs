//! Access lists of templates and workspaces: who is on one, and what a request wants changed of them. Roles are what a
//! kind of thing calls its sets of actions ([`crate::rbac::role_actions`]). Who may change a list is the store's to say,
//! and how a list is shown the API's.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::rbac::{Acl, ActionSet, Resource, role_actions};
use crate::sdk::{ValidationError, WireEnum, Word};
use crate::store::queries::groups::GroupOfOrganization;
use crate::store::queries::users::User;
use crate::store::{Db, Error};

/// The living users on a list, by name. Those whom `db` may not read are left out.
pub fn users(db: &Db, ids: &[Uuid]) -> Result<Vec<User>, Error> {
    let mut users = db.get_users_by_ids(ids)?;
    users.retain(|user| !user.deleted);
    users.sort_by_key(|user| user.username.to_lowercase());
    Ok(users)
}

/// The groups on a list, by name.
pub fn groups(db: &Db, ids: &[Uuid]) -> Result<Vec<GroupOfOrganization>, Error> {
    db.get_groups_of_organizations_by_ids(ids)
}

/// Everybody on a list.
pub fn ids(acl: &Acl) -> Vec<Uuid> {
    acl.entries().iter().map(|(id, _)| *id).collect()
}

/// Roles by id, as a request gives them; an empty one takes a role away.
pub struct Wanted<'a, R> {
    /// What the request calls them.
    pub field: &'static str,
    /// The roles.
    pub roles: &'a BTreeMap<String, Word<R>>,
}

/// What a request wants changed.
#[derive(Debug, Default)]
pub struct Changes {
    users: Vec<(Uuid, ActionSet)>,
    groups: Vec<(Uuid, ActionSet)>,
}

impl Changes {
    /// What is wanted of the lists of a `resource`. Or everything that is wrong with it: words that are no role, ids that
    /// are none, users and groups that do not exist; who is gone can still be taken off a list. `everything` sees all
    /// users and groups, whoever asks.
    pub fn read<R: WireEnum>(
        everything: &Db,
        resource: Resource,
        wanted_groups: &Wanted<'_, R>,
        wanted_users: &Wanted<'_, R>,
    ) -> Result<Result<Changes, Vec<ValidationError>>, Error> {
        let mut wrong = Vec::new();
        let groups = read(resource, wanted_groups, &mut wrong);
        let known = self::groups(everything, &groups.given)?.into_iter().map(|group| group.id).collect();
        missing("group", wanted_groups.field, &groups.given, &known, &mut wrong);
        let users = read(resource, wanted_users, &mut wrong);
        let known = self::users(everything, &users.given)?.into_iter().map(|user| user.id).collect();
        missing("user", wanted_users.field, &users.given, &known, &mut wrong);
        Ok(if wrong.is_empty() { Ok(Changes { users: users.changes, groups: groups.changes }) } else { Err(wrong) })
    }

    /// A list of users with the changes.
    pub fn of_users(&self, list: Acl) -> Acl {
        changed(list, &self.users)
    }

    /// A list of groups with the changes.
    pub fn of_groups(&self, list: Acl) -> Acl {
        changed(list, &self.groups)
    }
}

/// One of the lists of a request.
#[derive(Default)]
struct Read {
    changes: Vec<(Uuid, ActionSet)>,
    /// Who has to exist: everybody but those who lose their role.
    given: Vec<Uuid>,
}

fn read<R: WireEnum>(resource: Resource, wanted: &Wanted<'_, R>, wrong: &mut Vec<ValidationError>) -> Read {
    let mut refuse = |detail| wrong.push(ValidationError { field: wanted.field.to_owned(), detail });
    let mut read = Read::default();
    for (id, role) in wanted.roles {
        let actions = match role.as_str() {
            "" => Some(ActionSet::NONE),
            role => role_actions(resource, role),
        };
        if actions.is_none() {
            refuse(format!("{:?} is no role for a {resource}.", role.as_str()));
        }
        let Ok(id) = Uuid::try_parse(id) else {
            refuse(format!("{id:?} is not a UUID."));
            continue;
        };
        if actions != Some(ActionSet::NONE) {
            read.given.push(id);
        }
        read.changes.push((id, actions.unwrap_or_default()));
    }
    read
}

fn missing(what: &str, field: &str, given: &[Uuid], known: &HashSet<Uuid>, wrong: &mut Vec<ValidationError>) {
    for id in given.iter().filter(|id| !known.contains(id)) {
        wrong.push(ValidationError { field: field.to_owned(), detail: format!("There is no {what} {id}.") });
    }
}

fn changed(mut list: Acl, changes: &[(Uuid, ActionSet)]) -> Acl {
    for (id, actions) in changes {
        list.set(*id, *actions);
    }
    list
}
