//! Clients that are slow, greedy or rude, and a system that runs out: none of it harms anybody else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use socket2::SockRef;

use super::kit::{Door, PATIENCE, door, door_with, get, read_answer};

fn assert_serves(door: &Door) {
    let answer = door.ask(get("/"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// A door whose deadlines pass within a test.
fn hasty_door() -> Door {
    door_with(|config| {
        config.limits.head = Duration::from_millis(150);
        config.limits.body = Duration::from_millis(150);
        config.limits.idle = Duration::from_millis(150);
        config.limits.write = Duration::from_millis(300);
    })
}

#[test]
fn three_hundred_clients_that_stay_are_all_answered() {
    let door = door();
    let mut clients: Vec<TcpStream> = (0..300).map(|_| door.connect()).collect();
    for round in 0..3 {
        for client in &mut clients {
            client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        }
        for client in &mut clients {
            assert!(read_answer(client).0.starts_with("HTTP/1.1 200 "), "round {round}");
        }
    }
}

#[test]
fn a_head_that_comes_too_slowly_ends_at_its_deadline() {
    let door = hasty_door();
    let mut slow = door.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n").unwrap();
    // A byte now and then does not buy time.
    let drip = slow.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        while (&drip).write_all(b"X").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let mut answer = String::new();
    // The drip may meet a closed connection and have it reset.
    let _ = slow.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    dripping.join().unwrap();
    assert_serves(&door);
}

#[test]
fn a_body_that_comes_too_slowly_ends_at_its_deadline() {
    let answer = hasty_door().ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_client_that_says_nothing_is_let_go_without_a_word() {
    let door = hasty_door();
    assert_eq!(door.ask(""), "");
    let mut stream = door.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_answer(&mut stream);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_head_without_end_is_refused_at_its_limit() {
    let door = door();
    let fields = "X: y\r\n".repeat(101);
    assert!(door.ask(format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")).starts_with("HTTP/1.1 431 "));
    let fields = "X: y\r\n".repeat(98);
    assert!(
        door.ask(format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}Connection: close\r\n\r\n"))
            .starts_with("HTTP/1.1 200 ")
    );
    let mut stream = door.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nX: ").unwrap();
    let piece = vec![b'x'; 1 << 20];
    let sent = (0..200).take_while(|_| stream.write_all(&piece).is_ok()).count();
    assert!(sent < 20, "the server took {sent} MiB of a head");
    assert_serves(&door);
}

#[test]
fn half_sent_requests_hold_no_worker() {
    let door = door();
    let halves: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = door.connect();
            stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf").unwrap();
            stream
        })
        .collect();
    assert_serves(&door);
    assert_eq!(door.server.counters().requests_in_flight.load(Ordering::Relaxed), 0);
    drop(halves);
}

#[test]
fn large_bodies_share_a_bounded_memory() {
    let door = door_with(|config| config.body_memory_bytes = 500_000);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n";
    let counters = door.server.counters();
    let half = |stream: &mut TcpStream| stream.write_all(format!("{head}{}", "x".repeat(350_000)).as_bytes()).unwrap();
    let mut first = door.connect();
    half(&mut first);
    let started = Instant::now();
    while counters.body_bytes.load(Ordering::Relaxed) < 250_000 {
        assert!(started.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    let mut second = door.connect();
    half(&mut second);
    let (answer, _) = read_answer(&mut second);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
    // Small ones go on, and so does the one that was there.
    assert!(
        door.ask("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
            .starts_with("HTTP/1.1 200 ")
    );
    first.write_all(&[b'x'; 50_000]).unwrap();
    assert!(read_answer(&mut first).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_client_that_sends_ahead_and_reads_nothing_holds_up_only_itself() {
    let door = hasty_door();
    let mut greedy = door.connect();
    greedy.set_write_timeout(Some(PATIENCE)).unwrap();
    let ahead = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000);
    let started = Instant::now();
    // Until the server gives it up: it writes more than the server will ever take.
    while greedy.write_all(ahead.as_bytes()).is_ok() {
        assert!(started.elapsed() < PATIENCE);
        assert_serves(&door);
    }
}

#[test]
fn a_connection_that_is_reset_at_any_moment_costs_nothing() {
    let door = door();
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    for sent in [0, 1, 10, 30, request.len() - 1, request.len()] {
        let mut stream = door.connect();
        stream.write_all(&request[..sent]).unwrap();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        assert_serves(&door);
    }
    // A client that stops sending still gets its answer.
    let mut stream = door.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn one_connection_too_many_is_told_so_and_a_place_that_is_left_is_free() {
    let door = door_with(|config| config.max_connections = 2);
    let mut clients: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = door.connect();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
            read_answer(&mut stream);
            stream
        })
        .collect();
    let mut refused = door.connect();
    let (head, _) = read_answer(&mut refused);
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 1\r\n"), "{head}");
    clients[0].write_all(get("/").as_bytes()).unwrap();
    let mut rest = Vec::new();
    clients[0].read_to_end(&mut rest).unwrap();
    drop(clients.remove(0));
    let started = Instant::now();
    while !door.ask_or_nothing(get("/")).starts_with("HTTP/1.1 200 ") {
        assert!(started.elapsed() < PATIENCE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_harm_the_server(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("GET / HTTP/1.1\r\nHost: h\r\n\r\n".as_bytes().to_vec()),
                Just("POST /ws HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n".as_bytes().to_vec()),
                Just("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".as_bytes().to_vec()),
                Just(b"Content-Length: 7\r\n\r\n".to_vec()),
                prop::collection::vec(any::<u8>(), 0..200),
            ],
            0..6,
        )
    ) {
        static DOOR: LazyLock<Door> = LazyLock::new(hasty_door);
        // It may be refused before it has sent everything.
        let mut stream = DOOR.connect();
        let _ = stream.write_all(&pieces.concat());
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        assert_serves(&DOOR);
        while DOOR.ended.try_recv().is_ok() {}
    }
}

/// Set in the process that plays the server which has few file descriptors.
const CHILD: &str = "ROCKPOOL_TEST_FEW_FILES";

#[test]
fn a_server_that_runs_out_of_file_descriptors_goes_on_when_it_has_some_again() {
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 60 && exec \"$0\" --exact front_door::abuse::server_with_few_files --ignored --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut word = |name: &str| lines.find_map(|l| l.split_once(name).map(|(_, rest)| rest.trim().to_owned())).unwrap();
    let address = word("listening on ");
    let clients: Vec<_> = (0..80).map(|_| TcpStream::connect(&address).unwrap()).collect();
    word("exhausted");
    drop(clients);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(get("/").as_bytes()).unwrap();
    assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "the test above runs it, in a process with few file descriptors"]
fn server_with_few_files() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let door = door();
    println!("\nlistening on {}", door.address);
    let counters = door.server.counters();
    let started = Instant::now();
    while counters.accept_errors.load(Ordering::Relaxed) == 0 {
        assert!(started.elapsed() < PATIENCE, "there were file descriptors enough");
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("\nexhausted");
    // Serves until the parent has seen enough.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
