//! Who may use a template: roles for single users and groups beside what their own roles give them.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::Error;
use crate::rbac::{Acl, ActionSet, Resource, role_actions};
use crate::sdk::{TemplateRole, UpdateTemplateACL, ValidationError, Word};
use crate::store::driver::Dialect;
use crate::store::queries::groups::GroupOfOrganization;
use crate::store::queries::templates::{Template, TemplateAcl};
use crate::store::queries::users::User;
use crate::store::{self, Db, Where};

/// The living users of these ids.
pub fn users(db: &Db, ids: Vec<Uuid>) -> Result<Vec<User>, store::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut conditions = Where::new();
    let listed = match db.dialect() {
        Dialect::Sqlite => "id IN (SELECT value FROM json_each(?))",
        Dialect::Postgres => "id = ANY(?)",
    };
    conditions.and_with(listed, ids);
    Ok(db.get_users(&conditions, None, i64::MAX, 0)?.into_iter().map(|found| found.row).collect())
}

/// The groups of these ids.
pub fn groups(db: &Db, ids: Vec<Uuid>) -> Result<Vec<GroupOfOrganization>, store::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut conditions = Where::new();
    let listed = match db.dialect() {
        Dialect::Sqlite => "g.id IN (SELECT value FROM json_each(?))",
        Dialect::Postgres => "g.id = ANY(?)",
    };
    conditions.and_with(listed, ids);
    db.get_groups(&conditions)
}

/// Gives and takes roles. `everything` sees all users and groups, whoever asks.
pub fn update(db: &Db, everything: &Db, template: &Template, request: &UpdateTemplateACL) -> Result<Template, Error> {
    let mut wrong = Vec::new();
    let given = |wanted: &Wanted| -> Vec<Uuid> {
        // Who is gone can still be taken off a list.
        wanted.iter().filter(|(_, actions)| *actions != Some(ActionSet::NONE)).map(|(id, _)| *id).collect()
    };
    let wanted_groups = read("group_perms", &request.group_perms, &mut wrong);
    let known = groups(everything, given(&wanted_groups))?.into_iter().map(|group| group.id).collect();
    unknown("group_perms", "group", given(&wanted_groups), &known, &mut wrong);
    let wanted_users = read("user_perms", &request.user_perms, &mut wrong);
    let known = users(everything, given(&wanted_users))?.into_iter().map(|user| user.id).collect();
    unknown("user_perms", "user", given(&wanted_users), &known, &mut wrong);
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    db.tx(|db| {
        let template = db.get_template_by_id(template.id)?;
        let users = changed(&template.user_acl, &wanted_users);
        let groups = changed(&template.group_acl, &wanted_groups);
        db.update_template_acl_by_id(template.id, &users, &groups)?;
        Ok(db.get_template_by_id(template.id)?)
    })
}

/// Ids and what they shall be allowed; nothing where the role is none, which has been noted as wrong.
type Wanted = Vec<(Uuid, Option<ActionSet>)>;

/// What is wanted of a request; what is no id or no role is noted as wrong.
fn read(field: &str, wanted: &BTreeMap<String, Word<TemplateRole>>, wrong: &mut Vec<ValidationError>) -> Wanted {
    let mut refuse = |detail| wrong.push(ValidationError { field: field.to_owned(), detail });
    let mut read = Vec::new();
    for (id, role) in wanted {
        let actions = match role.as_str() {
            "" => Some(ActionSet::NONE),
            role => role_actions(Resource::Template, role),
        };
        if actions.is_none() {
            refuse(format!("{:?} is no role for a template.", role.as_str()));
        }
        match Uuid::try_parse(id) {
            Ok(id) => read.push((id, actions)),
            Err(_) => refuse(format!("{id:?} is not a UUID.")),
        }
    }
    read
}

fn unknown(field: &str, what: &str, given: Vec<Uuid>, known: &HashSet<Uuid>, wrong: &mut Vec<ValidationError>) {
    for id in given.into_iter().filter(|id| !known.contains(id)) {
        wrong.push(ValidationError { field: field.to_owned(), detail: format!("There is no {what} {id}.") });
    }
}

fn changed(acl: &TemplateAcl, wanted: &Wanted) -> TemplateAcl {
    let mut acl: Acl = acl.0.clone();
    for (id, actions) in wanted {
        acl.set(*id, actions.unwrap_or_default());
    }
    TemplateAcl(acl)
}
