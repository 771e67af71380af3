//! Making keys: sessions, tokens, and the keys that the server makes for workspaces. What is stored of
//! one, and the token that its holder gets.

use std::time::Duration;

use uuid::Uuid;

use super::token::Token;
use crate::deployment::Deployment;
use crate::rbac::{AllowList, scopes};
use crate::sdk::LoginType;
use crate::store::queries::api_keys::ApiKey;
use crate::time::Time;

/// How long a key lasts after each use when it was made for less than a second.
const SHORTEST_SECONDS: i64 = 86_400;

/// A key to be made.
pub struct New {
    /// Whose it is.
    pub user_id: Uuid,
    /// What it comes from.
    pub login_type: LoginType,
    /// How long it lasts.
    pub lifetime: Duration,
    /// What it is limited to, by name.
    pub scopes: Vec<String>,
    /// The objects it is limited to.
    pub allow_list: AllowList,
    /// What its owner calls it; empty for sessions.
    pub token_name: String,
    /// Where it was asked for from.
    pub ip_address: String,
}

impl New {
    /// A key without limits or name.
    pub fn session(user_id: Uuid, login_type: LoginType, lifetime: Duration, ip_address: String) -> New {
        New {
            user_id,
            login_type,
            lifetime,
            scopes: vec![scopes::ALL.to_owned()],
            allow_list: AllowList::any(),
            token_name: String::new(),
            ip_address,
        }
    }
}

/// Makes the row to be stored, and the text that its holder gets and nobody keeps.
pub fn make(deployment: &Deployment, new: New) -> (ApiKey, String) {
    let token = Token::generate(&deployment.ids);
    let text = token.text();
    (row(deployment, new, token), text)
}

/// The same for a token that was chosen beforehand.
pub fn row(deployment: &Deployment, new: New, token: Token) -> ApiKey {
    let now = deployment.clock.now();
    let lifetime_seconds = i64::try_from(new.lifetime.as_secs()).unwrap_or(i64::MAX);
    ApiKey {
        hashed_secret: token.hashed_secret(),
        id: token.id,
        user_id: new.user_id,
        last_used: Time::ZERO,
        expires_at: now + new.lifetime,
        created_at: now,
        updated_at: now,
        login_type: new.login_type,
        lifetime_seconds: if lifetime_seconds == 0 { SHORTEST_SECONDS } else { lifetime_seconds },
        ip_address: new.ip_address,
        token_name: new.token_name,
        scopes: new.scopes,
        allow_list: new.allow_list.entries().iter().map(ToString::to_string).collect(),
    }
}
