//! The things whose changes are logged, and what each is called there.

use serde::Serialize;
use uuid::Uuid;

use super::{Auditable, Snapshot};
use crate::sdk::{LoginType, ResourceType};
use crate::store::Json;
use crate::store::queries::api_keys::ApiKey;
use crate::store::queries::git_ssh_keys::GitSshKey;
use crate::store::queries::groups::Group;
use crate::store::queries::oauth2::{OAuth2ProviderApp, OAuth2ProviderAppSecret};
use crate::store::queries::organizations::{MemberWithUser, Organization, OrganizationMember};
use crate::store::queries::roles::CustomRole;
use crate::store::queries::tasks::Task;
use crate::store::queries::template_versions::TemplateVersion;
use crate::store::queries::templates::Template;
use crate::store::queries::users::User;
use crate::store::queries::workspace_builds::WorkspaceBuild;
use crate::store::queries::workspaces::Workspace;
use crate::store::value::ToValue;
use crate::time::Time;

/// The id under which things without an id of their own are logged: settings of the deployment.
const STATIC_ID: Uuid = Uuid::from_u128(0x51A51C00_0000_0000_0000_000000000000);

impl Auditable for User {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::User, self.id, self.username.as_str(), self)
    }
}

/// A key is logged under its owner's id: its own is half of a secret.
impl Auditable for ApiKey {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::ApiKey, self.user_id, self.token_name.as_str(), self)
    }
}

impl Auditable for GitSshKey {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::GitSshKey, self.user_id, self.public_key.as_str(), self)
    }
}

impl Auditable for Organization {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::Organization, self.id, self.name.as_str(), self).of_organization(self.id)
    }
}

impl Auditable for CustomRole {
    fn snapshot(&self) -> Snapshot {
        let snapshot = Snapshot::of_row(ResourceType::CustomRole, self.id, self.name.as_str(), self);
        match self.organization_id {
            Some(id) => snapshot.of_organization(id),
            None => snapshot,
        }
    }
}

impl Auditable for Template {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::Template, self.id, self.name.as_str(), self)
            .of_organization(self.organization_id)
    }
}

impl Auditable for OAuth2ProviderApp {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::Oauth2ProviderApp, self.id, self.name.as_str(), self)
    }
}

/// A secret is known by its last characters, which its owner may see.
impl Auditable for OAuth2ProviderAppSecret {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::Oauth2ProviderAppSecret, self.id, self.display_secret.as_str(), self)
    }
}

impl Auditable for TemplateVersion {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::TemplateVersion, self.id, self.name.as_str(), self)
            .of_organization(self.organization_id)
    }
}

impl Auditable for Workspace {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::Workspace, self.id, self.name.as_str(), self)
            .of_organization(self.organization_id)
    }
}

/// A build is told of by its workspace, which the entry names beside it.
impl Auditable for WorkspaceBuild {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::WorkspaceBuild, self.id, "", self)
    }
}

impl Auditable for Task {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of_row(ResourceType::Task, self.id, self.name.as_str(), self).of_organization(self.organization_id)
    }
}

/// A group and who is in it.
pub struct GroupWithMembers<'a> {
    /// The group.
    pub group: &'a Group,
    /// The ids of its members.
    pub members: &'a [Uuid],
}

impl Auditable for GroupWithMembers<'_> {
    fn snapshot(&self) -> Snapshot {
        #[derive(Serialize)]
        struct Member {
            user_id: Uuid,
            group_id: Uuid,
        }
        let group = self.group;
        let mut ids = self.members.to_vec();
        ids.sort_unstable();
        let members: Vec<Member> = ids.into_iter().map(|user_id| Member { user_id, group_id: group.id }).collect();
        Snapshot::of_row(ResourceType::Group, group.id, group.name.as_str(), group)
            .of_organization(group.organization_id)
            .with("members", Json(members))
    }
}

/// A membership, which is told of by the user's name.
pub struct MemberOfOrganization<'a> {
    /// The membership.
    pub member: &'a OrganizationMember,
    /// The user's name.
    pub username: &'a str,
}

impl Auditable for MemberOfOrganization<'_> {
    fn snapshot(&self) -> Snapshot {
        let member = self.member;
        Snapshot::of_row(ResourceType::OrganizationMember, member.user_id, self.username, member)
            .of_organization(member.organization_id)
            .with("username", self.username)
    }
}

