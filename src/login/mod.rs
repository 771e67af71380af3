//! Signing in by what another service says of somebody: finding the user, or making one, keeping what the
//! service gave, and giving out a session. How the service is asked is not known here ([`crate::auth::oidc`],
//! [`github`]); nor what a browser sees of it.

pub mod github;

use crate::auth::conversion::{self, Rejected};
use crate::auth::keys;
use crate::auth::oauth::Tokens;
use crate::deployment::Deployment;
use crate::idpsync;
use crate::rbac::roles;
use crate::sdk::names::username_from;
use crate::sdk::{LoginType, UserStatus};
use crate::store::queries::api_keys::ApiKey;
use crate::store::queries::user_links::UserLink;
use crate::store::queries::users::User;
use crate::store::{self, Db, Optional, TxError};
use crate::time::Time;
use crate::users;

/// How many other usernames are tried when the wanted one is taken.
const ALTERNATIVES: usize = 10;
/// What of a wanted username is kept when something is added to it.
const STEM_MAX: usize = 26;

/// Somebody, as another service says.
pub struct Identity {
    /// Which kind of service.
    pub login_type: LoginType,
    /// Who it is there, for ever.
    pub linked_id: String,
    /// Address.
    pub email: String,
    /// Username, as far as there is one that may be.
    pub username: Option<String>,
    /// Name for people.
    pub name: String,
    /// Picture.
    pub avatar_url: String,
    /// What the service gave.
    pub tokens: Tokens,
    /// What it said, as it is kept.
    pub claims: serde_json::Value,
    /// What decides about organizations, groups and roles, where the service does.
    pub decides: Option<idpsync::Claims>,
    /// Whoever has no account gets one.
    pub allow_signups: bool,
    /// The number of the account at github.com, if it is one.
    pub github_com_user_id: Option<i64>,
}

/// The right to change how a user signs in, as it comes back.
pub struct Conversion<'a> {
    /// The state that came back.
    pub state: &'a str,
    /// The token that the browser kept.
    pub token: Option<&'a str>,
}

/// Somebody who has signed in.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Whether the user was made just now.
    pub is_new: bool,
    /// The session's key, and its token.
    pub key: ApiKey,
    /// For the browser.
    pub token: String,
    /// The user before being woken, if dormant.
    pub woken: Option<User>,
    /// The user before signing in this way, if it was another way.
    pub converted: Option<User>,
}

