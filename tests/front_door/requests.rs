//! What a plain request is answered with, and what is refused before anybody looks at it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::kit::{Door, PATIENCE, door, door_with, get, read_answer};

#[test]
fn a_plain_request_is_answered_with_its_request_id_and_length() {
    let door = door();
    let answer = door.ask(get("/hello?a=b%20c"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Coder-Request-Id: "), "{answer}");
    assert!(answer.contains("\r\nDate: "), "{answer}");
    assert!(answer.ends_with("GET /hello?a=b%20c tls=false peer=Some(127.0.0.1)\n"), "{answer}");
}

#[test]
fn bodies_of_either_framing_arrive_and_the_connection_goes_on() {
    let door = door();
    let mut stream = door.connect();
    let long = "b".repeat(300_000);
    let cases = [
        ("Content-Length: 5\r\n\r\nhello".to_owned(), "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n".to_owned(), "hello"),
        (format!("Content-Length: 300000\r\n\r\n{long}"), &long),
        (format!("Transfer-Encoding: Chunked\r\n\r\n493e0\r\n{long}\r\n0\r\n\r\n"), &long),
    ];
    for (rest, want) in &cases {
        stream.write_all(format!("POST /p HTTP/1.1\r\nHost: h\r\n{rest}").as_bytes()).unwrap();
        let (head, body) = read_answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(body.ends_with(want.as_bytes()), "{}", &rest[..40]);
    }
}

#[test]
fn what_is_ambiguous_or_malformed_is_refused_and_the_connection_closed() {
    let door = door();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let cases = [
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000000\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", 413),
        ("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: h\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: miracles\r\n\r\n", 417),
    ];
    for (request, status) in cases {
        let answer = door.ask(format!("{request}{smuggled}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{request:?}: {answer}");
        assert_eq!(answer.matches("\r\nX-Coder-Request-Id: ").count(), 1, "{request:?}: {answer}");
    }
    assert!(door.ask(get("/")).starts_with("HTTP/1.1 200"));
}

#[test]
fn an_older_client_is_told_whether_its_connection_goes_on() {
    let door = door();
    let mut stream = door.connect();
    stream.write_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let (head, _) = read_answer(&mut stream);
    assert!(head.contains("\r\nConnection: keep-alive\r\n"), "{head}");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let (head, _) = read_answer(&mut stream);
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_or_refused_before_it_sends() {
    let door = door();
    let mut stream = door.connect();
    let head = |length: usize| {
        format!("POST /small HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    stream.write_all(head(5).as_bytes()).unwrap();
    let (told, _) = read_answer(&mut stream);
    assert_eq!(told, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").unwrap();
    let (answer, body) = read_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && body.ends_with(b"\nhello"), "{answer}");
    stream.write_all(head(11).as_bytes()).unwrap();
    let (answer, _) = read_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn text_beyond_ascii_goes_through_both_ways() {
    let door = door();
    let answer = door.ask("GET /grün HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("GET /grün?"), "{answer}");
    let answer = door.ask("GET /fields HTTP/1.1\r\nHost: h\r\nX: grün\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("\nX=grün\n"), "{answer}");
    let answer = door.ask(b"GET /fields HTTP/1.1\r\nHost: h\r\nX: gr\xfcn\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("\nX=grün\n"), "{answer}");
    let answer = door.ask(get("/split"));
    assert!(answer.contains("\r\nX-Utf8: grün\r\n"), "{answer}");
}

#[test]
fn a_value_with_a_line_break_cannot_add_a_field_to_an_answer() {
    let answer = door().ask(get("/split"));
    assert!(answer.contains("\r\nX-Split: a  X-Injected: b\r\n"), "{answer}");
}

#[test]
fn a_client_cannot_pass_for_the_porter() {
    let door = door();
    let request = "GET /fields HTTP/1.1\r\nHost: h\r\nX-Waybill: s 1 2\r\nConnection: close\r\n\r\n";
    let answer = door.ask(request);
    assert!(answer.ends_with("\r\n\r\nHost=h\nX-Waybill=s 1 2\nConnection=close"), "{answer}");
}

#[test]
fn an_answer_is_framed_by_its_length_whatever_its_size_and_not_at_all_where_it_has_no_body() {
    let door = door();
    let answer = door.ask(get("/large"));
    assert!(answer.contains("\r\nContent-Length: 100000\r\n") && !answer.contains("Transfer-Encoding"));
    assert!(answer.ends_with(&format!("\r\n\r\n{}", "x".repeat(100_000))));
    let answer = door.ask(get("/empty"));
    assert!(answer.starts_with("HTTP/1.1 204 ") && !answer.contains("Content-Length"), "{answer}");
    let answer = door.ask("HEAD /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("\r\nContent-Length: 100000\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn an_absolute_target_names_its_own_host() {
    let answer = door().ask("GET http://other:1/fields?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.ends_with("Connection=close\nHost=other:1"), "{answer}");
}

#[test]
fn a_panic_is_an_error_to_one_client_and_nothing_to_the_next() {
    let door = door();
    // More often than there are workers.
    for _ in 0..5 {
        let mut stream = door.connect();
        stream.write_all(b"GET /panic HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let (head, body) = read_answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(body["message"].is_string() && !body.to_string().contains("own words"), "{body}");
        stream.write_all(get("/").as_bytes()).unwrap();
        assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
    }
    for path in ["/plan-panic", "/forget"] {
        assert!(door.ask(get(path)).starts_with("HTTP/1.1 500 "), "{path}");
    }
}

#[test]
fn requests_sent_ahead_are_answered_one_by_one_in_order() {
    let door = door();
    let mut stream = door.connect();
    let ahead: String = (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n")).collect();
    stream.write_all(ahead.as_bytes()).unwrap();
    for n in 0..50 {
        let (_, body) = read_answer(&mut stream);
        assert!(body.starts_with(format!("GET /{n}?").as_bytes()));
    }
}

/// Two clients of a server with one worker: one is being answered, the other waits for that.
fn two_held(door: &Door) -> Vec<TcpStream> {
    let held: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = door.connect();
            stream.write_all(get("/hold").as_bytes()).unwrap();
            stream
        })
        .collect();
    door.held.recv_timeout(PATIENCE).unwrap();
    let (counters, started) = (door.server.counters(), Instant::now());
    while counters.requests_in_flight.load(Ordering::Relaxed) < 2 {
        assert!(started.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    held
}

fn assert_busy_then_let_go(door: &Door, mut held: Vec<TcpStream>) {
    let busy = door.ask(get("/"));
    assert!(busy.starts_with("HTTP/1.1 503 ") && busy.contains("\r\nRetry-After: 1\r\n"), "{busy}");
    assert!(busy.contains("{\"message\":"), "{busy}");
    // Either may be the one that runs.
    (0..held.len()).for_each(|_| door.release.send(()).unwrap());
    for stream in &mut held {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("held"), "{answer}");
    }
    assert!(door.ask(get("/")).starts_with("HTTP/1.1 200 "));
}

#[test]
fn when_the_queue_is_full_the_answer_is_busy_at_once() {
    let door = door_with(|config| (config.workers, config.queue) = (1, 1));
    let held = two_held(&door);
    assert_busy_then_let_go(&door, held);
}

#[test]
fn a_request_that_waits_too_long_for_a_worker_is_told_so() {
    let door = door_with(|config| {
        config.workers = 1;
        config.limits.queue = Duration::from_millis(50);
    });
    let held = two_held(&door);
    assert_busy_then_let_go(&door, held);
}
