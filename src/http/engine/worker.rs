//! The workers' side of the engine: takes requests from tiny_http, runs [`App::respond`], sends answers.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use super::links::WAYBILL_FIELD;
use super::{Shared, Slot};
#[cfg(doc)]
use crate::http::App;
use crate::http::{Never, Request, Response};

/// A worker: takes requests from tiny_http until the engine stops. That it has ended shows by `_ended`.
pub(super) fn work(server: &tiny_http::Server, shared: &Shared, _ended: &Sender<Never>) {
    while !shared.stopping.load(Ordering::Acquire) {
        match server.recv() {
            Ok(request) => {
                // tiny_http asserts and unwraps here and there; none of it may cost a worker.
                if catch_unwind(AssertUnwindSafe(|| answer(request, shared))).is_err() {
                    log::error!("the engine panicked while it relayed an answer");
                }
            }
            // Either the engine is stopping, or tiny_http stopped accepting: the links that exist go on.
            Err(error) if !shared.stopping.load(Ordering::Acquire) => log::error!("engine: {error}"),
            Err(_) => {}
        }
    }
}

fn answer(mut hop: tiny_http::Request, shared: &Shared) {
    let Some((slot, ticket)) = waybill(&hop, shared) else {
        log::warn!("somebody other than this server wrote to its private socket");
        send(hop, 403, Vec::new());
        return;
    };
    if ticket == 0 {
        return send(hop, 200, Vec::new());
    }
    let waiting = {
        let mut slot = slot.lock();
        if slot.ticket == ticket { slot.request.take() } else { None }
    };
    let Some(mut request) = waiting else {
        return send(hop, 410, Vec::new());
    };
    let length = hop.body_length().unwrap_or(0);
    request.body.reserve_exact(length);
    if let Err(error) = hop.as_reader().read_to_end(&mut request.body) {
        log::error!("request {}: its body was lost between porter and engine: {error}", request.id);
        return send(hop, 500, Vec::new());
    }
    let response = respond(shared, request);
    {
        let mut slot = slot.lock();
        if slot.ticket != ticket {
            return send(hop, 410, Vec::new());
        }
        slot.answer = Some((response.status, response.headers));
    }
    send(hop, 200, response.body);
}

/// The slot and ticket of a request that the porter sent.
fn waybill<'s>(hop: &tiny_http::Request, shared: &'s Shared) -> Option<(&'s Mutex<Slot>, u64)> {
    let field = hop.headers().iter().find(|h| h.field.equiv(WAYBILL_FIELD))?;
    let mut words = field.value.as_str().split(' ');
    let secret = words.next()?;
    if !bool::from(secret.as_bytes().ct_eq(shared.secret.as_bytes())) {
        return None;
    }
    let slot = shared.slots.get(words.next()?.parse::<usize>().ok()?)?;
    Some((slot, words.next()?.parse().ok()?))
}

/// Runs the handler; what it panics with goes to the log, not to the client.
fn respond(shared: &Shared, request: Request) -> Response {
    let (id, method, path) = (request.id, request.head.method.clone(), request.head.path.clone());
    catch_unwind(AssertUnwindSafe(|| shared.app.respond(request))).unwrap_or_else(|panic| {
        shared.counters.panics.fetch_add(1, Ordering::Relaxed);
        log::error!("request {id} ({method} {path}) panicked: {}", panic_text(&*panic));
        Response::error(500, PANIC_MESSAGE)
    })
}

/// What a client reads when its handler panicked.
pub(crate) const PANIC_MESSAGE: &str = "An internal server error occurred. The server's log says more.";

/// The words of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

fn send(hop: tiny_http::Request, status: u16, body: Vec<u8>) {
    let length = body.len();
    // Both are for clients, who get the porter's; tiny_http formats the time for each answer unless it is given.
    let headers = ["Date", "Server"].into_iter().flat_map(|name| tiny_http::Header::from_bytes(name, "-")).collect();
    let response = tiny_http::Response::new(status.into(), headers, io::Cursor::new(body), Some(length), None)
        .with_chunked_threshold(usize::MAX);
    if let Err(error) = hop.respond(response) {
        log::error!("the engine could not send an answer to the porter: {error}");
    }
}
