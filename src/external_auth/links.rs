//! The tokens of users, kept and kept fresh. A token that has expired is renewed when it is wanted; a refresh
//! token that the service refuses is not tried again.

use super::Provider;
use super::remote::{Error as RemoteError, Line, Token};
use crate::deployment::Deployment;
use crate::store::queries::external_auth::ExternalAuthLink;
use crate::store::{self, Db, Optional};
use crate::time::Time;

use uuid::Uuid;

/// How much of a service's reason is kept, in characters.
const REASON_MAX: usize = 400;

/// Why a link cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user has to connect the account again.
    #[error("{0}")]
    Invalid(String),
    /// The service cannot be asked just now.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Keeps the token that a user got, in the place of one that the user had.
pub fn keep(db: &Db, provider: &str, user: Uuid, token: &Token, now: Time) -> Result<(), store::Error> {
    db.tx::<_, store::Error>(|db| {
        if db.get_external_auth_link(provider, user).optional()?.is_some() {
            update(db, provider, user, token, now)?;
            return Ok(());
        }
        db.insert_external_auth_link(&ExternalAuthLink {
            provider_id: provider.to_owned(),
            user_id: user,
            created_at: now,
            updated_at: now,
            oauth_access_token: token.access.clone(),
            oauth_refresh_token: token.refresh.clone(),
            oauth_expiry: token.expires_at,
            oauth_access_token_key_id: None,
            oauth_refresh_token_key_id: None,
            oauth_extra: token.extra.clone(),
            oauth_refresh_failure_reason: String::new(),
        })?;
        Ok(())
    })
}

fn update(db: &Db, provider: &str, user: Uuid, token: &Token, now: Time) -> Result<ExternalAuthLink, store::Error> {
    let Token { access, refresh, expires_at, extra } = token;
    db.update_external_auth_link(provider, user, now, access, refresh, *expires_at, extra.as_ref())
}

/// The link with a token that the service takes now. `db` may act on the user's own data.
pub fn fresh(
    deployment: &Deployment,
    db: &Db,
    provider: &Provider,
    link: ExternalAuthLink,
) -> Result<ExternalAuthLink, Error> {
    let line = Line { outbound: &deployment.outbound, now: deployment.clock.now() };
    let has_expired = !link.oauth_expiry.is_zero() && link.oauth_expiry < line.now;
    let renewed = if has_expired { Some(renew(line, db, provider, &link)?) } else { None };
    let (access, expires_at) = match &renewed {
        Some(token) => (token.access.as_str(), token.expires_at),
        None => (link.oauth_access_token.as_str(), link.oauth_expiry),
    };
    let validated = provider.validate(line, access, expires_at);
    // What was renewed is kept whatever the service thinks of it: the token before is used up.
    let link = match &renewed {
        Some(token) => update(db, &link.provider_id, link.user_id, token, line.now)?,
        None => link,
    };
    match validated? {
        (true, _) => Ok(link),
        (false, _) => Err(Error::Invalid("the service does not take the token any more".to_owned())),
    }
}

fn renew(line: Line<'_>, db: &Db, provider: &Provider, link: &ExternalAuthLink) -> Result<Token, Error> {
    if provider.no_refresh || link.oauth_refresh_token.is_empty() {
        let why = match link.oauth_refresh_failure_reason.as_str() {
            "" => "the token has expired and cannot be renewed".to_owned(),
            reason => format!("the token has expired, and renewing it failed: {reason}"),
        };
        return Err(Error::Invalid(why));
    }
    match provider.renew(line, &link.oauth_refresh_token) {
        Ok(token) => Ok(token),
        Err(RemoteError::Refused(why)) => {
            let reason: String = why.chars().take(REASON_MAX).collect();
            // Only the token that was refused: another request may have renewed it meanwhile.
            db.update_external_auth_link_refresh_token(
                &link.provider_id,
                link.user_id,
                &link.oauth_refresh_token,
                "",
                &reason,
                line.now,
            )?;
            Err(Error::Invalid(format!("the token has expired, and renewing it failed: {reason}")))
        }
        Err(e) => Err(e.into()),
    }
}
