//! Who a request comes from: from a key to the subject that checks are made for.
//!
//! Compiling a subject reads roles, memberships and groups, so compiled ones are kept
//! ([`Subjects`]) until any of those tables changes: the store counts such changes, and a subject is
//! used only while the count stands where it stood when the subject was read.

pub mod conversion;
pub mod keys;
pub mod oauth;
pub mod oidc;
pub mod password;
pub mod token;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::rbac::scopes::{AllowList, ScopeSpec};
use crate::rbac::{CompileError, RoleOptions, RoleRef, StoredRole, Subject, SubjectSpec, scopes};
use crate::sdk::UserStatus;
use crate::store::watch::Watch;
use crate::store::{self, Db};

/// Who asks without a key: may do nothing.
pub fn nobody() -> &'static Arc<Subject> {
    static NOBODY: LazyLock<Arc<Subject>> = LazyLock::new(|| {
        let roles = vec![RoleRef::Site("nobody".to_owned())];
        let spec = SubjectSpec {
            id: Uuid::nil(),
            name: "nobody".to_owned(),
            roles,
            custom: Vec::new(),
            groups: Vec::new(),
            scope: ScopeSpec::all(),
        };
        Arc::new(spec.compile().expect("it has a role"))
    });
    &NOBODY
}

/// How many subjects are kept.
const KEPT: usize = 4096;

/// A user's subject, and whether the user may act at all.
#[derive(Clone)]
pub struct Known {
    /// Compiled.
    pub subject: Arc<Subject>,
    /// As it was when the subject was compiled.
    pub status: UserStatus,
    /// The user's name.
    pub username: Arc<str>,
}

/// Why there is no subject.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Roles, scopes or lists that are stored make no sense.
    #[error("{0}")]
    Unusable(String),
}

impl From<CompileError> for Error {
    fn from(e: CompileError) -> Error {
        Error::Unusable(e.to_string())
    }
}

/// Compiled subjects of users, by user and scope.
#[derive(Default)]
pub struct Subjects {
    kept: Mutex<HashMap<(Uuid, String), (u64, Known)>>,
    options: RoleOptions,
}

impl Subjects {
    /// Under the deployment's switches.
    pub fn new(options: RoleOptions) -> Subjects {
        Subjects { kept: Mutex::default(), options }
    }

    /// The subject of a user whose key has these scopes and this allow list. `db` must be the system's.
    pub fn of_key(&self, db: &Db, user: Uuid, scope_names: &[String], allow_list: &[String]) -> Result<Known, Error> {
        let name = format!("{}|{}", scope_names.join(","), allow_list.join(","));
        let key = (user, name);
        let count = db.count_of(Watch::Subjects);
        if let Some((of, known)) = self.kept.lock().get(&key)
            && Some(*of) == count
        {
            return Ok(known.clone());
        }
        let list = AllowList::parse(allow_list).map_err(|e| Error::Unusable(e.to_string()))?;
        let scope = scopes::effective(scope_names, &list).map_err(|e| Error::Unusable(e.to_string()))?;
        let known = self.compile(db, user, scope)?;
        if let Some(count) = count {
            let mut kept = self.kept.lock();
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(key, (count, known.clone()));
        }
        Ok(known)
    }

    /// The subject of a user with no narrower scope than the user's own.
    pub fn of_user(&self, db: &Db, user: Uuid) -> Result<Known, Error> {
        self.of_key(db, user, &[scopes::ALL.to_owned()], &["*:*".to_owned()])
    }

    /// The subject of a user under a scope made for the occasion, such as an agent's.
    pub fn compile(&self, db: &Db, user: Uuid, scope: ScopeSpec) -> Result<Known, Error> {
        let (spec, status) = Subjects::read(db, user, scope)?;
        let username = spec.name.clone().into();
        Ok(Known { subject: Arc::new(spec.compile_with(self.options)?), status, username })
    }

    /// What a subject is compiled from. `db` must be the system's.
    pub fn read(db: &Db, user: Uuid, scope: ScopeSpec) -> Result<(SubjectSpec, UserStatus), Error> {
        let row = db.get_authorization_user_roles(user)?;
        let mut roles = Vec::with_capacity(row.roles.len());
        for role in &row.roles {
            roles.push(role.parse::<RoleRef>().map_err(|e| Error::Unusable(e.to_string()))?);
        }
        let orgs: Vec<Uuid> = roles.iter().filter_map(RoleRef::org).collect();
        let custom = if orgs.is_empty() {
            Vec::new()
        } else {
            let wanted: Vec<String> = roles.iter().map(|r| r.name().to_owned()).collect();
            let mut custom = Vec::new();
            for r in db.custom_roles_of(&orgs, &wanted)? {
                let role = StoredRole::new(r.name, r.organization_id)
                    .with_columns(
                        &r.site_permissions.to_string(),
                        &r.org_permissions.to_string(),
                        &r.user_permissions.to_string(),
                        &r.member_permissions.to_string(),
                    )
                    .map_err(|e| Error::Unusable(e.to_string()))?;
                custom.push(role);
            }
            custom
        };
        Ok((SubjectSpec { id: user, name: row.username, roles, custom, groups: row.groups, scope }, row.status))
    }
}
