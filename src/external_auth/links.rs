//! The tokens of users, kept and kept fresh. A token that has expired is renewed when it is wanted; a refresh
//! token that the service refuses is not tried again.

use std::time::Duration;

use super::Provider;
use crate::auth::oauth::{self, Line, Tokens};
use crate::deployment::Deployment;
use crate::store::queries::external_auth::ExternalAuthLink;
use crate::store::{self, Db, Optional};
use crate::time::Time;

use uuid::Uuid;

/// How much of a service's reason is kept, in characters.
const REASON_MAX: usize = 400;
/// How long before its end a token is renewed.
const ON_THE_WAY: Duration = Duration::from_secs(10);
/// How long GitHub is given to know its own token, try by try.
const SETTLING: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(200)];
const NOT_TAKEN: &str = "the service does not take the token any more";

/// Why a link cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user has to connect the account again.
    #[error("{0}")]
    Invalid(String),
    /// The service cannot be asked just now.
    #[error(transparent)]
    Remote(#[from] oauth::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Keeps the tokens that a user got, in the place of those that the user had.
pub fn keep(db: &Db, provider: &Provider, user: Uuid, tokens: &Tokens, now: Time) -> Result<(), store::Error> {
    db.tx::<_, store::Error>(|db| {
        if db.get_external_auth_link(&provider.id, user).optional()?.is_some() {
            update(db, provider, user, tokens, now)?;
            return Ok(());
        }
        db.insert_external_auth_link(&ExternalAuthLink {
            provider_id: provider.id.clone(),
            user_id: user,
            created_at: now,
            updated_at: now,
            oauth_access_token: tokens.access.clone(),
            oauth_refresh_token: tokens.refresh.clone(),
            oauth_expiry: tokens.expires_at.unwrap_or(Time::ZERO),
            oauth_access_token_key_id: None,
            oauth_refresh_token_key_id: None,
            oauth_extra: provider.extra(tokens),
            oauth_refresh_failure_reason: String::new(),
        })?;
        Ok(())
    })
}

fn update(
    db: &Db,
    provider: &Provider,
    user: Uuid,
    tokens: &Tokens,
    now: Time,
) -> Result<ExternalAuthLink, store::Error> {
    let Tokens { access, refresh, expires_at, .. } = tokens;
    let (expiry, extra) = (expires_at.unwrap_or(Time::ZERO), provider.extra(tokens));
    db.update_external_auth_link(&provider.id, user, now, access, refresh, expiry, extra.as_ref())
}

/// The link with a token that the service takes now. `db` may act on the user's own data.
pub fn fresh(
    deployment: &Deployment,
    db: &Db,
    provider: &Provider,
    link: ExternalAuthLink,
) -> Result<ExternalAuthLink, Error> {
    let line = Line { outbound: &deployment.outbound, now: deployment.clock.now() };
    if !has_expired(&link, line.now) {
        return match provider.validate(line, &link.oauth_access_token, link.oauth_expiry)? {
            (true, _) => Ok(link),
            (false, _) => Err(Error::Invalid(NOT_TAKEN.to_owned())),
        };
    }
    let link = renew(line, db, provider, link)?;
    let mut waits = if provider.is_github() { SETTLING.iter() } else { [].iter() };
    loop {
        match (provider.validate(line, &link.oauth_access_token, link.oauth_expiry)?, waits.next()) {
            ((true, _), _) => return Ok(link),
            // GitHub's servers take a moment to tell each other of a new token.
            ((false, _), Some(wait)) => std::thread::sleep(*wait),
            ((false, _), None) => return Err(Error::Invalid(NOT_TAKEN.to_owned())),
        }
    }
}

/// A token that is about to expire is as good as expired: it has a way to go yet.
fn has_expired(link: &ExternalAuthLink, now: Time) -> bool {
    !link.oauth_expiry.is_zero() && link.oauth_expiry < now + ON_THE_WAY
}

/// The link with renewed tokens. They are kept whatever the service thinks of them later: those before are used up.
fn renew(line: Line<'_>, db: &Db, provider: &Provider, link: ExternalAuthLink) -> Result<ExternalAuthLink, Error> {
    if provider.no_refresh || link.oauth_refresh_token.is_empty() {
        let why = match link.oauth_refresh_failure_reason.as_str() {
            "" => "the token has expired and cannot be renewed".to_owned(),
            reason => format!("the token has expired, and renewing it failed: {reason}"),
        };
        return Err(Error::Invalid(why));
    }
    let refusal = match provider.renew(line, &link.oauth_refresh_token) {
        Ok(tokens) => return Ok(update(db, provider, link.user_id, &tokens, line.now)?),
        Err(refusal) if refusal.is_final() => refusal,
        Err(e) => return Err(e.into()),
    };
    let reason: String = refusal.to_string().chars().take(REASON_MAX).collect();
    // Of two who renew at once one is refused where a refresh token counts once. The other's tokens are kept then,
    // and only the token that was refused is given up.
    db.update_external_auth_link_refresh_token(
        &link.provider_id,
        link.user_id,
        &link.oauth_refresh_token,
        "",
        &reason,
        line.now,
    )?;
    match db.get_external_auth_link(&link.provider_id, link.user_id).optional()? {
        Some(now) if !has_expired(&now, line.now) => Ok(now),
        _ => Err(Error::Invalid(format!("the token has expired, and renewing it failed: {reason}"))),
    }
}
