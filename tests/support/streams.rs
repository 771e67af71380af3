//! Streams of the API, read to their end or as far as a test needs.

use std::io::{BufRead, BufReader, Lines};

use rockpool::sdk::ServerSentEvent;
use rockpool::sdk::client::{Body, Request, Socket};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tungstenite::{Error, Message};

use super::client::Client;

impl Client {
    /// Reads the JSON messages of a WebSocket until the server closes it.
    #[track_caller]
    pub fn follow<T: DeserializeOwned>(&self, target: &str) -> Vec<T> {
        let mut socket = self.websocket(target).unwrap_or_else(|err| panic!("{err}"));
        std::iter::from_fn(|| next_message(&mut socket)).collect()
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

/// The next JSON message of a WebSocket; none once the server has closed it.
#[track_caller]
pub fn next_message<T: DeserializeOwned>(socket: &mut Socket) -> Option<T> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                return Some(serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err}: {text}")));
            }
            Ok(Message::Binary(bytes)) => {
                return Some(serde_json::from_slice(&bytes).unwrap_or_else(|err| panic!("{err}: {bytes:?}")));
            }
            // The answer to a close is written while reading on.
            Ok(_) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return None,
            Err(err) => panic!("the WebSocket: {err}"),
        }
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
