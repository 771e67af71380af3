//! Organizations: listing, making, changing and deleting them, and whether their workspaces may be shared.

use super::error::OrForbidden;
use super::routes::Routes;
use super::{Cx, Error, Reply, entitlements, experiments, lookup, reply};
use crate::organizations;
use crate::rbac::Action;
use crate::sdk::{self, AuditAction, ResourceType};
use crate::store;
use crate::store::queries::organizations::{Organization, OrganizationContents};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/organizations", get_organizations);
    r.user("POST", "/api/v2/organizations", post_organization);
    r.user("GET", "/api/v2/organizations/{organization}", get_organization);
    r.user("PATCH", "/api/v2/organizations/{organization}", patch_organization);
    r.user("DELETE", "/api/v2/organizations/{organization}", delete_organization);
    r.user("GET", "/api/v2/organizations/{organization}/settings/workspace-sharing", get_sharing);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/workspace-sharing", patch_sharing);
    r.user("GET", "/api/v2/users/{user}/organizations", get_organizations_of_user);
    r.user("GET", "/api/v2/users/{user}/organizations/{organizationname}", get_organization_of_user);
}

/// The name that always means the default organization.
const DEFAULT: &str = "default";

/// The organizations that the caller may read.
fn get_organizations(cx: &Cx) -> Reply {
    show_all(cx.db().get_organizations()?)
}

/// One organization.
fn get_organization(cx: &Cx) -> Reply {
    reply::ok(&render(lookup::organization(cx)?))
}

/// The organizations of a user that the caller may read.
fn get_organizations_of_user(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    show_all(cx.db().get_organizations_by_user_id(user.id)?)
}

/// An organization by name.
fn get_organization_of_user(cx: &Cx) -> Reply {
    lookup::user(cx)?;
    reply::ok(&render(cx.db().get_organization_by_name(cx.param("organizationname"), false)?))
}

/// Makes an organization; whoever makes it is its first member.
fn post_organization(cx: &Cx) -> Reply {
    entitlements::require(cx, sdk::FeatureName::MultipleOrganizations)?;
    let audit = cx.audit(ResourceType::Organization, AuditAction::Create);
    let body: sdk::CreateOrganizationRequest = cx.body()?;
    refuse_reserved(&body.name)?;
    let taken = || Error::conflict("There is an organization of that name already.");
    match cx.db().get_organization_by_name(&body.name, false) {
        Ok(_) => return Err(taken()),
        Err(e) if e.is_hidden() => {}
        Err(e) => return Err(e.into()),
    }
    let wanted = organizations::New {
        display_name: if body.display_name.is_empty() { body.name.clone() } else { body.display_name },
        name: body.name,
        description: body.description,
        icon: body.icon,
        founder: cx.actor()?.user_id,
    };
    match organizations::create(&cx.deployment, cx.db(), &wanted) {
        Err(e) if e.is_unique() => Err(taken()),
        made => {
            let organization = made.or_forbidden()?;
            audit.after(&organization);
            reply::created(&render(organization))
        }
    }
}

/// Changes what is given.
fn patch_organization(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    entitlements::require(cx, sdk::FeatureName::MultipleOrganizations)?;
    let audit = cx.audit(ResourceType::Organization, AuditAction::Write);
    audit.before(&organization);
    let body: sdk::UpdateOrganizationRequest = cx.body()?;
    refuse_reserved(&body.name)?;
    let changed = cx.db().tx::<_, store::Error>(|db| {
        let now = db.get_organization_by_id(organization.id)?;
        let or = |given: &str, present: String| if given.is_empty() { present } else { given.to_owned() };
        db.update_organization(
            now.id,
            &or(&body.name, now.name),
            &or(&body.display_name, now.display_name),
            body.description.as_ref().unwrap_or(&now.description),
            body.icon.as_ref().unwrap_or(&now.icon),
            cx.now(),
        )
    });
    match changed {
        Ok(organization) => {
            audit.after(&organization);
            reply::ok(&render(organization))
        }
        Err(e) if e.is_unique() => {
            Err(Error::conflict(format!("There is an organization named {:?} already.", body.name))
                .field("name", "This value is already in use and should be unique."))
        }
        Err(e) => Err(e.into()),
    }
}

/// Deletes an organization that holds nothing more.
fn delete_organization(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    entitlements::require(cx, sdk::FeatureName::MultipleOrganizations)?;
    cx.audit(ResourceType::Organization, AuditAction::Delete).before(&organization);
    if organization.is_default {
        return Err(Error::bad("The default organization cannot be deleted."));
    }
    match cx.db().update_organization_deleted_by_id(organization.id, cx.now()) {
        Err(store::Error::Refused(_)) => {
            let held = cx.db().get_organization_resource_count_by_id(organization.id)?;
            Err(Error::conflict("The organization is not empty.")
                .detail(format!("It has {} that must go first.", contents(&held))))
        }
        other => {
            other.or_forbidden()?;
            reply::message("The organization is deleted.")
        }
    }
}

/// Whether workspaces of the organization may be shared.
fn get_sharing(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    experiments::require(cx, experiments::WORKSPACE_SHARING)?;
    show_sharing(&organization)
}

/// Changes whether workspaces of the organization may be shared.
fn patch_sharing(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Organization, AuditAction::Write);
    let organization = lookup::organization(cx)?;
    audit.before(&organization);
    experiments::require(cx, experiments::WORKSPACE_SHARING)?;
    cx.db().require_on(Action::Update, &organization).or_forbidden()?;
    let body: sdk::WorkspaceSharingSettings = cx.body()?;
    let changed = organizations::set_sharing_disabled(&cx.deployment, cx.db(), organization.id, body.sharing_disabled)?;
    audit.after(&changed);
    show_sharing(&changed)
}

fn show_sharing(organization: &Organization) -> Reply {
    reply::ok(&sdk::WorkspaceSharingSettings { sharing_disabled: organization.workspace_sharing_disabled })
}

fn refuse_reserved(name: &str) -> Result<(), Error> {
    if name == DEFAULT {
        return Err(Error::bad(format!("Organization name {DEFAULT:?} is reserved: it means the default one.")));
    }
    Ok(())
}

/// "2 templates, 1 member": what stands in the way. The last member and the group of everybody do not.
fn contents(held: &OrganizationContents) -> String {
    let counted = [
        (held.workspaces, "workspace"),
        (held.templates, "template"),
        (held.members - 1, "member"),
        (held.groups - 1, "group"),
        (held.provisioner_keys, "provisioner key"),
    ];
    let parts = counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| match count {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn show_all(organizations: Vec<Organization>) -> Reply {
    reply::ok(&organizations.into_iter().map(render).collect::<Vec<_>>())
}

/// An organization as the API shows one.
pub fn render(organization: Organization) -> sdk::Organization {
    sdk::Organization {
        id: organization.id,
        name: organization.name,
        display_name: organization.display_name,
        icon: organization.icon,
        description: organization.description,
        created_at: organization.created_at,
        updated_at: organization.updated_at,
        is_default: organization.is_default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_counted_in_words() {
        let held = |workspaces, templates, members, groups, provisioner_keys| {
            contents(&OrganizationContents { workspaces, templates, members, groups, provisioner_keys })
        };
        assert_eq!(held(0, 0, 2, 2, 0), "1 member, 1 group");
        assert_eq!(held(1, 3, 1, 1, 2), "1 workspace, 3 templates, 2 provisioner keys");
    }
}
