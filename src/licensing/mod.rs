//! What the deployment is entitled to: one answer a feature, asked by whoever guards one.
//!
//! By default everything is there. With `licensing = enforced` the server behaves as one that has no
//! licence. Handlers ask [`entitled`]; what a refusal looks like is theirs.

use std::collections::BTreeMap;

use crate::config::{Config, Licensing};
use crate::sdk::{Entitlement, Feature, FeatureName};

/// Whether a feature may be used: the deployment is entitled to it, and it is on.
pub fn entitled(config: &Config, feature: FeatureName) -> bool {
    entitlement(config, feature) != Entitlement::NotEntitled && is_on(config, feature)
}

/// Every feature, by name. `active_users` is how many users there are that count.
pub fn features(config: &Config, active_users: i64) -> BTreeMap<String, Feature> {
    let describe = |name: &FeatureName| {
        let feature = Feature {
            entitlement: entitlement(config, *name),
            enabled: entitled(config, *name),
            limit: None,
            actual: (*name == FeatureName::UserLimit).then_some(active_users),
            soft_limit: None,
            usage_period: None,
        };
        (name.as_str().to_owned(), feature)
    };
    FeatureName::ALL.iter().map(describe).collect()
}

/// A feature's name for people.
pub fn display_name(feature: FeatureName) -> String {
    match feature {
        FeatureName::TemplateRbac => "Template RBAC".to_owned(),
        FeatureName::Scim => "SCIM".to_owned(),
        FeatureName::Aibridge => "AI Bridge".to_owned(),
        FeatureName::AiGovernanceUserLimit => "AI Governance User Limit".to_owned(),
        other => {
            let words = other.as_str().split('_').map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_ascii_uppercase() + rest
            });
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Limits are something that a licence sets: without one nobody is limited, and that is no entitlement.
fn entitlement(config: &Config, feature: FeatureName) -> Entitlement {
    let limits_people = matches!(feature, FeatureName::UserLimit | FeatureName::AiGovernanceUserLimit);
    match config.licensing {
        Licensing::Entitled if !limits_people => Entitlement::Entitled,
        Licensing::Entitled | Licensing::Enforced => Entitlement::NotEntitled,
    }
}

/// Whether the deployment's settings turn a feature on; most are on wherever they are allowed.
fn is_on(config: &Config, feature: FeatureName) -> bool {
    let is_set = |flag: &str| !config.settings.get(flag).value.is_empty();
    match feature {
        FeatureName::Aibridge => is_set("aibridge-enabled"),
        FeatureName::BrowserOnly => is_set("browser-only"),
        FeatureName::ExternalTokenEncryption => is_set("external-token-encryption-keys"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_read_as_people_write_them() {
        for (feature, want) in [
            (FeatureName::MultipleOrganizations, "Multiple Organizations"),
            (FeatureName::Scim, "SCIM"),
            (FeatureName::TemplateRbac, "Template RBAC"),
            (FeatureName::Appearance, "Appearance"),
        ] {
            assert_eq!(display_name(feature), want);
        }
    }
}
