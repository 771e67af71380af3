//! Streams of the API, read to their end or as far as a test needs.

use std::io::{BufRead, BufReader, Lines};

use rockpool::sdk::ServerSentEvent;
use rockpool::sdk::client::{Body, Request, Socket};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tungstenite::{Error, Message};

use super::api::API;
use super::client::Client;

impl Client {
    /// Opens a WebSocket of JSON messages.
    #[track_caller]
    pub fn messages(&self, target: &str) -> Messages {
        let socket = self.websocket(target).unwrap_or_else(|err| panic!("{err}"));
        Messages { socket, target: target.to_owned() }
    }

    /// Reads the JSON messages of a WebSocket until the server closes it.
    #[track_caller]
    pub fn follow<T: DeserializeOwned>(&self, target: &str) -> Vec<T> {
        let mut messages = self.messages(target);
        std::iter::from_fn(|| messages.next()).collect()
    }

    /// Opens a stream of server-sent events.
    #[track_caller]
    pub fn events(&self, target: &str) -> Events {
        let request = Request { method: "GET", target, ..Request::default() };
        let (head, body) = self.0.open(&request).unwrap_or_else(|err| panic!("GET {target}: {err}"));
        assert_eq!(head.status, 200, "GET {target}");
        let kind = head.header("Content-Type").unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "GET {target}: {kind}");
        Events { lines: BufReader::new(body).lines() }
    }
}

/// A WebSocket whose messages are held against what its operation promises.
pub struct Messages {
    pub socket: Socket,
    target: String,
}

impl Messages {
    /// The next message; none once the server has closed the socket.
    #[track_caller]
    pub fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        let message: Value = loop {
            match self.socket.read() {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                    let bytes = message.into_data();
                    break serde_json::from_slice(&bytes).unwrap_or_else(|err| panic!("{}: {err}", self.target));
                }
                // The answer to a close is written while reading on.
                Ok(_) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return None,
                Err(err) => panic!("{}: {err}", self.target),
            }
        };
        API.check_message(&self.target, &message).unwrap_or_else(|why| panic!("{}: {why}", self.target));
        Some(serde_json::from_value(message).unwrap_or_else(|err| panic!("{}: {err}", self.target)))
    }

    /// Sends a message.
    #[track_caller]
    pub fn send(&mut self, message: &impl Serialize) {
        let text = serde_json::to_string(message).expect("JSON");
        self.socket.send(Message::text(text)).unwrap_or_else(|err| panic!("{}: {err}", self.target));
    }
}

/// Server-sent events as they come.
pub struct Events {
    lines: Lines<BufReader<Body>>,
}

impl Iterator for Events {
    type Item = ServerSentEvent;

    /// The next event; none at the end of the stream.
    fn next(&mut self) -> Option<ServerSentEvent> {
        let mut kind = None;
        let mut data = String::new();
        loop {
            let line = self.lines.next()?.expect("a line of the stream");
            match line.split_once(": ") {
                Some(("event", name)) => kind = Some(name.to_owned()),
                Some(("data", text)) => data += text,
                _ if line.is_empty() && kind.is_some() => break,
                _ => {}
            }
        }
        let data: Value = if data.is_empty() { Value::Null } else { serde_json::from_str(&data).expect("JSON") };
        let event = serde_json::json!({"type": kind, "data": data});
        Some(serde_json::from_value(event).expect("an event"))
    }
}
