//! Users as directories send them (SCIM 2.0, RFC 7643), as far as anything is made of it.

#![allow(missing_docs, reason = "the fields are the standard's own")]

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::validate::{Checks, Validate};

/// A user of a directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SCIMUser {
    pub schemas: Option<Vec<String>>,
    pub id: String,
    pub user_name: String,
    pub name: SCIMName,
    pub emails: Option<Vec<SCIMEmail>>,
    pub active: Option<bool>,
    pub groups: Option<Vec<Value>>,
    pub meta: SCIMMeta,
}

/// A person's name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SCIMName {
    pub given_name: String,
    pub family_name: String,
}

/// One of a person's addresses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SCIMEmail {
    pub primary: bool,
    pub value: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub display: String,
}

/// What kind of resource it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SCIMMeta {
    pub resource_type: String,
}

impl Validate for SCIMUser {
    fn validate(&self, _: &mut Checks) {}
}
