//! TLS and Unix sockets: the same door by other ways.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rockpool::http::{ClientAuth, Listener, TlsError, TlsOptions};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::kit::{Door, PATIENCE, door_with, get, read_answer};

/// A certificate for one name that signs itself, as files.
fn certificate(dir: &Path, name: &str) -> ((PathBuf, PathBuf), CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (cert, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    ((cert, key), made.cert.der().clone())
}

/// A door with certificates for `one.test` and `two.test`, and a client configuration that trusts `trusted` alone.
fn tls_door(trusted: &str, only_tls13: bool, client_tls12: bool) -> (Door, Arc<ClientConfig>) {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (certificate(dir.path(), "one.test"), certificate(dir.path(), "two.test"));
    let options = TlsOptions { pairs: vec![one.0, two.0], only_tls13, ..Default::default() };
    let tls = options.load().unwrap();
    let door = door_with(|config| {
        config.limits.head = Duration::from_millis(500);
        config.listeners = vec![Listener::tcp("127.0.0.1:0").unwrap().with_tls(tls)];
    });
    let mut roots = RootCertStore::empty();
    roots.add(if trusted == "one.test" { one.1 } else { two.1 }).unwrap();
    let versions: &[_] = if client_tls12 { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (door, Arc::new(client))
}

fn connect(door: &Door, client: &Arc<ClientConfig>, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let session = ClientConnection::new(client.clone(), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    StreamOwned::new(session, door.connect())
}

#[test]
fn each_name_is_served_with_its_own_certificate() {
    for name in ["one.test", "two.test"] {
        for tls12 in [false, true] {
            let (door, client) = tls_door(name, false, tls12);
            let mut stream = connect(&door, &client, name);
            let long = "b".repeat(200_000);
            stream
                .write_all(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n{long}").as_bytes())
                .unwrap();
            let (head, body) = read_answer(&mut stream);
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(body, format!("POST /? tls=true peer=Some(127.0.0.1)\n{long}").into_bytes());
            stream.write_all(get("/large").as_bytes()).unwrap();
            let mut answer = Vec::new();
            // Ends with TLS's own farewell, or this is an error.
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer.ends_with(&[b'x'; 100_000]));
        }
    }
}

#[test]
fn an_old_protocol_version_is_refused_where_it_is_not_wanted() {
    let (door, client) = tls_door("one.test", true, true);
    let mut stream = connect(&door, &client, "one.test");
    assert!(stream.write_all(get("/").as_bytes()).is_err());
    let (door, client) = tls_door("one.test", true, false);
    let mut stream = connect(&door, &client, "one.test");
    stream.write_all(get("/").as_bytes()).unwrap();
    assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_handshake_that_stalls_or_is_none_keeps_nobody_waiting() {
    let (door, client) = tls_door("one.test", false, false);
    let stalled: Vec<TcpStream> = (0..10)
        .map(|n| {
            let mut stream = door.connect();
            // The first bytes of a handshake record, or nothing at all.
            stream.write_all(&[22, 3, 1, 2, 0][..n % 6]).unwrap();
            stream
        })
        .collect();
    let plain = door.ask(get("/"));
    assert!(plain.starts_with("HTTP/1.1 400 ") && plain.ends_with("This port speaks HTTPS.\n"), "{plain}");
    let mut stream = connect(&door, &client, "one.test");
    stream.write_all(get("/").as_bytes()).unwrap();
    assert!(read_answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
    for mut stream in stalled {
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).is_ok() || rest.is_empty());
    }
}

#[test]
fn a_server_push_over_tls_needs_no_word_from_the_client() {
    let (door, client) = tls_door("one.test", false, false);
    let stream = connect(&door, &client, "one.test");
    let (mut socket, _) = tungstenite::client("wss://one.test/ws-push", stream).unwrap();
    for _ in 0..3 {
        door.release.send(()).unwrap();
        while !socket.read().unwrap().is_text() {}
    }
    socket.send("speak".into()).unwrap();
    while !socket.read().unwrap().is_close() {}
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "Some(1002)");
}

#[test]
fn a_unix_socket_serves_and_is_removed_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("door");
    // What a process that died left there.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let door = door_with(|config| config.listeners.push(Listener::unix(&path).unwrap()));
    assert!(Listener::unix(&path).is_err(), "a socket that is served is not replaced");
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(get("/").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("GET /? tls=false peer=None\n"), "{answer}");
    door.server.shutdown(PATIENCE);
    assert!(!path.exists());
}

#[test]
fn unusable_tls_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let ((cert, key), _) = certificate(dir.path(), "one.test");
    let ((_, other_key), _) = certificate(dir.path(), "two.test");
    let load = |cert: &PathBuf, key: &PathBuf| {
        TlsOptions { pairs: vec![(cert.clone(), key.clone())], ..Default::default() }.load().map(|_| ())
    };
    assert!(load(&cert, &key).is_ok());
    assert!(matches!(load(&cert, &dir.path().join("none")), Err(TlsError::Unreadable { .. })));
    assert!(matches!(load(&key, &key), Err(TlsError::NotPem { what: "certificate", .. })));
    assert!(matches!(load(&cert, &cert), Err(TlsError::NotPem { what: "private key", .. })));
    assert!(matches!(load(&cert, &other_key), Err(TlsError::Unusable { .. })));
    assert!(matches!(TlsOptions::default().load(), Err(TlsError::NoCertificate)));
    for client_auth in [ClientAuth::Required(cert.clone()), ClientAuth::IfGiven(cert.clone())] {
        let pairs = vec![(cert.clone(), key.clone())];
        assert!(TlsOptions { pairs, client_auth, ..Default::default() }.load().is_ok());
    }
}
