//! What a handler is given: the request with its path parameters, who asks, and a handle to the data
//! that is bound to whoever asks.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Error;
use super::journal::Journal;
use crate::deployment::Deployment;
use crate::http::{Params, Request};
use crate::rbac::Subject;
use crate::sdk::{self, Validate};
use crate::store::Db;
use crate::store::queries::api_keys::ApiKey;
use crate::time::Time;

/// Who asks, known by a key.
#[derive(Clone)]
pub struct Actor {
    /// The user.
    pub user_id: Uuid,
    /// The user's name.
    pub username: Arc<str>,
    /// What the user may do with this key.
    pub subject: Arc<Subject>,
    /// The key.
    pub key: Arc<ApiKey>,
}

/// A request on its way through a handler. Streams take a clone along.
#[derive(Clone)]
pub struct Cx {
    /// The server.
    pub deployment: Deployment,
    /// The request.
    pub request: Request,
    /// The matched pattern.
    pub route: &'static str,
    pub(super) params: Params,
    pub(super) query: Vec<(String, String)>,
    pub(super) actor: Option<Actor>,
    pub(super) db: Db,
    pub(super) journal: Journal,
}

impl Cx {
    /// The data, as the caller may see it (as nobody, on routes that need no key).
    pub fn db(&self) -> &Db {
        &self.db
    }
    /// The data, as the server itself sees it: for what must be read whoever asks.
    pub fn system_db(&self) -> Db {
        self.db_as(crate::rbac::system::restricted())
    }
    /// The data, as a system subject sees it, counted under this route.
    pub fn db_as(&self, subject: &Arc<Subject>) -> Db {
        self.db.acting_as(subject)
    }
    /// Who asks. On routes for users there always is one.
    pub fn actor(&self) -> Result<&Actor, Error> {
        self.actor.as_ref().ok_or_else(|| Error::new(401, "Sign in to use this."))
    }
    /// Who asks, where a key is optional.
    pub fn actor_if_any(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }
    /// The time now.
    pub fn now(&self) -> Time {
        self.deployment.clock.now()
    }
    /// A path parameter, percent-decoded; empty when the pattern has none of that name.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }
    /// A path parameter that must be a UUID: 400 that says so.
    pub fn uuid_param(&self, name: &str) -> Result<Uuid, Error> {
        let text = self.param(name);
        Uuid::try_parse(text).map_err(|_| {
            Error::bad(format!("Invalid UUID {text:?} for {name:?}."))
                .detail("A UUID has 32 hexadecimal digits, as in 6ba7b810-9dad-11d1-80b4-00c04fd430c8.")
        })
    }
    /// The first query parameter of that name; empty when there is none.
    pub fn query(&self, name: &str) -> &str {
        self.query_if_any(name).unwrap_or_default()
    }
    /// The first query parameter of that name.
    pub fn query_if_any(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// Every query parameter, in order.
    pub fn queries(&self) -> &[(String, String)] {
        &self.query
    }
    /// The body, read and checked: 400 that names what is wrong.
    pub fn body<T: DeserializeOwned + Validate>(&self) -> Result<T, Error> {
        sdk::read(&self.request.body).map_err(Error::from)
    }
    /// The client's address as keys keep it; `0.0.0.0` on a Unix socket.
    pub fn client_address(&self) -> String {
        self.request.peer.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string())
    }
    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(&self.request.head.headers, name)
    }
}

/// The value of a cookie among header fields.
pub fn cookie<'a>(headers: &'a crate::http::Headers, name: &str) -> Option<&'a str> {
    headers.all("Cookie").flat_map(|line| line.split(';')).find_map(|pair| {
        let (k, v) = pair.trim().split_once('=')?;
        (k == name).then(|| v.trim_matches('"'))
    })
}
