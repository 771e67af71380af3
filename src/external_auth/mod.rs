//! Accounts elsewhere, such as at Git hosts: the services that are configured, and the tokens that users got
//! there for this server to use.
//!
//! [`Providers`] are the services, [`remote`] is how they are talked to, [`links`] keeps the tokens and keeps
//! them fresh. Knows no handler; the network is never waited for inside a transaction.

mod defaults;
pub mod links;
pub mod remote;

use std::collections::HashSet;

use crate::config::value::ExternalAuth;
use crate::sdk::{ExternalAuthLinkProvider, names};

/// A service where users have accounts, with what is usual for its kind filled in.
#[derive(Debug, Clone)]
pub struct Provider(ExternalAuth);

impl std::ops::Deref for Provider {
    type Target = ExternalAuth;
    fn deref(&self) -> &ExternalAuth {
        &self.0
    }
}

/// The services of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// As configured; the error says which setting does not do.
    pub fn of(entries: &[ExternalAuth]) -> Result<Providers, String> {
        let mut ids = HashSet::new();
        let mut providers = Vec::with_capacity(entries.len());
        for entry in entries {
            let provider = defaults::filled_in(entry);
            let id = provider.id.clone();
            if let Err(why) = names::name(&id) {
                return Err(format!("the external auth provider {id:?} has an id that {why}"));
            }
            if provider.client_id.is_empty() {
                return Err(format!("the external auth provider {id:?} needs a client id"));
            }
            if provider.device_flow && provider.device_code_url.is_empty() {
                return Err(format!("the external auth provider {id:?} needs a device code URL for the device flow"));
            }
            for pattern in [&provider.regex, &provider.mcp_tool_allow_regex, &provider.mcp_tool_deny_regex] {
                if let Err(why) = regex::Regex::new(pattern) {
                    return Err(format!("the external auth provider {id:?} has a wrong regular expression: {why}"));
                }
            }
            if !ids.insert(id.clone()) {
                return Err(format!("there are two external auth providers with the id {id:?}: give each its own"));
            }
            providers.push(Provider(provider));
        }
        Ok(Providers(providers))
    }

    /// The service of an id.
    pub fn find(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id == id)
    }

    /// All of them, as configured.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }
}

impl Provider {
    /// Whether it is the kind of service that GitHub is.
    fn is_github(&self) -> bool {
        self.kind.eq_ignore_ascii_case("github")
    }

    /// Whether it takes challenges (RFC 7636).
    pub fn takes_challenges(&self) -> bool {
        self.code_challenge_methods_supported.iter().any(|method| method == "S256")
    }

    /// Where it sends users back to.
    pub fn callback(&self, access_url: &str) -> String {
        format!("{access_url}/external-auth/{}/callback", self.id)
    }

    /// As the API shows it.
    pub fn shown(&self) -> ExternalAuthLinkProvider {
        ExternalAuthLinkProvider {
            id: self.id.clone(),
            r#type: self.kind.clone(),
            device: self.device_flow,
            display_name: self.display_name.clone(),
            display_icon: self.display_icon.clone(),
            allow_refresh: !self.no_refresh,
            allow_validate: !self.validate_url.is_empty(),
            supports_revocation: !self.revoke_url.is_empty(),
            code_challenge_methods_supported: self.code_challenge_methods_supported.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, id: &str) -> ExternalAuth {
        ExternalAuth { kind: kind.into(), id: id.into(), client_id: "client".into(), ..ExternalAuth::default() }
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let device = ExternalAuth { device_flow: true, ..entry("custom", "x") };
        let regex = ExternalAuth { regex: "(".into(), ..entry("github", "x") };
        let nobody = ExternalAuth { client_id: String::new(), ..entry("github", "x") };
        for (entries, says) in [
            (vec![entry("github", ""), entry("github", "")], "two external auth providers"),
            (vec![entry("github", "a b")], "\"a b\""),
            (vec![entry("", "")], "id"),
            (vec![nobody], "client id"),
            (vec![device], "device code URL"),
            (vec![regex], "regular expression"),
        ] {
            let why = Providers::of(&entries).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        let providers = Providers::of(&[entry("github", ""), entry("github", "second")]).unwrap();
        assert!(providers.find("github").is_some() && providers.find("second").is_some());
        assert!(providers.find("third").is_none());
    }
}
