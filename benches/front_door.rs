//! What a request costs at the front door, from a client's socket and back, and what finding its route costs.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rockpool::http::{App, Config, Head, Listener, Plan, Request, Response, Router, Server, Upgrade};

/// Answers everything with 330 bytes, the size of a small JSON document.
struct Fixed;

impl App for Fixed {
    fn plan(&self, _: &Head) -> Plan {
        Plan::Plain { max_body: 1 << 20 }
    }
    fn respond(&self, _: Request) -> Response {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Response { status: 200, headers, body: vec![b'x'; 330] }
    }
    fn stream(&self, _: Request, _: Upgrade) {}
}

fn round_trip(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let server = Server::start(Config::new(vec![listener], dir.path().to_owned()), Arc::new(Fixed)).unwrap();
    let mut client = TcpStream::connect(server.addrs()[0].tcp().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let request = b"GET /api/v2/buildinfo HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nCoder-Session-Token: t\r\n\r\n";
    let mut answer = [0; 4096];
    criterion.bench_function("plain request on a kept connection", |bencher| {
        bencher.iter(|| {
            client.write_all(request).unwrap();
            // The porter writes an answer of this size at once.
            client.read(&mut answer).unwrap()
        });
    });
}

fn find_route(criterion: &mut Criterion) {
    let mut router = Router::new();
    for resource in ["users", "workspaces", "templates", "templateversions", "organizations", "files", "groups"] {
        router.add("GET", &format!("/api/v2/{resource}"), 0);
        router.add("GET", &format!("/api/v2/{resource}/{{id}}"), 1);
        router.add("GET", &format!("/api/v2/{resource}/{{id}}/parts/{{part}}"), 2);
    }
    criterion.bench_function("find a route of six segments", |bencher| {
        bencher.iter(|| router.find("GET", black_box("/api/v2/users/me/parts/first")));
    });
}

criterion_group!(benches, round_trip, find_route);
criterion_main!(benches);
