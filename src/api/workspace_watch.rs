//! Following a workspace: each change of it, of its agents or of its template's active version is told
//! as the whole workspace, as server-sent events or over a WebSocket.

use crossbeam_channel::{Receiver, select};
use serde::Serialize;

use super::routes::{Routes, Stream};
use super::workspaces::param;
use super::{Cx, Error, workspace_view as view};
use crate::builds::events;
use crate::http::{Closed, Never, Sse, Upgrade, WebSocket, WebSocketOptions};
use crate::pubsub::Subscription;
use crate::sdk::{self, ServerSentEventType};
use crate::store::queries::workspaces::Workspace;
use std::time::Duration;

/// How often an idle stream is heard of, so that nobody between takes it for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The close code and reason for a client that talks back.
const ONE_WAY: (u16, &str) = (1002, "Nothing can be sent on this socket: it only tells.");

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.stream("/api/v2/workspaces/{workspace}/watch", watch_sse);
    r.stream("/api/v2/workspaces/{workspace}/watch-ws", watch_websocket);
}

fn watch_sse(cx: &Cx) -> Result<Stream, Error> {
    let watcher = Watcher::of(cx, param(cx)?);
    Ok(Box::new(move |upgrade: Upgrade| {
        let shutdown = upgrade.shutdown();
        if let Ok(events) = upgrade.sse() {
            watcher.run(&events, &shutdown);
        }
    }))
}

fn watch_websocket(cx: &Cx) -> Result<Stream, Error> {
    let watcher = Watcher::of(cx, param(cx)?);
    Ok(Box::new(move |upgrade: Upgrade| {
        let shutdown = upgrade.shutdown();
        let options = WebSocketOptions { one_way: Some(ONE_WAY), ..WebSocketOptions::default() };
        if let Ok(socket) = upgrade.websocket(options) {
            watcher.run(&socket, &shutdown);
        }
    }))
}

/// Where events go.
trait Listener {
    fn data(&self, workspace: &sdk::Workspace) -> Result<(), Closed>;
    fn error(&self, body: &sdk::Response) -> Result<(), Closed>;
    /// The first word, which says that nothing is missed from here on.
    fn hello(&self) -> Result<(), Closed>;
    /// A sign of life, where the transport has none of its own.
    fn beat(&self) -> Result<(), Closed>;
    fn closed(&self) -> &Receiver<Never>;
}

impl Listener for Sse {
    fn data(&self, workspace: &sdk::Workspace) -> Result<(), Closed> {
        self.event(ServerSentEventType::Data.as_str(), workspace)
    }
    fn error(&self, body: &sdk::Response) -> Result<(), Closed> {
        self.event(ServerSentEventType::Error.as_str(), body)
    }
    fn hello(&self) -> Result<(), Closed> {
        self.ping()
    }
    fn beat(&self) -> Result<(), Closed> {
        self.ping()
    }
    fn closed(&self) -> &Receiver<Never> {
        Sse::closed(self)
    }
}

/// An event as a WebSocket carries it.
#[derive(Serialize)]
struct Event<'a, T> {
    r#type: ServerSentEventType,
    data: Option<&'a T>,
}

impl Listener for WebSocket {
    fn data(&self, workspace: &sdk::Workspace) -> Result<(), Closed> {
        self.send_json(&Event { r#type: ServerSentEventType::Data, data: Some(workspace) })
    }
    fn error(&self, body: &sdk::Response) -> Result<(), Closed> {
        self.send_json(&Event { r#type: ServerSentEventType::Error, data: Some(body) })
    }
    fn hello(&self) -> Result<(), Closed> {
        self.send_json(&Event::<()> { r#type: ServerSentEventType::Ping, data: None })
    }
    fn beat(&self) -> Result<(), Closed> {
        Ok(())
    }
    fn closed(&self) -> &Receiver<Never> {
        WebSocket::closed(self)
    }
}

struct Watcher {
    cx: Cx,
    workspace: Workspace,
    /// Listening begins before the first look, so that nothing falls between.
    changes: Subscription,
    template: Subscription,
}

impl Watcher {
    fn of(cx: &Cx, workspace: Workspace) -> Watcher {
        let pubsub = &cx.deployment.pubsub;
        let changes = pubsub.subscribe(&events::channel(workspace.owner_id));
        let template = pubsub.subscribe(&events::template_channel(workspace.template_id));
        Watcher { cx: cx.clone(), workspace, changes, template }
    }

    /// Tells until either side ends.
    fn run(&self, to: &impl Listener, shutdown: &Receiver<Never>) {
        let beats = crossbeam_channel::tick(HEARTBEAT);
        if to.hello().and_then(|()| self.tell(to)).is_err() {
            return;
        }
        loop {
            let told = select! {
                recv(self.changes.messages) -> message => match message {
                    Ok(message) if self.is_news(&message) => self.tell(to),
                    Ok(_) => Ok(()),
                    Err(_) => return,
                },
                recv(self.template.messages) -> message => if message.is_ok() { self.tell(to) } else { return },
                recv(beats) -> _ => to.beat(),
                recv(to.closed()) -> _ => return,
                recv(shutdown) -> _ => return,
            };
            if told.is_err() {
                return;
            }
        }
    }

    /// A listener that missed something cannot know what it was.
    fn is_news(&self, message: &str) -> bool {
        self.changes.missed() || events::is_about(message, self.workspace.id)
    }

    /// The workspace as it is now.
    fn tell(&self, to: &impl Listener) -> Result<(), Closed> {
        let shown = self
            .cx
            .db()
            .get_workspace_by_id(self.workspace.id)
            .map_err(Error::from)
            .and_then(|workspace| view::workspace(&self.cx, workspace));
        match shown {
            Ok(workspace) => to.data(&workspace),
            Err(e) => to.error(&e.body),
        }
    }
}