/// Why somebody does not get in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A new user cannot be made.
    #[error("a user cannot be made: {0}")]
    Keys(#[from] ssh_key::Error),
    /// There is no account, and none is made.
    #[error("Signups are disabled")]
    SignupsDisabled,
    /// The account signs in another way.
    #[error("this account signs in with {user:?}, not with {tried:?}")]
    OtherLoginType {
        /// How the account signs in.
        user: LoginType,
        /// How it was tried.
        tried: LoginType,
    },
    /// The account belongs to somebody else at the same service.
    #[error("the address belongs to an account that is linked with somebody else at the identity provider")]
    OtherSubject,
    /// The account may not act.
    #[error("your account is suspended; an administrator can activate it")]
    Suspended,
    /// Somebody has the address or every username that was tried.
    #[error("the address or the username is taken by another account")]
    Taken,
    /// The account to convert has another address.
    #[error("the address {0:?} is not that of the account to be converted")]
    OtherAddress(String),
    /// The browser did not bring the right.
    #[error("the right to change how this account signs in is missing; ask for it again")]
    NoRight,
    /// The right does not count.
    #[error(transparent)]
    Right(#[from] Rejected),
    /// The right is for somebody else, or another way.
    #[error("the right to change how an account signs in is not for this account and this way")]
    RightOfOther,
}

impl TxError for Refusal {
    fn store_error(&self) -> Option<&store::Error> {
        match self {
            Refusal::Store(e) | Refusal::Right(Rejected::Store(e)) => Some(e),
            _ => None,
        }
    }
}

/// The user of an identity, and the link with it.
struct Found {
    user: Option<User>,
    link: Option<UserLink>,
}

/// Signs somebody in.
pub fn sign_in(
    deployment: &Deployment,
    identity: &Identity,
    conversion: Option<&Conversion<'_>>,
    ip_address: String,
) -> Result<SignedIn, Refusal> {
    let db = deployment.system_db();
    let lifetime = deployment.config.sessions.default_duration;
    // Making a user takes a while, so it is begun before the transaction; whether it is wanted is seen within.
    let prepared = match find(&db, identity)?.user {
        Some(_) => None,
        None if conversion.is_some() => return Err(Refusal::OtherAddress(identity.email.clone())),
        None => Some(users::prepare(deployment, new_user(deployment, &db, identity)?)?),
    };
    db.tx::<_, Refusal>(|db| {
        let Found { user, link } = find(db, identity)?;
        let before = user.clone();
        let mut converted = None;
        let mut user = match (user, conversion, &prepared) {
            (Some(user), Some(conversion), _) => {
                let changed = convert(deployment, db, identity, conversion, &user)?;
                converted = Some(user);
                changed
            }
            (Some(user), None, _) => user,
            (None, None, Some(prepared)) if may_sign_up(db, identity)? => {
                // Counted here and not before: of two who come first at once, one is the owner.
                let is_first = db.get_user_count()? == 0;
                let made = match users::insert(db, prepared) {
                    Err(e) if e.is_unique() => return Err(Refusal::Taken),
                    made => made?,
                };
                if is_first { db.update_user_roles(made.id, &[roles::OWNER.to_owned()])? } else { made }
            }
            (None, None, _) => return Err(Refusal::SignupsDisabled),
            (None, Some(_), _) => return Err(Refusal::OtherAddress(identity.email.clone())),
        };
        if user.login_type != identity.login_type {
            return Err(Refusal::OtherLoginType { user: user.login_type, tried: identity.login_type });
        }
        let now = deployment.clock.now();
        let mut woken = None;
        match user.status {
            UserStatus::Active => {}
            UserStatus::Dormant => {
                let awake = db.update_user_status(user.id, UserStatus::Active, now, true)?;
                woken = Some(std::mem::replace(&mut user, awake));
            }
            UserStatus::Suspended => return Err(Refusal::Suspended),
        }
        keep_link(db, identity, &user, link)?;
        if let Some(claims) = &identity.decides {
            idpsync::apply(deployment, db, &user, claims)?;
        }
        user = describe(db, identity, user, now)?;
        if let Some(id) = identity.github_com_user_id {
            db.update_user_github_com_user_id(user.id, id)?;
        }
        let new = keys::New::session(user.id, identity.login_type, lifetime, ip_address.clone());
        let (key, token) = keys::make(deployment, new);
        let key = db.insert_api_key(&key)?;
        Ok(SignedIn { user, is_new: before.is_none(), key, token, woken, converted })
    })
}

/// By the account at the service or, if that is unknown, by the address. Who is deleted is not there.
fn find(db: &Db, identity: &Identity) -> Result<Found, Refusal> {
    if let Some(link) = db.get_user_link_by_linked_id(identity.login_type, &identity.linked_id).optional()? {
        let user = db.get_user_by_id(link.user_id)?;
        if !user.deleted {
            return Ok(Found { user: Some(user), link: Some(link) });
        }
    }
    let Some(user) = db.get_user_by_email_or_username("", &identity.email).optional()? else {
        return Ok(Found { user: None, link: None });
    };
    let link = db.get_user_link_by_user_id_login_type(user.id, identity.login_type).optional()?;
    Ok(Found { user: Some(user), link })
}

/// Who would be nobody's owner becomes the first one.
fn may_sign_up(db: &Db, identity: &Identity) -> Result<bool, Refusal> {
    Ok(identity.allow_signups || db.get_user_count()? == 0)
}

fn new_user(deployment: &Deployment, db: &Db, identity: &Identity) -> Result<users::New, Refusal> {
    if !may_sign_up(db, identity)? {
        return Err(Refusal::SignupsDisabled);
    }
    Ok(users::New {
        email: identity.email.clone(),
        username: free_username(deployment, db, identity)?,
        name: identity.name.clone(),
        hashed_password: Vec::new(),
        login_type: identity.login_type,
        status: UserStatus::Active,
        roles: Vec::new(),
        organizations: vec![db.get_default_organization()?.id],
    })
}

/// The username that the service gives, or the most like it that nobody has.
fn free_username(deployment: &Deployment, db: &Db, identity: &Identity) -> Result<String, Refusal> {
    let stem = match &identity.username {
        Some(username) => username.clone(),
        None => username_from(&identity.email).unwrap_or_else(|| "user".to_owned()),
    };
    let is_free = |name: &str| Ok::<_, store::Error>(db.get_user_by_email_or_username(name, "").optional()?.is_none());
    if crate::sdk::names::name(&stem).is_ok() && is_free(&stem)? {
        return Ok(stem);
    }
    let kept = stem[..stem.len().min(STEM_MAX)].trim_end_matches('-');
    for _ in 0..ALTERNATIVES {
        let other = format!("{kept}-{}", deployment.ids.alphanumeric(4).to_lowercase());
        if is_free(&other)? {
            return Ok(other);
        }
    }
    Err(Refusal::Taken)
}

fn convert(
    deployment: &Deployment,
    db: &Db,
    identity: &Identity,
    conversion: &Conversion<'_>,
    user: &User,
) -> Result<User, Refusal> {
    let token = conversion.token.ok_or(Refusal::NoRight)?;
    let right = conversion::redeem(deployment, token, conversion.state)?;
    if right.user_id != user.id || right.from != user.login_type || right.to != identity.login_type {
        return Err(Refusal::RightOfOther);
    }
    Ok(db.update_user_login_type(user.id, identity.login_type, &[])?)
}

/// An account is linked with one person at a service. Somebody else there who comes to have the address does not
/// get the account; another service that is set up instead does, as its administrators mean it to.
fn keep_link(db: &Db, identity: &Identity, user: &User, link: Option<UserLink>) -> Result<(), Refusal> {
    let Tokens { access, refresh, expires_at, .. } = &identity.tokens;
    let expires_at = expires_at.unwrap_or(Time::ZERO);
    let Some(link) = link else {
        db.insert_user_link(&UserLink {
            user_id: user.id,
            login_type: identity.login_type,
            linked_id: identity.linked_id.clone(),
            oauth_access_token: access.clone(),
            oauth_refresh_token: refresh.clone(),
            oauth_expiry: expires_at,
            claims: identity.claims.clone(),
        })?;
        return Ok(());
    };
    if link.linked_id != identity.linked_id {
        if !link.linked_id.is_empty() && issuer(&link.linked_id) == issuer(&identity.linked_id) {
            return Err(Refusal::OtherSubject);
        }
        db.update_user_linked_id(user.id, identity.login_type, &identity.linked_id)?;
    }
    db.update_user_link(user.id, identity.login_type, access, refresh, expires_at, &identity.claims)?;
    Ok(())
}

/// The service part of a linked id; GitHub's have none, and are all of one service.
fn issuer(linked_id: &str) -> &str {
    linked_id.rsplit_once("||").map_or("", |(issuer, _)| issuer)
}

/// Makes the user be called as the service says; the username stays, since much may hang on it.
fn describe(db: &Db, identity: &Identity, user: User, now: Time) -> Result<User, Refusal> {
    if user.email == identity.email && user.name == identity.name && user.avatar_url == identity.avatar_url {
        return Ok(user);
    }
    match db.update_user_profile_of_provider(user.id, &identity.email, &identity.name, &identity.avatar_url, now) {
        Err(e) if e.is_unique() => Err(Refusal::Taken),
        updated => Ok(updated?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linked_id_names_its_service() {
        for (linked_id, want) in
            [("https://idp||me", "https://idp"), ("https://idp||a||b", "https://idp||a"), ("17", ""), ("", "")]
        {
            assert_eq!(issuer(linked_id), want, "{linked_id}");
        }
    }
}
