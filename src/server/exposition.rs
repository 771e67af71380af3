//! Metrics for Prometheus, on an address of their own, where every path shows them.

use std::path::PathBuf;
use std::sync::Arc;

use prometheus::Registry;

use crate::config::HostPort;
use crate::http::{self, App, Head, Plan, Request, Response, Upgrade};
use crate::metrics;

/// Few ask, and seldom.
const WORKERS: usize = 1;
const CONNECTIONS: usize = 64;

struct Exposition(Registry);

impl App for Exposition {
    fn plan(&self, _: &Head) -> Plan {
        Plan::Plain { max_body: 0 }
    }
    fn respond(&self, _: Request) -> Response {
        match metrics::exposition(&self.0) {
            Ok(body) => Response {
                status: 200,
                headers: vec![("Content-Type".to_owned(), metrics::CONTENT_TYPE.to_owned())],
                body,
            },
            Err(e) => {
                log::error!(target: "metrics", "{e}");
                Response { status: 500, headers: Vec::new(), body: Vec::new() }
            }
        }
    }
    fn stream(&self, request: Request, upgrade: Upgrade) {
        upgrade.refuse(self.respond(request));
    }
}

/// Serves a registry. An address that cannot be had is only logged: the server is of use without.
pub fn serve(address: &HostPort, registry: &Registry, private_dir: PathBuf) -> Option<http::Server> {
    let started = http::Listener::tcp(address).and_then(|listener| {
        let config = http::Config {
            workers: WORKERS,
            max_connections: CONNECTIONS,
            ..http::Config::new(vec![listener], private_dir)
        };
        http::Server::start(config, Arc::new(Exposition(registry.clone())))
    });
    match started {
        Ok(server) => {
            log::info!(target: "metrics", address:% = address; "metrics are served");
            Some(server)
        }
        Err(e) => {
            log::error!(target: "metrics", address:% = address, error:% = e; "metrics cannot be served");
            None
        }
    }
}
