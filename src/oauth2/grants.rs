//! Giving tokens out and taking them back: the one part of the provider that reads and keeps things.
//!
//! Whatever a client shows must be its own: a secret, a code or a refresh token of another application is
//! as one that does not exist. A code is spent in the transaction that makes its tokens, and stays behind
//! marked as spent, so that a second use of it is noticed ([`CODE_RETRY`]).

use std::time::Duration;

use uuid::Uuid;

use super::request::{Exchange, Refusal, TokenRequest};
use super::secret::Secret;
use super::{CODE_LIFETIME, CODE_RETRY, key_name, pkce};
use crate::auth::{self, keys, token};
use crate::deployment::Deployment;
use crate::rbac::system;
use crate::sdk::{LoginType, OAuth2TokenEndpointAuthMethod, UserStatus};
use crate::store::queries::oauth2::{
    OAuth2ProviderApp, OAuth2ProviderAppCode, OAuth2ProviderAppSecret, OAuth2ProviderAppToken,
};
use crate::store::{self, Db, Optional, TxError};
use crate::time::Time;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client asked for what it may not have.
    #[error("{}: {}", .0.code, .0.description)]
    Refused(Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The user's roles cannot be used.
    #[error(transparent)]
    Subject(#[from] auth::Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl TxError for Error {
    fn store_error(&self) -> Option<&store::Error> {
        match self {
            Error::Store(e) => Some(e),
            _ => None,
        }
    }
}

/// What a client is given.
pub struct Issued {
    /// A key for the API.
    pub access_token: String,
    /// What renews it.
    pub refresh_token: String,
    /// Until when the key lasts.
    pub expires_at: Time,
    /// How long that is.
    pub lifetime: Duration,
}

/// A client that asks for tokens, or gives one back.
pub struct Client<'a> {
    /// The server.
    pub deployment: &'a Deployment,
    /// The data; whom it is bound to does not matter.
    pub db: &'a Db,
    /// The application that it says it is.
    pub app: &'a OAuth2ProviderApp,
    /// Where it asks from.
    pub ip_address: String,
}

/// What a new code is for.
pub struct Consent<'a> {
    /// Where the code is sent.
    pub redirect_uri: &'a str,
    /// What the token will be for; empty for anything.
    pub resource: &'a str,
    /// The challenge and its method, if there is one.
    pub challenge: Option<(&'a str, crate::sdk::OAuth2PKCECodeChallengeMethod)>,
}

/// Makes a code for an application, in the place of those it has. `db` acts as the user.
pub fn consent(
    deployment: &Deployment,
    db: &Db,
    user: Uuid,
    app: Uuid,
    consent: &Consent<'_>,
) -> Result<Secret, store::Error> {
    let now = deployment.clock.now();
    let code = Secret::bound_to(&deployment.ids, consent.redirect_uri);
    let row = OAuth2ProviderAppCode {
        id: deployment.ids.uuid(),
        created_at: now,
        expires_at: now + CODE_LIFETIME,
        secret_prefix: code.prefix().to_vec(),
        hashed_secret: code.hashed(),
        user_id: user,
        app_id: app,
        resource_uri: some(consent.resource),
        code_challenge: consent.challenge.map(|(challenge, _)| challenge.to_owned()),
        code_challenge_method: consent.challenge.map(|(_, method)| method.as_str().to_owned()),
    };
    db.tx::<_, store::Error>(|db| {
        db.delete_oauth2_provider_app_codes_by_app_and_user_id(app, user)?;
        db.insert_oauth2_provider_app_code(&row)
    })?;
    Ok(code)
}

/// A new secret of an application: what its holder is given, and what is kept.
pub fn new_secret(
    deployment: &Deployment,
    app: Uuid,
    show: impl FnOnce(&str) -> String,
) -> (Secret, OAuth2ProviderAppSecret) {
    let secret = Secret::generate(&deployment.ids);
    let row = OAuth2ProviderAppSecret {
        id: deployment.ids.uuid(),
        created_at: deployment.clock.now(),
        last_used_at: None,
        hashed_secret: secret.hashed(),
        display_secret: show(&secret.text()),
        app_id: app,
        secret_prefix: secret.prefix().to_vec(),
    };
    (secret, row)
}

