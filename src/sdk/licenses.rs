//! Licences.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};

use super::validate::{Checks, Rule, Validate};

/// Adds a licence.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AddLicenseRequest {
    pub license: String,
}

impl Validate for AddLicenseRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("license", &self.license, &[Rule::Required]);
    }
}
