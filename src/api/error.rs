//! What a handler answers when it cannot do what was asked: a status and the SDK's error body.
//!
//! The rule: what the caller may not read is 404, what it may read but not do is 403, what it said
//! wrongly is 400. A store error maps itself; where existence is no secret a handler says so with
//! [`OrForbidden::or_forbidden`].

use crate::http;
use crate::sdk;
use crate::store;

/// A refusal, ready to be sent. Boxed, since answers are common and refusals are not.
#[derive(Debug)]
pub struct Error(Box<Refusal>);

/// What a refusal says.
#[derive(Debug)]
pub struct Refusal {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: sdk::Response,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// Whether a person reads it in a browser that came here by a link.
    is_page: bool,
    /// A store error behind it, so that a transaction can tell a lost race.
    store: Option<store::Error>,
}

impl std::ops::Deref for Error {
    type Target = Refusal;
    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl Error {
    /// A refusal with a message.
    pub fn new(status: u16, message: impl Into<String>) -> Error {
        let body = sdk::Response { message: message.into(), ..sdk::Response::default() };
        Error(Box::new(Refusal { status, body, headers: Vec::new(), is_page: false, store: None }))
    }
    /// 400 with a message.
    pub fn bad(message: impl Into<String>) -> Error {
        Error::new(400, message)
    }
    /// 400 that points at a field.
    pub fn invalid(message: impl Into<String>, field: &str, detail: impl Into<String>) -> Error {
        Error::bad(message).field(field, detail)
    }
    /// 404 as every hidden or missing thing answers.
    pub fn not_found() -> Error {
        Error::new(404, "Resource not found or you do not have access to this resource")
    }
    /// 403 as every thing that is no secret answers.
    pub fn forbidden() -> Error {
        Error::new(403, "Forbidden.").detail(
            "You lack the permission for this. Ask an administrator of the deployment or organization to grant it.",
        )
    }
    /// 409 with a message.
    pub fn conflict(message: impl Into<String>) -> Error {
        Error::new(409, message)
    }
    /// 500; the cause is logged, not shown.
    pub fn internal(cause: impl std::fmt::Display) -> Error {
        log::error!(target: "api", "{cause}");
        Error::new(500, "An internal server error occurred.")
            .detail("The server's log says more, under this response's X-Coder-Request-Id.")
    }
    /// With more to read.
    pub fn detail(mut self, detail: impl Into<String>) -> Error {
        self.0.body.detail = detail.into();
        self
    }
    /// With one more field that is wrong.
    pub fn field(mut self, field: &str, detail: impl Into<String>) -> Error {
        self.0.body.validations.push(sdk::ValidationError { field: field.to_owned(), detail: detail.into() });
        self
    }
    /// With a header field.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Error {
        self.0.headers.push((name.to_owned(), value.into()));
        self
    }
    /// As a page for people, where a browser comes by a link and no script reads the answer.
    pub fn as_page(mut self) -> Error {
        self.0.is_page = true;
        self
    }
    /// The answer.
    pub fn into_response(self) -> http::Response {
        if self.0.is_page {
            let mut response = super::pages::refusal(self.0.status, &self.0.body.message, &self.0.body.detail);
            response.headers.extend(self.0.headers);
            return response;
        }
        let mut response =
            http::Response { status: self.0.status, headers: self.0.headers, body: sdk::json::to_vec(&self.0.body) };
        response.headers.push(("Content-Type".into(), "application/json; charset=utf-8".into()));
        response
    }
}

impl From<store::Error> for Error {
    fn from(e: store::Error) -> Error {
        let mut error = match &e {
            store::Error::NotFound => Error::not_found(),
            store::Error::Denied(why) => {
                log::debug!(target: "authz", "{why}");
                Error::not_found()
            }
            store::Error::Unavailable(why) => {
                log::error!(target: "store", "{why}");
                Error::new(503, "The database is not available just now.")
                    .detail("Try again shortly; the server's log says why.")
                    .header("Retry-After", "1")
            }
            store::Error::Full(why) => {
                log::error!(target: "store", "{why}");
                Error::new(503, "The disk of the database is full.")
                    .detail("Nothing was changed. Make room on the server and try again; it need not be restarted.")
                    .header("Retry-After", "10")
            }
            store::Error::LostRace(_) => Error::new(503, "The database was too busy to finish this.")
                .detail("Try again.")
                .header("Retry-After", "1"),
            other => Error::internal(other),
        };
        error.0.store = Some(e);
        error
    }
}

impl From<sdk::Response> for Error {
    fn from(body: sdk::Response) -> Error {
        Error(Box::new(Refusal { status: 400, body, headers: Vec::new(), is_page: false, store: None }))
    }
}

impl store::TxError for Error {
    fn store_error(&self) -> Option<&store::Error> {
        self.0.store.as_ref()
    }
}

/// For what is no secret: refused is 403, not 404.
pub trait OrForbidden<T> {
    /// Makes a refused check a 403.
    fn or_forbidden(self) -> Result<T, Error>;
}

impl<T> OrForbidden<T> for Result<T, store::Error> {
    fn or_forbidden(self) -> Result<T, Error> {
        self.map_err(|e| match e {
            store::Error::Denied(_) => Error::forbidden(),
            other => other.into(),
        })
    }
}
