//! From a path parameter to the row it names, read with the caller's rights.

use uuid::Uuid;

use super::{Cx, Error};
use crate::store;
use crate::store::queries::organizations::Organization;
use crate::store::queries::template_versions::TemplateVersion;
use crate::store::queries::templates::Template;
use crate::store::queries::users::User;

/// The user that `{user}` names: `me`, an id, or a username. Who cannot be read is as who is not there.
pub fn user(cx: &Cx) -> Result<User, Error> {
    user_as(cx, cx.db())
}

/// The same, read through `db`.
pub fn user_as(cx: &Cx, db: &store::Db) -> Result<User, Error> {
    let name = cx.param("user");
    let found = if name == "me" {
        return Ok(db.get_user_by_id(cx.actor()?.user_id)?);
    } else if let Ok(id) = Uuid::try_parse(name) {
        db.get_user_by_id(id)
    } else {
        db.get_user_by_email_or_username(name, "")
    };
    found.map_err(|e| match e.is_hidden() {
        true => {
            Error::bad("\"user\" must be an existing uuid or username.").detail(format!("There is no user {name:?}."))
        }
        false => e.into(),
    })
}

/// The organization that `{organization}` names: `default`, an id, or a name. The nil id means the
/// default one too: older provisioners send it.
pub fn organization(cx: &Cx) -> Result<Organization, Error> {
    let name = cx.param("organization");
    let found = match Uuid::try_parse(name) {
        _ if name == "default" => cx.db().get_default_organization(),
        Ok(id) if id.is_nil() => cx.db().get_default_organization(),
        Ok(id) => cx.db().get_organization_by_id(id),
        Err(_) => cx.db().get_organization_by_name(name, false),
    };
    Ok(found?)
}

/// The template that `{template}` names by its id; a deleted one is as one that is not there.
pub fn template(cx: &Cx) -> Result<Template, Error> {
    let template = cx.db().get_template_by_id(cx.uuid_param("template")?)?;
    if template.deleted { Err(Error::not_found()) } else { Ok(template) }
}

/// The template that `{templatename}` names in the organization that `{organization}` names.
pub fn template_by_name(cx: &Cx) -> Result<Template, Error> {
    let organization = organization(cx)?;
    Ok(cx.db().get_template_by_organization_and_name(organization.id, false, cx.param("templatename"))?)
}

/// The version that `{templateversion}` names by its id.
pub fn template_version(cx: &Cx) -> Result<TemplateVersion, Error> {
    Ok(cx.db().get_template_version_by_id(cx.uuid_param("templateversion")?)?)
}
