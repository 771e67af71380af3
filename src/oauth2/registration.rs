//! What a client may say of itself when it registers (RFC 7591), and what stands for what it does not say.

use sha2::{Digest, Sha256};

use super::metadata::{GRANT_TYPES, RESPONSE_TYPES};
use super::redirect;
use super::uri::Uri;
use crate::sdk::{
    ICON_MAX, OAuth2ClientRegistrationRequest as Request, OAuth2ProviderGrantType as Grant,
    OAuth2ProviderResponseType as Response, OAuth2TokenEndpointAuthMethod as AuthMethod, Word,
};

/// What a client is called that does not say.
const DEFAULT_NAME: &str = "Dynamically Registered Client";
/// The most bytes of a name.
const NAME_MAX: usize = 64;
/// The redirect URI of programs that show a code for people to copy.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
/// How many redirect URIs or contacts a client may have.
const LIST_MAX: usize = 64;

/// A registration that can be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// What it is called, cut to what fits.
    pub name: String,
    /// At least one.
    pub redirect_uris: Vec<String>,
    /// What it exchanges for tokens.
    pub grant_types: Vec<Grant>,
    /// What it asks users for.
    pub response_types: Vec<Response>,
    /// How it proves itself.
    pub token_endpoint_auth_method: AuthMethod,
}

/// Checks a registration and fills in what it leaves out. The error is for people.
pub fn check(request: &Request) -> Result<Client, String> {
    if request.redirect_uris.is_empty() {
        return Err("redirect_uris needs at least one entry".to_owned());
    }
    if request.redirect_uris.len() > LIST_MAX || request.contacts.len() > LIST_MAX {
        return Err(format!("redirect_uris and contacts may have {LIST_MAX} entries each"));
    }
    let is_public = request.token_endpoint_auth_method.known() == Some(AuthMethod::None);
    for (index, uri) in request.redirect_uris.iter().enumerate() {
        check_redirect_uri(uri, is_public).map_err(|why| format!("redirect_uris: entry {index} {why}"))?;
    }
    let grant_types = supported(&request.grant_types, &GRANT_TYPES, "grant_types")?;
    if !grant_types.contains(&Grant::AuthorizationCode) {
        return Err("grant_types: without authorization_code there is no use for redirect_uris".to_owned());
    }
    let response_types = supported(&request.response_types, &RESPONSE_TYPES, "response_types")?;
    let named = &request.token_endpoint_auth_method;
    let token_endpoint_auth_method = match named.known() {
        Some(method) => method,
        None if named.is_empty() => AuthMethod::ClientSecretBasic,
        None => return Err(format!("token_endpoint_auth_method: {:?} is not supported", named.as_str())),
    };
    for (name, uri) in [
        ("client_uri", &request.client_uri),
        ("logo_uri", &request.logo_uri),
        ("tos_uri", &request.tos_uri),
        ("policy_uri", &request.policy_uri),
        ("jwks_uri", &request.jwks_uri),
    ] {
        check_page(uri).map_err(|why| format!("{name} {why}"))?;
    }
    if request.logo_uri.chars().count() > ICON_MAX {
        return Err(format!("logo_uri may have {ICON_MAX} characters"));
    }
    Ok(Client {
        name: name(&request.client_name),
        redirect_uris: request.redirect_uris.clone(),
        grant_types,
        response_types,
        token_endpoint_auth_method,
    })
}

fn check_redirect_uri(text: &str, is_public: bool) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let Some(uri) = Uri::parse(text) else { return Err("is not a URI".to_owned()) };
    if !uri.is_absolute() {
        return Err("has no scheme".to_owned());
    }
    if uri.has_scheme("urn") {
        return if text == OUT_OF_BAND { Ok(()) } else { Err("is a URN that leads nowhere".to_owned()) };
    }
    if redirect::is_dangerous(&uri) {
        return Err(format!("has the scheme {}, which is not allowed", uri.scheme));
    }
    if uri.fragment.is_some() {
        return Err("has a fragment".to_owned());
    }
    if uri.has_scheme("http") || uri.has_scheme("https") {
        if !uri.is_web() || uri.has_user() {
            return Err("needs a host, and nobody who logs in there".to_owned());
        }
        let is_local = redirect::is_loopback(uri.host());
        let is_near = is_local || uri.host().ends_with(".localhost");
        return match uri.has_scheme("https") {
            true => Ok(()),
            false if is_public && !is_local => {
                Err("uses http, which a public client may only on localhost, 127.0.0.1 and ::1".to_owned())
            }
            false if !is_near => Err("must use https, since it is not on localhost".to_owned()),
            false => Ok(()),
        };
    }
    // RFC 8252, section 7.1: so that no other program on the machine takes the scheme by chance.
    if is_public && !uri.scheme.contains('.') {
        return Err(format!("has the scheme {}, which should be a domain name in reverse", uri.scheme));
    }
    Ok(())
}

