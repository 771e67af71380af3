//! The SDK's client, with every answer held against what its operation promises.

use std::fmt;

use rockpool::sdk::client::{Answer, Request, Socket};
use rockpool::sdk::{self, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::API;

/// Someone who talks to a server. Any answer that is not of the API's shape fails the test.
pub struct Client(pub sdk::Client);

/// An answer of the right shape.
pub struct Checked {
    call: String,
    pub answer: Answer,
}

impl Client {
    #[track_caller]
    pub fn get(&self, target: &str) -> Checked {
        self.send(&Request { method: "GET", target, ..Request::default() })
    }
    #[track_caller]
    pub fn delete(&self, target: &str) -> Checked {
        self.send(&Request { method: "DELETE", target, ..Request::default() })
    }
    #[track_caller]
    pub fn post(&self, target: &str, body: impl Serialize) -> Checked {
        self.send_json("POST", target, &body)
    }
    #[track_caller]
    pub fn put(&self, target: &str, body: impl Serialize) -> Checked {
        self.send_json("PUT", target, &body)
    }
    #[track_caller]
    pub fn patch(&self, target: &str, body: impl Serialize) -> Checked {
        self.send_json("PATCH", target, &body)
    }

    #[track_caller]
    fn send_json(&self, method: &str, target: &str, body: &impl Serialize) -> Checked {
        let body = sdk::json::to_vec(body);
        self.send(&Request { method, target, headers: vec![("Content-Type", "application/json")], body: &body })
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&self, request: &Request<'_>) -> Checked {
        let call = format!("{} {}", request.method, request.target);
        let answer = self.0.send(request).unwrap_or_else(|err| panic!("{call}: {err}"));
        if let Err(why) = API.check(request.method, request.target, answer.status, &answer.body) {
            panic!("{call}: {}: {why}", answer.status);
        }
        Checked { call, answer }
    }

    /// Opens a WebSocket, or says why there is none.
    pub fn websocket(&self, target: &str) -> Result<Socket, sdk::client::Error> {
        self.0.websocket(target)
    }

    /// The same server without a token.
    pub fn anonymous(&self) -> Client {
        Client(self.0.anonymous())
    }
    /// The same server with another token.
    pub fn with_token(&self, token: &str) -> Client {
        Client(self.0.with_token(token))
    }
    /// The token that is sent along.
    pub fn token(&self) -> &str {
        self.0.token().expect("a client with a token")
    }
}

impl Checked {
    /// The body of an answer of this status.
    #[track_caller]
    pub fn ok<T: DeserializeOwned>(self, status: u16) -> T {
        let call = self.call.clone();
        let body = &self.expect(status).answer.body;
        let body = if body.is_empty() { b"null".as_slice() } else { body };
        serde_json::from_slice(body).unwrap_or_else(|err| panic!("{call}: {err}: {}", String::from_utf8_lossy(body)))
    }

    /// The error body of an answer of this status.
    #[track_caller]
    pub fn refused(self, status: u16) -> Response {
        self.ok(status)
    }

    /// The fields that an error of status 400 names, in order.
    #[track_caller]
    pub fn invalid(self) -> Vec<String> {
        self.refused(400).validations.into_iter().map(|v| v.field).collect()
    }

    /// Expects a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Checked {
        assert_eq!(self.answer.status, status, "{self}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.answer.body).unwrap_or_else(|err| panic!("{err}: {self}"))
    }

    /// The cookie of a name that the answer sets, with its attributes.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let set = self.answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        set.map(|(_, value)| value).find(|value| value.split('=').next() == Some(name)).cloned()
    }

    /// The value of a cookie that the answer must set.
    #[track_caller]
    pub fn cookie_value(&self, name: &str) -> String {
        let cookie = self.cookie(name).unwrap_or_else(|| panic!("no {name}: {self}"));
        let (_, value) = cookie.split_once('=').expect("a value");
        value.split(';').next().unwrap_or_default().to_owned()
    }

    /// The first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.call, self.answer.status, String::from_utf8_lossy(&self.answer.body))
    }
}
