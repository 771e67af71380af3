//! WebSockets, server-sent events and tunnels.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tungstenite::Message;

use super::kit::{PATIENCE, door, door_with, get, read_answer};

#[test]
fn a_websocket_echoes_and_closes() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws", door.address), door.connect()).unwrap();
    socket.send("hello".into()).unwrap();
    assert_eq!(socket.read().unwrap(), "hello".into());
    socket.send(vec![1, 2, 3].into()).unwrap();
    assert_eq!(socket.read().unwrap(), vec![1, 2, 3].into());
    socket.close(None).unwrap();
    assert!(socket.read().unwrap().is_close());
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "Some(1005)");
}

#[test]
fn a_server_push_needs_no_word_from_the_client() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws-push", door.address), door.connect()).unwrap();
    for _ in 0..3 {
        door.release.send(()).unwrap();
        loop {
            let message = socket.read().unwrap();
            if message.is_text() {
                assert_eq!(message, "\"pushed\"".into());
                break;
            }
        }
    }
}

#[test]
fn an_event_arrives_at_once_and_a_hang_up_ends_the_stream() {
    let door = door();
    let mut stream = door.connect();
    stream.write_all(b"GET /sse HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let (head, _) = read_answer(&mut stream);
    assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    let mut chunk = [0; 18];
    stream.read_exact(&mut chunk).unwrap();
    assert_eq!(&chunk, b"d\r\nevent: ping\n\n\r\n");
    let asked = Instant::now();
    door.release.send(()).unwrap();
    let mut chunk = [0; 34];
    stream.read_exact(&mut chunk).unwrap();
    assert_eq!(std::str::from_utf8(&chunk).unwrap(), "1c\r\nevent: data\ndata: \"pushed\"\n\n\r\n");
    assert!(asked.elapsed() < PATIENCE / 2);
    drop(stream);
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "sse");
}

#[test]
fn a_handshake_that_is_none_is_answered_and_the_connection_goes_on() {
    let door = door();
    let mut stream = door.connect();
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let v13 = "Sec-WebSocket-Version: 13\r\n";
    let cases = [
        ("GET", String::new(), 426),
        ("GET", format!("Upgrade: websocket\r\n{key}{v13}"), 426),
        ("POST", format!("{upgrade}{key}{v13}"), 405),
        ("GET", format!("{upgrade}{key}"), 400),
        ("GET", format!("{upgrade}{key}Sec-WebSocket-Version: 8\r\n"), 400),
        ("GET", format!("{upgrade}{v13}"), 400),
        ("GET", format!("{upgrade}{v13}Sec-WebSocket-Key: short\r\n"), 400),
        ("GET", format!("{upgrade}{v13}{key}Origin: https://elsewhere.example\r\n"), 403),
        ("GET", format!("{upgrade}{v13}{key}Origin: https://H\r\n"), 101),
    ];
    for (method, fields, status) in cases {
        stream.write_all(format!("{method} /ws HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes()).unwrap();
        let (head, _) = read_answer(&mut stream);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{fields:?}: {head}");
        if status == 101 {
            // The example of RFC 6455.
            assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        }
    }
}

#[test]
fn a_refused_stream_leaves_its_connection_as_it_was() {
    let door = door();
    let mut stream = door.connect();
    stream.write_all(b"GET /refuse HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 403 "));
    assert!(read_answer(&mut stream).1.starts_with(b"GET /next?"));
}

#[test]
fn a_tunnel_carries_what_was_sent_with_the_request_and_after() {
    let door = door();
    let mut stream = door.connect();
    stream.write_all(b"GET /tunnel HTTP/1.1\r\nHost: h\r\n\r\nearly").unwrap();
    let (head, _) = read_answer(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nUpgrade: echo\r\n"), "{head}");
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"early");
    stream.write_all(b"later").unwrap();
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"later");
}

#[test]
fn an_older_client_gets_its_events_until_the_connection_closes() {
    let door = door();
    let mut stream = door.connect();
    stream.write_all(b"GET /sse HTTP/1.0\r\n\r\n").unwrap();
    let (head, _) = read_answer(&mut stream);
    assert!(!head.contains("Transfer-Encoding"), "{head}");
    let mut event = [0; 13];
    stream.read_exact(&mut event).unwrap();
    assert_eq!(&event, b"event: ping\n\n");
}

#[test]
fn a_message_that_is_too_long_closes_with_1009() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws", door.address), door.connect()).unwrap();
    socket.send(Message::Binary(vec![0; 1001].into())).unwrap();
    assert_eq!(close_code(&mut socket), 1009);
}

#[test]
fn a_message_where_none_is_allowed_closes_with_the_code_for_it() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws-push", door.address), door.connect()).unwrap();
    socket.send("hello".into()).unwrap();
    assert_eq!(close_code(&mut socket), 1002);
}

fn close_code(socket: &mut tungstenite::WebSocket<impl Read + Write>) -> u16 {
    loop {
        match socket.read().unwrap() {
            Message::Close(Some(frame)) => return frame.code.into(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_that_answers_pings_stays_and_one_that_does_not_is_dropped() {
    let door = door();
    let url = format!("ws://{}/ws-push", door.address);
    let (mut lively, _) = tungstenite::client(&url, door.connect()).unwrap();
    let started = Instant::now();
    let mut pings = 0;
    while started.elapsed() < Duration::from_millis(500) {
        pings += usize::from(lively.read().unwrap().is_ping());
    }
    assert!(pings >= 2, "{pings} pings");
    // From here on it does not read, so it does not answer; but it keeps its socket.
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "Some(1001)");
}

#[test]
fn a_client_that_does_not_take_its_messages_is_dropped() {
    let door = door_with(|config| config.limits.write = Duration::from_millis(200));
    let (_socket, _) = tungstenite::client(format!("ws://{}/ws-flood", door.address), door.connect()).unwrap();
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "flooded");
}

#[test]
fn one_stream_too_many_is_told_so() {
    let door = door_with(|config| config.max_streams = 1);
    let mut stream = door.connect();
    stream.write_all(get("/sse").as_bytes()).unwrap();
    assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
    let answer = door.ask(get("/sse"));
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
}

#[test]
fn a_handler_that_panics_after_it_began_breaks_the_stream_and_no_more() {
    let door = door();
    let answer = door.ask(get("/sse-panic"));
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws-panic", door.address), door.connect()).unwrap();
    assert_eq!(close_code(&mut socket), 1011);
    assert!(door.ask(get("/")).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_streamed_body_is_whole_only_if_it_was_finished() {
    let door = door();
    let answer = door.ask(get("/body"));
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\r\nX-Kind: streamed\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{answer}");
    let answer = door.ask(get("/body-part"));
    assert!(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n"), "{answer}");
}

#[test]
fn a_handler_that_lags_behind_makes_its_client_wait_and_loses_nothing() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws-slow", door.address), door.connect()).unwrap();
    for n in 0..100 {
        socket.send(n.to_string().into()).unwrap();
    }
    door.release.send(()).unwrap();
    for n in 0..100 {
        assert_eq!(socket.read().unwrap(), n.to_string().into());
    }
}