fn check_page(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Ok(());
    }
    match Uri::parse(text) {
        Some(uri) if uri.is_web() => Ok(()),
        Some(uri) if uri.is_absolute() => Err("must be an http or https URL"),
        _ => Err("must be an absolute URL"),
    }
}

/// The words of a list, all of which must be supported; an empty list means all that are.
fn supported<E: crate::sdk::WireEnum>(words: &[Word<E>], all: &[E], field: &str) -> Result<Vec<E>, String> {
    if words.is_empty() {
        return Ok(all.to_vec());
    }
    let known = |word: &Word<E>| {
        let found = word.known().filter(|known| all.contains(known));
        found.ok_or_else(|| format!("{field}: {:?} is not supported", word.as_str()))
    };
    words.iter().map(known).collect()
}

/// A name that fits: a long one is cut, and ends in a hash of the whole so that it stays distinct.
fn name(asked: &str) -> String {
    if asked.is_empty() {
        return DEFAULT_NAME.to_owned();
    }
    if asked.len() <= NAME_MAX {
        return asked.to_owned();
    }
    let hash: String = Sha256::digest(asked.as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
    let mut end = NAME_MAX - 1 - hash.len();
    while !asked.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{hash}", &asked[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word<E: crate::sdk::WireEnum>(text: &str) -> Word<E> {
        serde_json::from_value(text.into()).unwrap()
    }

    fn with(change: impl FnOnce(&mut Request)) -> Result<Client, String> {
        let mut request = Request { redirect_uris: vec!["https://a.example/back".into()], ..Request::default() };
        change(&mut request);
        check(&request)
    }

    #[test]
    fn redirect_uris_are_held_to_the_kind_of_client() {
        for (uri, confidential, public) in [
            ("", false, false),
            ("relative/path", false, false),
            ("http://example.com/back", false, false),
            ("http://localhost/back", true, true),
            ("http://127.0.0.1:1/back", true, true),
            ("http://[::1]/back", true, true),
            ("http://app.localhost/back", true, false),
            ("http://localhost.evil.example/back", false, false),
            ("http://localhost@evil.example/back", false, false),
            ("https://example.com/back", true, true),
            ("https://example.com/back#part", false, false),
            ("https://example.com/back#", false, false),
            ("https://", false, false),
            ("javascript:alert(1)", false, false),
            ("JavaScript:alert(1)", false, false),
            ("vbscript:x", false, false),
            ("data:text/html,x", false, false),
            ("file:///etc", false, false),
            ("ftp://example.com", false, false),
            ("urn:ietf:wg:oauth:2.0:oob", true, true),
            ("urn:other", false, false),
            ("myapp://back", true, false),
            ("com.example.app://back", true, true),
            ("https://exa mple.com", false, false),
        ] {
            let good = |method: &str| {
                with(|r| {
                    r.redirect_uris = vec![uri.into()];
                    r.token_endpoint_auth_method = word(method);
                })
            };
            assert_eq!(good("").is_ok(), confidential, "{uri:?}: {:?}", good(""));
            assert_eq!(good("none").is_ok(), public, "{uri:?}: {:?}", good("none"));
        }
    }

    #[test]
    fn only_what_is_supported_is_registered() {
        let words = |list: &[&str]| list.iter().map(|w| word(w)).collect::<Vec<Word<Grant>>>();
        for (grants, good) in [
            (&[][..], true),
            (&["authorization_code"], true),
            (&["authorization_code", "refresh_token"], true),
            (&["refresh_token"], false),
            (&["password"], false),
            (&["authorization_code", "implicit"], false),
            (&["client_credentials"], false),
            (&["nonsense"], false),
        ] {
            assert_eq!(with(|r| r.grant_types = words(grants)).is_ok(), good, "{grants:?}");
        }
        for (method, good) in [
            ("", true),
            ("none", true),
            ("client_secret_post", true),
            ("client_secret_basic", true),
            ("private_key_jwt", false),
            ("NONE", false),
        ] {
            assert_eq!(with(|r| r.token_endpoint_auth_method = word(method)).is_ok(), good, "{method:?}");
        }
        for (uri, good) in [("https://a.example", true), ("x", false), ("ftp://a.example", false), ("/x", false)] {
            assert_eq!(with(|r| r.client_uri = uri.into()).is_ok(), good, "{uri:?}");
            assert_eq!(with(|r| r.logo_uri = uri.into()).is_ok(), good, "{uri:?}");
        }
        assert!(with(|r| r.logo_uri = format!("https://a.example/{}", "x".repeat(ICON_MAX))).is_err());
        assert!(with(|r| r.response_types = vec![word("code"), word("token")]).is_err());
    }

    #[test]
    fn names_fit_and_stay_distinct() {
        assert_eq!(name(""), DEFAULT_NAME);
        assert_eq!(name("Ünï cödé ✓"), "Ünï cödé ✓");
        assert_eq!(name(&"n".repeat(80)), format!("{}-feed930b", "n".repeat(55)));
        assert!(name(&"é".repeat(60)).len() <= NAME_MAX);
    }
}
