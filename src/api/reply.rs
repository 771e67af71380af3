//! Answers of handlers.

use serde::Serialize;

use crate::http::Response;
use crate::sdk;

/// An answer, ready to be sent.
pub type Reply = Result<Response, super::Error>;

/// 200 with a JSON body.
pub fn ok<T: Serialize>(body: &T) -> Reply {
    json(200, body)
}

/// 201 with a JSON body.
pub fn created<T: Serialize>(body: &T) -> Reply {
    json(201, body)
}

/// 200 with nothing but a message.
pub fn message(text: &str) -> Reply {
    ok(&sdk::Response { message: text.to_owned(), ..sdk::Response::default() })
}

/// Any status with a JSON body.
pub fn json<T: Serialize>(status: u16, body: &T) -> Reply {
    Ok(Response {
        status,
        headers: vec![("Content-Type".into(), "application/json; charset=utf-8".into())],
        body: sdk::json::to_vec(body),
    })
}

/// 204.
pub fn none() -> Reply {
    empty(204)
}

/// 204 with the media type of the body that it does not have: clients know some answers so.
pub fn none_of_json() -> Reply {
    Ok(Response {
        status: 204,
        headers: vec![("Content-Type".into(), "application/json; charset=utf-8".into())],
        body: Vec::new(),
    })
}

/// A status without a body.
pub fn empty(status: u16) -> Reply {
    Ok(Response { status, headers: Vec::new(), body: Vec::new() })
}

/// Bytes of a kind.
pub fn bytes(status: u16, content_type: &str, body: Vec<u8>) -> Reply {
    Ok(Response { status, headers: vec![("Content-Type".into(), content_type.to_owned())], body })
}
