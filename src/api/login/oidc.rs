//! Signing in with OpenID Connect.

use serde_json::{Value, json};

use super::{Back, Step, begin, finish, no_tokens, refused, send_off, step};
use crate::api::{Cx, Error, Reply};
use crate::auth::oauth::Tokens;
use crate::auth::oidc::{self, Claims, Provider};
use crate::config::login::Oidc;
use crate::http::Response;
use crate::idpsync::{self, NotAllowed};
use crate::login::Identity;
use crate::sdk::LoginType;
use crate::sdk::names::{self, normalize_real_name, username_from};

/// Off to the identity provider, and back from it.
pub(super) fn get_callback(cx: &Cx) -> Reply {
    let provider =
        Provider::of(&cx.deployment).ok_or_else(|| Error::bad("Signing in with OpenID Connect is not set up here."))?;
    let back = match step(cx)? {
        Step::Back(back) => back,
        Step::There { state, verifier } => {
            let url = provider.authorization_url(&state, &verifier).map_err(unusable)?;
            return send_off(cx, url, &state, &verifier);
        }
    };
    let audit = begin(cx);
    let identity = identity(cx, &provider, &back)?;
    let mut headers = finish(cx, &audit, &back, &identity).map_err(|refusal| refused(cx, refusal))?;
    headers.push(("Location".to_owned(), back.redirect));
    Ok(Response { status: 307, headers, body: Vec::new() })
}

/// Who the provider says it is, if that is somebody who may sign in.
fn identity(cx: &Cx, provider: &Provider<'_>, back: &Back) -> Result<Identity, Error> {
    let tokens = provider.exchange(&back.code, &back.verifier).map_err(|e| match e {
        oidc::Error::OAuth(e) => no_tokens(e),
        e => unusable(e),
    })?;
    let claims = provider.claims(&tokens, &back.verifier).map_err(unusable)?;
    let identity = read(provider.config(), tokens, claims)?;
    if let Some(decides) = &identity.decides {
        idpsync::admit(&cx.deployment.config, decides).map_err(|e| match e {
            NotAllowed::NoAllowedGroup => {
                Error::new(403, "No group of yours may sign in here").detail(e.to_string()).as_page()
            }
            NotAllowed::Groups(_) => Error::new(400, "Your groups cannot be read").detail(e.to_string()).as_page(),
            NotAllowed::Roles(_) => {
                Error::new(500, "The claims of the identity provider cannot be used.").detail(e.to_string())
            }
        })?;
    }
    Ok(identity)
}

/// From claims to a user.
fn read(config: &Oidc, tokens: Tokens, claims: Claims) -> Result<Identity, Error> {
    let text = |name: &str| claims.merged.get(name).and_then(Value::as_str).unwrap_or_default();
    let username = text(&config.username_field);
    let email = match claims.merged.get(&config.email_field) {
        Some(Value::String(email)) => email.as_str(),
        Some(_) => return Err(Error::bad("The address that the identity provider gives is not a text.")),
        // Some providers have the address for a username.
        None if names::email(username).is_ok() => username,
        None => return Err(Error::bad("The identity provider gives no address.")),
    };
    if names::email(email).is_err() {
        return Err(Error::bad("What the identity provider gives as an address is none."));
    }
    let is_unverified = claims
        .merged
        .get("email_verified")
        .is_some_and(|verified| *verified == json!(false) || *verified == json!("false"));
    if is_unverified && !config.ignore_email_verified {
        return Err(Error::new(
            403,
            format!("Verify the address {email:?} at your identity provider, then sign in again."),
        ));
    }
    if !is_of_domain(email, &config.email_domains) {
        return Err(Error::new(403, format!("The address {email:?} is not of a domain that may sign in here.")));
    }
    Ok(Identity {
        login_type: LoginType::Oidc,
        linked_id: claims.linked_id,
        username: username_from(if username.is_empty() { email } else { username }),
        name: normalize_real_name(text(&config.name_field)).to_owned(),
        avatar_url: text("picture").to_owned(),
        email: email.to_owned(),
        tokens,
        claims: json!({
            "id_token_claims": claims.id_token,
            "user_info_claims": claims.secondary,
            "merged_claims": claims.merged,
        }),
        decides: Some(claims.merged),
        allow_signups: config.allow_signups,
        github_com_user_id: None,
    })
}

/// Whether an address is of one of the domains, if there are any; people write them with an at sign too.
fn is_of_domain(email: &str, domains: &[String]) -> bool {
    let Some((_, domain)) = email.rsplit_once('@') else { return false };
    domains.is_empty() || domains.iter().any(|d| d.trim_start_matches('@').eq_ignore_ascii_case(domain))
}

/// What a browser sees when the provider's word cannot be used.
fn unusable(e: oidc::Error) -> Error {
    log::warn!(target: "userauth", "{e}");
    match &e {
        oidc::Error::NoIdToken | oidc::Error::Token { .. } | oidc::Error::OtherSubject => {
            Error::bad("What the identity provider says of you is not to be believed.").detail(e.to_string())
        }
        oidc::Error::Outbound(_) | oidc::Error::OtherIssuer(_) | oidc::Error::OAuth(_) | oidc::Error::CannotSign => {
            Error::new(500, "The identity provider cannot be used just now.").detail(e.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_the_whole_of_what_follows_the_last_at_sign() {
        let domains = ["example.com".to_owned(), "@corp.example".to_owned()];
        for (email, want) in [
            ("a@example.com", true),
            ("a@EXAMPLE.com", true),
            ("a@corp.example", true),
            ("a@sub.example.com", false),
            ("a@badexample.com", false),
            ("a@example.com@evil.example", false),
            ("example.com", false),
        ] {
            assert_eq!(is_of_domain(email, &domains), want, "{email}");
        }
        assert!(is_of_domain("a@anything.example", &[]));
    }
}
