//! Shutdown: what is under way is finished, what could last for ever is told, what will not end is cut.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::kit::{PATIENCE, door, get, read_answer};

#[test]
fn a_shutdown_answers_what_is_under_way_and_closes_streams() {
    let door = door();
    let mut busy = door.connect();
    busy.write_all(get("/hold").as_bytes()).unwrap();
    door.held.recv_timeout(PATIENCE).unwrap();
    let mut idle = door.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_answer(&mut idle);
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws", door.address), door.connect()).unwrap();
    let server = door.server;
    let stopping = std::thread::spawn(move || server.shutdown(PATIENCE));
    // The idle one and the stream are told while the busy one is still being answered.
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    match socket.read().unwrap() {
        tungstenite::Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
    door.release.send(()).unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("held"), "{answer}");
    assert_eq!(stopping.join().unwrap().cut, 0);
    assert!(TcpStream::connect(door.address).is_err());
}

#[test]
fn what_does_not_end_in_time_is_cut_and_counted() {
    let door = door();
    let mut busy = door.connect();
    busy.write_all(get("/hold").as_bytes()).unwrap();
    door.held.recv_timeout(PATIENCE).unwrap();
    let server = door.server;
    let stopping = std::thread::spawn(move || server.shutdown(Duration::from_millis(50)));
    assert_eq!(busy.read(&mut [0]).unwrap_or(0), 0);
    // The handler has not ended, and nobody waits for it any more.
    assert_eq!(stopping.join().unwrap().cut, 1);
    door.release.send(()).unwrap();
}

#[test]
fn a_server_leaves_nothing_behind() {
    let door = door();
    let inside: Vec<_> = std::fs::read_dir(door.dir.path()).unwrap().map(|e| e.unwrap()).collect();
    assert_eq!(inside.len(), 1);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(inside[0].metadata().unwrap().permissions().mode() & 0o777, 0o700);
    door.server.shutdown(PATIENCE);
    assert_eq!(std::fs::read_dir(door.dir.path()).unwrap().count(), 0);
}

#[test]
fn a_stranger_on_the_private_socket_is_answered_nothing_of_use() {
    let door = door();
    let home = std::fs::read_dir(door.dir.path()).unwrap().next().unwrap().unwrap().path();
    for fields in ["", "X-Waybill: guess 0 0\r\n"] {
        let mut stranger = std::os::unix::net::UnixStream::connect(home.join("engine")).unwrap();
        stranger.write_all(format!("POST / HTTP/1.1\r\n{fields}Connection: close\r\n\r\n").as_bytes()).unwrap();
        let (head, body) = read_answer(&mut stranger);
        assert!(head.starts_with("HTTP/1.1 403 ") && body.is_empty(), "{head}");
    }
    assert!(door.ask(get("/")).starts_with("HTTP/1.1 200 "));
}