impl Client<'_> {
    /// Tokens for what the client has.
    pub fn exchange(&self, request: &TokenRequest) -> Result<Issued, Error> {
        match &request.grant {
            Exchange::Code { code, redirect_uri, code_verifier } => {
                let secret = self.authenticate(&request.client_secret)?;
                self.redeem(&secret, code, redirect_uri, code_verifier, &request.resource)
            }
            Exchange::Refresh { refresh_token } => {
                if !request.client_secret.is_empty() || !self.is_public() {
                    self.authenticate(&request.client_secret)?;
                }
                self.refresh(refresh_token, &request.resource)
            }
        }
    }

    /// Ends a token and all that came with it. Nothing tells a token that is not the client's from one
    /// that does not exist (RFC 7009, section 2.2).
    pub fn revoke(&self, text: &str, client_secret: &str) -> Result<(), Error> {
        if !client_secret.is_empty() {
            self.authenticate(client_secret)?;
        }
        let odd = || Refusal::new(crate::sdk::OAuth2ErrorCode::InvalidRequest, "Invalid token format");
        let db = self.db.acting_as(system::oauth());
        let row = if Secret::is_meant_by(text) {
            let secret = Secret::parse(text).ok_or_else(odd)?;
            db.get_oauth2_provider_app_token_by_prefix(secret.prefix())
                .optional()?
                .filter(|row| secret.matches(&row.refresh_hash))
        } else {
            let (id, secret) = token::split(text).ok_or_else(odd)?;
            let key = db.get_api_key_by_id(id).optional()?;
            match key.filter(|key| {
                token::matches(secret, &key.hashed_secret) && key.login_type == LoginType::OAuth2ProviderApp
            }) {
                Some(key) => db.get_oauth2_provider_app_token_by_api_key_id(&key.id).optional()?,
                None => None,
            }
        };
        let Some(row) = row else { return Ok(()) };
        if !self.owns(&db, &row)? {
            return Ok(());
        }
        match db.delete_api_key_by_id(&row.api_key_id) {
            Ok(_) | Err(store::Error::NotFound) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// The secret of this application that the client knows.
    fn authenticate(&self, text: &str) -> Result<OAuth2ProviderAppSecret, Error> {
        let secret = Secret::parse(text).ok_or_else(Refusal::invalid_client)?;
        let row = self.system().get_oauth2_provider_app_secret_by_prefix(secret.prefix()).optional()?;
        let row = row.filter(|row| secret.matches(&row.hashed_secret) && row.app_id == self.app.id);
        Ok(row.ok_or_else(Refusal::invalid_client)?)
    }

    /// Whether the client registered as one that keeps no secrets.
    fn is_public(&self) -> bool {
        self.app.token_endpoint_auth_method.as_deref() == Some(OAuth2TokenEndpointAuthMethod::None.as_str())
    }

    fn owns(&self, db: &Db, row: &OAuth2ProviderAppToken) -> Result<bool, store::Error> {
        let secret = db.get_oauth2_provider_app_secret_by_id(row.app_secret_id).optional()?;
        Ok(secret.is_some_and(|secret| secret.app_id == self.app.id))
    }

    fn redeem(
        &self,
        secret: &OAuth2ProviderAppSecret,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
        resource: &str,
    ) -> Result<Issued, Error> {
        let now = self.deployment.clock.now();
        let code = Secret::parse(code).ok_or_else(Refusal::bad_code)?;
        let row = self.system().get_oauth2_provider_app_code_by_prefix(code.prefix()).optional()?;
        let row = row
            .filter(|row| code.matches(&row.hashed_secret) && row.app_id == self.app.id)
            .ok_or_else(Refusal::bad_code)?;
        if is_spent(&row) {
            self.note_reuse(&row, now)?;
        }
        if row.expires_at <= now || !code.is_bound_to(redirect_uri) {
            return Err(Refusal::bad_code().into());
        }
        // Without a challenge a verifier is ignored, as clients of the reference may count on.
        if let Some(challenge) = row.code_challenge.as_deref().filter(|c| !c.is_empty())
            && !pkce::verify(challenge, verifier)
        {
            return Err(Refusal::bad_verifier().into());
        }
        if row.resource_uri.as_deref().unwrap_or_default() != resource {
            return Err(Refusal::invalid_target().into());
        }
        let (issued, key, token) = self.make(row.user_id, secret.id, row.resource_uri.clone(), now);
        let spent = OAuth2ProviderAppCode { created_at: now, expires_at: Time::ZERO, ..row.clone() };
        self.as_user(row.user_id, Refusal::bad_code())?.tx::<_, Error>(|db| {
            let live = db.get_oauth2_provider_app_code_by_id(row.id).optional()?;
            if live.is_none_or(|code| is_spent(&code)) || db.delete_oauth2_provider_app_code_by_id(row.id)? == 0 {
                return Err(Refusal::bad_code().into());
            }
            db.insert_oauth2_provider_app_code(&spent)?;
            if let Some(last) = db.get_api_key_by_name(row.user_id, &key.token_name).optional()? {
                db.delete_api_key_by_id(&last.id)?;
            }
            db.insert_api_key(&key)?;
            db.insert_oauth2_provider_app_token(&token)?;
            Ok(())
        })?;
        Ok(issued)
    }

    /// A code that is used again after its exchange may have been stolen: what came of it ends (RFC 6749,
    /// section 4.1.2). At once, though, a client may repeat a request whose answer it lost.
    fn note_reuse(&self, row: &OAuth2ProviderAppCode, now: Time) -> Result<(), store::Error> {
        if row.created_at + CODE_RETRY < now {
            log::warn!(target: "oauth2", app:% = row.app_id, user:% = row.user_id; "a code was used twice; its tokens are revoked");
            let db = self.db.acting_as(system::oauth());
            db.delete_oauth2_provider_app_tokens_by_app_and_user_id(row.app_id, row.user_id)?;
        }
        Ok(())
    }

    fn refresh(&self, text: &str, resource: &str) -> Result<Issued, Error> {
        let now = self.deployment.clock.now();
        let db = self.system();
        let secret = Secret::parse(text).ok_or_else(Refusal::bad_refresh_token)?;
        let row = db.get_oauth2_provider_app_token_by_prefix(secret.prefix()).optional()?;
        let row = row.filter(|row| secret.matches(&row.refresh_hash)).ok_or_else(Refusal::bad_refresh_token)?;
        if row.expires_at <= now || !self.owns(&db, &row)? {
            return Err(Refusal::bad_refresh_token().into());
        }
        if !resource.is_empty() && row.audience.as_deref() != Some(resource) {
            return Err(Refusal::invalid_target().into());
        }
        let (issued, key, token) = self.make(row.user_id, row.app_secret_id, row.audience.clone(), now);
        self.as_user(row.user_id, Refusal::bad_refresh_token())?.tx::<_, Error>(|db| {
            match db.delete_api_key_by_id(&row.api_key_id) {
                Ok(0) | Err(store::Error::NotFound) => return Err(Refusal::bad_refresh_token().into()),
                Ok(_) => {}
                Err(e) => return Err(e.into()),
            }
            db.insert_api_key(&key)?;
            db.insert_oauth2_provider_app_token(&token)?;
            Ok(())
        })?;
        Ok(issued)
    }

    fn make(
        &self,
        user: Uuid,
        secret: Uuid,
        audience: Option<String>,
        now: Time,
    ) -> (Issued, store::queries::api_keys::ApiKey, OAuth2ProviderAppToken) {
        let sessions = &self.deployment.config.sessions;
        let lifetime = sessions.default_duration;
        let new = keys::New {
            token_name: key_name(user, self.app.id),
            ..keys::New::session(user, LoginType::OAuth2ProviderApp, lifetime, self.ip_address.clone())
        };
        let (key, access_token) = keys::make(self.deployment, new);
        let refresh = Secret::generate(&self.deployment.ids);
        let token = OAuth2ProviderAppToken {
            id: self.deployment.ids.uuid(),
            created_at: now,
            expires_at: now + sessions.oauth_refresh_lifetime,
            hash_prefix: refresh.prefix().to_vec(),
            refresh_hash: refresh.hashed(),
            app_secret_id: secret,
            api_key_id: key.id.clone(),
            audience,
            user_id: user,
        };
        let issued = Issued { access_token, refresh_token: refresh.text(), expires_at: key.expires_at, lifetime };
        (issued, key, token)
    }

    fn system(&self) -> Db {
        self.db.acting_as(system::restricted())
    }

    /// The data, as the user sees it who gave consent. Who is suspended gets nothing more by it.
    fn as_user(&self, user: Uuid, or: Refusal) -> Result<Db, Error> {
        let known = self.deployment.subjects.of_user(&self.system(), user)?;
        if known.status == UserStatus::Suspended {
            return Err(or.into());
        }
        Ok(self.db.acting_as(&known.subject))
    }
}

/// A spent code keeps the time of its exchange, and was never good after it.
fn is_spent(code: &OAuth2ProviderAppCode) -> bool {
    code.expires_at <= code.created_at
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
