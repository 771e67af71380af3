//! Providers of external authentication as numbered variables: `CODER_EXTERNAL_AUTH_0_CLIENT_ID`.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::value::{ExternalAuth, Kind, Value};

/// The prefixes of the variables; providers of the first come first.
const PREFIXES: &[&str] = &["CODER_EXTERNAL_AUTH_", "CODER_GITAUTH_"];

/// Reads the providers. Their numbers count up from 0.
pub fn from_env(env: &BTreeMap<String, String>) -> Result<Vec<ExternalAuth>, ConfigError> {
    let mut providers = Vec::new();
    for prefix in PREFIXES {
        let mut by_number: BTreeMap<usize, ExternalAuth> = BTreeMap::new();
        for (name, text) in env.range((*prefix).to_owned()..).take_while(|(name, _)| name.starts_with(prefix)) {
            let invalid = |problem: String| ConfigError::Invalid { place: name.clone(), problem };
            let (number, key) = name[prefix.len()..].split_once('_').unwrap_or_default();
            let number = number.parse().map_err(|_| invalid(format!("a number must follow {prefix}")))?;
            set(by_number.entry(number).or_default(), key, text).map_err(invalid)?;
        }
        for (expected, (number, provider)) in by_number.into_iter().enumerate() {
            if number != expected {
                let place = format!("{prefix}{number}_*");
                return Err(ConfigError::Invalid { place, problem: format!("there is no provider {expected}") });
            }
            providers.push(provider);
        }
    }
    Ok(providers)
}

fn set(provider: &mut ExternalAuth, key: &str, text: &str) -> Result<(), String> {
    let switch = || match Kind::Bool.parse(text)? {
        Value::Bool(on) => Ok::<bool, String>(on),
        _ => Ok(false),
    };
    let words = || text.split(' ').map(str::to_owned).collect();
    let place = match key {
        "ID" => &mut provider.id,
        "TYPE" => &mut provider.kind,
        "CLIENT_ID" => &mut provider.client_id,
        "CLIENT_SECRET" => &mut provider.client_secret,
        "AUTH_URL" => &mut provider.auth_url,
        "TOKEN_URL" => &mut provider.token_url,
        "REVOKE_URL" => &mut provider.revoke_url,
        "VALIDATE_URL" => &mut provider.validate_url,
        "REGEX" => &mut provider.regex,
        "DEVICE_CODE_URL" => &mut provider.device_code_url,
        "APP_INSTALL_URL" => &mut provider.app_install_url,
        "APP_INSTALLATIONS_URL" => &mut provider.app_installations_url,
        "DISPLAY_NAME" => &mut provider.display_name,
        "DISPLAY_ICON" => &mut provider.display_icon,
        "MCP_URL" => &mut provider.mcp_url,
        "MCP_TOOL_ALLOW_REGEX" => &mut provider.mcp_tool_allow_regex,
        "MCP_TOOL_DENY_REGEX" => &mut provider.mcp_tool_deny_regex,
        "DEVICE_FLOW" => {
            provider.device_flow = switch()?;
            return Ok(());
        }
        "NO_REFRESH" => {
            provider.no_refresh = switch()?;
            return Ok(());
        }
        "SCOPES" => {
            provider.scopes = words();
            return Ok(());
        }
        "EXTRA_TOKEN_KEYS" => {
            provider.extra_token_keys = words();
            return Ok(());
        }
        "PKCE_METHODS" => {
            provider.code_challenge_methods_supported = words();
            return Ok(());
        }
        _ => return Err(format!("{key:?} is no setting of a provider")),
    };
    text.clone_into(place);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Vec<ExternalAuth>, String> {
        let env = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        from_env(&env).map_err(|error| error.to_string())
    }

    #[test]
    fn numbered_variables_make_providers_in_order() {
        let providers = read(&[
            ("CODER_GITAUTH_0_ID", "old"),
            ("CODER_EXTERNAL_AUTH_1_ID", "second"),
            ("CODER_EXTERNAL_AUTH_0_ID", "first"),
            ("CODER_EXTERNAL_AUTH_0_SCOPES", "repo user"),
            ("CODER_EXTERNAL_AUTH_0_NO_REFRESH", "true"),
        ])
        .expect("they are well formed");
        let ids: Vec<_> = providers.iter().map(|provider| provider.id.as_str()).collect();
        assert_eq!(ids, ["first", "second", "old"]);
        assert_eq!(providers[0].scopes, ["repo", "user"]);
        assert!(providers[0].no_refresh);
    }

    #[test]
    fn gaps_and_strangers_are_refused_by_name() {
        for (pairs, want) in [
            (&[("CODER_EXTERNAL_AUTH_1_ID", "x")][..], "CODER_EXTERNAL_AUTH_1_*: there is no provider 0"),
            (
                &[("CODER_EXTERNAL_AUTH_X_ID", "x")],
                "CODER_EXTERNAL_AUTH_X_ID: a number must follow CODER_EXTERNAL_AUTH_",
            ),
            (
                &[("CODER_EXTERNAL_AUTH_0_COLOUR", "x")],
                "CODER_EXTERNAL_AUTH_0_COLOUR: \"COLOUR\" is no setting of a provider",
            ),
            (
                &[("CODER_EXTERNAL_AUTH_0_NO_REFRESH", "x")],
                "CODER_EXTERNAL_AUTH_0_NO_REFRESH: \"x\" is neither true nor false",
            ),
        ] {
            assert_eq!(read(pairs), Err(want.to_owned()), "{pairs:?}");
        }
    }
}
