//! The thing that a check is about.
//!
//! An [`Object`] says what kind of thing it is, and, where it has them, its id, owner, organization
//! and access lists. Rows know how to describe themselves as objects; this module does not know rows.

use uuid::Uuid;

use super::acl::Acl;
use super::kinds::Resource;

/// The id of an object: nearly always a UUID; API keys and licences have others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectId {
    /// A UUID.
    Uuid(Uuid),
    /// Any other text.
    Text(Box<str>),
}

impl From<Uuid> for ObjectId {
    fn from(id: Uuid) -> ObjectId {
        ObjectId::Uuid(id)
    }
}

impl From<&str> for ObjectId {
    /// Text in the usual lower-case form of a UUID becomes that UUID, so that equal ids are equal.
    fn from(text: &str) -> ObjectId {
        match Uuid::try_parse(text) {
            Ok(id) if id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text => ObjectId::Uuid(id),
            _ => ObjectId::Text(text.into()),
        }
    }
}

/// What a check is about. Fields that a thing does not have stay empty; the nil UUID is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub resource: Resource,
    /// Its id; none when it is yet to be created or stands for the whole kind.
    pub id: Option<ObjectId>,
    /// The user it belongs to.
    pub owner: Option<Uuid>,
    /// The organization it belongs to.
    pub org: Option<Uuid>,
    /// Asks about "any organization" instead of one. Together with `org` it is refused.
    pub any_org: bool,
    /// What single users may do with it.
    pub acl_user: Acl,
    /// What groups may do with it. The entry of the organization's own id is for everyone in it.
    pub acl_group: Acl,
}

impl Object {
    /// The kind as a whole.
    pub const fn of(resource: Resource) -> Object {
        Object {
            resource,
            id: None,
            owner: None,
            org: None,
            any_org: false,
            acl_user: Acl::EMPTY,
            acl_group: Acl::EMPTY,
        }
    }
    /// With this id.
    pub fn id(self, id: impl Into<ObjectId>) -> Object {
        Object { id: Some(id.into()), ..self }
    }
    /// Belonging to this user.
    pub fn owner(self, owner: Uuid) -> Object {
        Object { owner: Some(owner), ..self }
    }
    /// Belonging to this organization.
    pub fn org(self, org: Uuid) -> Object {
        Object { org: Some(org), any_org: false, ..self }
    }
    /// In whichever organization; clears the organization.
    pub fn any_org(self) -> Object {
        Object { org: None, any_org: true, ..self }
    }
    /// With these user entries.
    pub fn acl_user(self, acl: Acl) -> Object {
        Object { acl_user: acl, ..self }
    }
    /// With these group entries.
    pub fn acl_group(self, acl: Acl) -> Object {
        Object { acl_group: acl, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_are_equal_however_they_came() {
        let id = Uuid::from_u128(0xab);
        assert_eq!(ObjectId::from(&*id.to_string()), ObjectId::Uuid(id));
        for text in ["", "AbCdEf0123", "000000000000000000000000000000AB", "{000000ab}"] {
            assert_eq!(ObjectId::from(text), ObjectId::Text(text.into()));
        }
    }
}
