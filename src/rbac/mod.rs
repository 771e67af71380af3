//! Who may do what: roles, scopes, access lists, and the check that everything goes through.
//!
//! Input is data, output is a decision or a [`Filter`]; nothing here reads a database, a clock or a
//! global. A request's caller is a [`Subject`], compiled once from its roles, groups and scope; a
//! thing is an [`Object`]. `allow = (roles allow, or an access list allows) and the scope allows`:
//! start at [`Subject::authorize`]. Who is loaded from where, and which check guards which query, is
//! the store's business; what a refusal looks like to a client is the API's.
//!
//! ```
//! use rockpool::rbac::{Action, Object, Resource, RoleRef, ScopeSpec, SubjectSpec};
//! use uuid::Uuid;
//!
//! let ann = Uuid::from_u128(1);
//! let roles = vec![RoleRef::Site("member".into())];
//! let spec = SubjectSpec { id: ann, name: "ann".into(), roles, custom: vec![], groups: vec![], scope: ScopeSpec::all() };
//! let subject = spec.compile()?;
//! assert!(subject.can(Action::Read, &Object::of(Resource::ApiKey).owner(ann)));
//! assert!(!subject.can(Action::Read, &Object::of(Resource::ApiKey).owner(Uuid::from_u128(2))));
//! # Ok::<(), rockpool::rbac::CompileError>(())
//! ```

mod acl;
pub mod explain;
mod filter;
mod kinds;
mod object;
mod permission;
pub mod roles;
pub mod scopes;
mod subject;
pub mod system;

pub use acl::{Acl, role_actions, role_name};
pub use filter::{AclTerm, Condition, Filter};
pub use kinds::{Action, Resource};
pub use object::{Object, ObjectId};
pub use permission::{ActionSet, Permission, PermissionEntry, parse_permissions, permissions_equal, permissions_json};
pub use scopes::{AllowList, ScopeSpec};
pub use subject::{CompileError, Denied, RoleOptions, RoleRef, RoleRefError, StoredRole, Subject, SubjectSpec};