impl Auditable for MemberWithUser {
    fn snapshot(&self) -> Snapshot {
        Snapshot::new(ResourceType::OrganizationMember, self.user_id, self.username.as_str())
            .of_organization(self.organization_id)
            .with("username", self.username.as_str())
            .with("user_id", self.user_id)
            .with("created_at", self.created_at)
            .with("updated_at", self.updated_at)
            .with("roles", self.roles.as_slice())
    }
}

/// The right to change how a user signs in, which nobody keeps but the user.
pub struct LoginConversion {
    /// Whose it is.
    pub user_id: Uuid,
    /// From when.
    pub created_at: Time,
    /// Until when.
    pub expires_at: Time,
    /// How the user signs in now.
    pub from: LoginType,
    /// How the user wants to.
    pub to: LoginType,
}

impl Auditable for LoginConversion {
    fn snapshot(&self) -> Snapshot {
        Snapshot::new(ResourceType::ConvertLogin, self.user_id, self.to.to_string())
            .with("user_id", self.user_id)
            .with("created_at", self.created_at)
            .with("expires_at", self.expires_at)
            .with("from_login_type", self.from)
            .with("to_login_type", self.to)
    }
}

/// Settings that are kept as one, of the deployment or of an organization.
pub struct Settings(Snapshot);

impl Settings {
    /// Settings of a kind, under a name for people.
    pub fn new(resource: ResourceType, name: &str) -> Settings {
        Settings(Snapshot::new(resource, STATIC_ID, name))
    }
    /// Adds one of them.
    pub fn with(self, name: &'static str, value: impl ToValue) -> Settings {
        Settings(self.0.with(name, value))
    }
    /// Says whose they are.
    pub fn of_organization(self, id: Uuid) -> Settings {
        Settings(self.0.of_organization(id))
    }
}

impl Auditable for Settings {
    fn snapshot(&self) -> Snapshot {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::table::{self, TABLES};
    use crate::store::record::FromRow;

    fn columns<R: FromRow>() -> Vec<&'static str> {
        R::COLUMNS.to_vec()
    }

    /// A column that a row has and its table does not judge would silently stay out of the log.
    #[test]
    fn every_column_of_an_audited_row_is_judged() {
        for (resource, columns) in [
            (ResourceType::ApiKey, columns::<ApiKey>()),
            (ResourceType::CustomRole, columns::<CustomRole>()),
            (ResourceType::GitSshKey, columns::<GitSshKey>()),
            (ResourceType::Group, columns::<Group>()),
            (ResourceType::Oauth2ProviderApp, columns::<OAuth2ProviderApp>()),
            (ResourceType::Oauth2ProviderAppSecret, columns::<OAuth2ProviderAppSecret>()),
            (ResourceType::Organization, columns::<Organization>()),
            (ResourceType::OrganizationMember, columns::<OrganizationMember>()),
            (ResourceType::Task, columns::<Task>()),
            (ResourceType::Template, columns::<Template>()),
            (ResourceType::TemplateVersion, columns::<TemplateVersion>()),
            (ResourceType::User, columns::<User>()),
            (ResourceType::Workspace, columns::<Workspace>()),
            (ResourceType::WorkspaceBuild, columns::<WorkspaceBuild>()),
        ] {
            for column in columns {
                let judged = table::of(resource).fields.iter().any(|(name, _)| *name == column);
                assert!(judged, "{resource}: {column}");
            }
        }
    }

    #[test]
    fn a_kind_of_thing_and_a_field_are_declared_once() {
        for table in TABLES {
            assert_eq!(TABLES.iter().filter(|t| t.resource == table.resource).count(), 1, "{:?}", table.resource);
            for (name, _) in table.fields {
                let times = table.fields.iter().filter(|(other, _)| other == name).count();
                assert_eq!(times, 1, "{:?} {name}", table.resource);
            }
        }
    }

    #[test]
    fn what_could_open_a_door_is_never_shown() {
        use crate::audit::table::{Kind, Treatment};
        for table in TABLES {
            for (name, treatment) in table.fields {
                let shown = matches!(treatment, Treatment::Track(_));
                let telling =
                    ["hashed", "private", "access_token", "jwt", "jwks", "secret_prefix", "provisioner_state"];
                let harmless = ["jwks_uri"];
                if telling.iter().any(|word| name.contains(word)) && !harmless.contains(name) {
                    assert!(!shown, "{:?} {name}", table.resource);
                }
                assert_ne!(*treatment, Treatment::Track(Kind::Bytes), "{:?} {name}", table.resource);
            }
        }
    }
}
