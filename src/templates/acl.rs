//! Who may use a template: roles for single users and groups beside what their own roles give them.

use super::Error;
use crate::access_list::{Changes, Wanted};
use crate::rbac::Resource;
use crate::sdk::UpdateTemplateACL;
use crate::store::Db;
use crate::store::queries::templates::{Template, TemplateAcl};

/// Gives and takes roles. `everything` sees all users and groups, whoever asks.
pub fn update(db: &Db, everything: &Db, template: &Template, request: &UpdateTemplateACL) -> Result<Template, Error> {
    let groups = Wanted { field: "group_perms", roles: &request.group_perms };
    let users = Wanted { field: "user_perms", roles: &request.user_perms };
    let changes = Changes::read(everything, Resource::Template, &groups, &users)?.map_err(Error::Invalid)?;
    db.tx(|db| {
        let template = db.get_template_by_id(template.id)?;
        let users = TemplateAcl(changes.of_users(template.user_acl.0));
        let groups = TemplateAcl(changes.of_groups(template.group_acl.0));
        db.update_template_acl_by_id(template.id, &users, &groups)?;
        Ok(db.get_template_by_id(template.id)?)
    })
}
