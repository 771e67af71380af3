//! The bodies and words that belong to no one resource: messages, errors, events.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};

use crate::wire_enum;

/// The body of every error, and of answers that say no more than that something was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    pub message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validations: Vec<ValidationError>,
}

impl Response {
    /// A body that says one sentence.
    pub fn new(message: impl Into<String>) -> Response {
        Response { message: message.into(), ..Response::default() }
    }
    /// The same with what happened underneath.
    pub fn with_detail(self, detail: impl Into<String>) -> Response {
        Response { detail: detail.into(), ..self }
    }
    /// The same with a field that is not valid, and why.
    pub fn with_validation(mut self, field: impl Into<String>, detail: impl Into<String>) -> Response {
        self.validations.push(ValidationError { field: field.into(), detail: detail.into() });
        self
    }
}

/// A field of a request that is not valid, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValidationError {
    pub field: String,
    pub detail: String,
}

/// One event of a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerSentEvent {
    pub r#type: ServerSentEventType,
    pub data: Option<serde_json::Value>,
}

wire_enum! {
    /// What kind of event of a stream this is.
    pub enum ServerSentEventType {
        Data = "data",
        Error = "error",
        Ping = "ping",
    }
}

wire_enum! {
    /// How grave a log line is.
    pub enum LogLevel {
        Debug = "debug",
        Error = "error",
        Info = "info",
        Trace = "trace",
        Warn = "warn",
    }
}
