//! The OAuth2 provider: what an authorization request, a token request and a registration must look like,
//! what codes, secrets and redirects are made of, and how tokens are given out. Knows no HTTP; handlers
//! in `api::oauth2` bring requests here. All but [`grants`] is free of I/O.
//!
//! Start at [`request`] for what a client may ask, at [`grants`] for what it is given. The words of the
//! protocol are the enums of `sdk`; which of them are supported is said once, in [`metadata`].

pub mod grants;
pub mod metadata;
pub mod pkce;
pub mod redirect;
pub mod registration;
pub mod request;
pub mod secret;
pub mod uri;

use std::time::Duration;

use uuid::Uuid;

/// How long a code waits for its exchange.
pub const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long after its exchange a code may be sent again without a reason to fear that it was stolen: a
/// client that has lost the answer asks once more, and is only refused.
pub const CODE_RETRY: Duration = Duration::from_secs(5);

/// The name of the one key that an application has for a user.
pub fn key_name(user: Uuid, app: Uuid) -> String {
    format!("{user}_{app}_oauth_session_token")
}
