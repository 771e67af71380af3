//! A disk without room: what was acknowledged stays, what was not says why, and room is all that is needed to go on.

use rockpool::sdk::{HealthcheckReport, Response, UploadResponse};
use rockpool::store::functions;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::{Client, Options, Server, postgres};

/// Lets the server's files grow to so many bytes, which it meets as a full disk; none for as they like.
fn limit(server: &Server, bytes: Option<u64>) {
    let pid = Pid::from_raw(server.process().id().try_into().unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// Bytes that no compression makes smaller, others for each number.
fn noise(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..100_000).map(step).collect()
}

fn upload(client: &Client, number: u64) -> Result<UploadResponse, Response> {
    let bytes = noise(number);
    let request = rockpool::sdk::client::Request {
        method: "POST",
        target: "/api/v2/files",
        headers: vec![("Content-Type", "application/x-tar")],
        body: &bytes,
    };
    let answer = client.send(&request);
    match answer.answer.status {
        201 => Ok(answer.ok(201)),
        _ => Err(answer.refused(503)),
    }
}

fn health(client: &Client) -> HealthcheckReport {
    client.get("/api/v2/debug/health?force=true").ok(200)
}

#[test]
fn a_full_disk_is_said_to_be_full_and_forgotten_when_there_is_room() {
    if postgres::skips("the disk is that of another server") {
        return;
    }
    let mut server = Options::default().process().start();
    let owner = server.owner();
    assert!(health(&owner).database.healthy);

    let database = server.folder().join("data/rockpool.db");
    let size = |suffix: &str| std::fs::metadata(format!("{}{suffix}", database.display())).map_or(0, |file| file.len());
    limit(&server, Some(size("").max(size("-wal")) + 500_000));
    let mut kept = Vec::new();
    let refusal = loop {
        match upload(&owner, kept.len() as u64) {
            Ok(file) => kept.push(file.hash),
            Err(refusal) => break refusal,
        }
        assert!(kept.len() < 1_000, "the disk does not fill up");
    };
    assert!(refusal.message.contains("disk") && refusal.message.contains("full"), "{refusal:?}");
    assert!(!kept.is_empty());

    // It goes on to answer what needs no room, and says what is wrong.
    let next = kept.len() as u64;
    upload(&owner, next).unwrap_err();
    owner.get("/api/v2/users/me").expect(200);
    let sick = health(&owner);
    let why = sick.database.base.error.clone().unwrap_or_default();
    assert!(!sick.healthy && !sick.database.healthy && sick.database.reachable, "{sick:?}");
    assert!(why.starts_with("EDB01") && why.contains("full"), "{why}");

    limit(&server, None);
    let well = health(&owner);
    assert!(well.database.healthy && well.database.base.error.is_none(), "{:?}", well.database);
    kept.push(upload(&owner, next).unwrap().hash);
    for hash in &kept {
        owner.get(&format!("/api/v2/files/{hash}")).expect(200);
    }

    server.stop();
    let conn = rusqlite::Connection::open(&database).unwrap();
    functions::register(&conn).unwrap();
    assert_eq!(conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    let files: i64 = conn.query_row("SELECT count(*) FROM files", [], |row| row.get(0)).unwrap();
    assert_eq!(files, kept.len() as i64);
}
