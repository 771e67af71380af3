//! Takes a request from the front door to its handler and back: the route, the limits, who asks, and
//! what every answer carries. The order here is the order in which a request may be refused.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::cx::{Actor, Cx};
use super::routes::{self, Access, Handler, Route, Routes, Stream};
use super::{Error, authn, csrf, pages};
use crate::auth::nobody;
use crate::deployment::Deployment;
use crate::http::{App, Head, Lookup, Plan, Request, Response, Upgrade};
use crate::metrics::{self, Requests};
use crate::store::Origin;

static ROUTES: LazyLock<Routes> = LazyLock::new(routes::all);

/// The API behind the front door.
pub struct Door {
    deployment: Deployment,
    metrics: Requests,
}

/// What the routes have for a request.
type Looked = Lookup<'static, Route>;

impl Door {
    /// Opens it for a deployment.
    pub fn open(deployment: Deployment) -> Arc<Door> {
        LazyLock::force(&ROUTES);
        let metrics = Requests::new(&deployment.registry);
        Arc::new(Door { deployment, metrics })
    }

    /// What is refused before any handler runs, or a handler's context.
    fn enter(&self, request: Request, looked: Looked) -> Result<(Cx, &'static Route), Box<(Request, Response)>> {
        let below_api = is_below_api(&request.head.path);
        let found = match looked {
            Lookup::Found(found) => found,
            Lookup::MethodNotAllowed(allowed)
                if below_api || allowed.iter().any(|m| *m != "GET") || request.head.method != "HEAD" =>
            {
                let headers = allowed.into_iter().map(|method| ("Allow".to_owned(), method.to_owned())).collect();
                return Err(Box::new((request, Response { status: 405, headers, body: Vec::new() })));
            }
            _ if below_api => return Err(Box::new((request, Error::new(404, "Route not found.").into_response()))),
            _ => {
                let response = pages::elsewhere(&request);
                return Err(Box::new((request, response)));
            }
        };
        let query = form_urlencoded::parse(request.head.query.as_bytes()).into_owned().collect();
        let origin = Origin { route: found.pattern, method: method_label(&request.head.method) };
        let db = self.deployment.db_as(nobody()).counted_under(origin);
        let mut cx = Cx {
            deployment: self.deployment.clone(),
            request,
            route: found.pattern,
            params: found.params,
            query,
            actor: None,
            db,
        };
        let refused = |cx: Cx, e: Error| Err(Box::new((cx.request, e.into_response())));
        if let Err(response) = csrf::check(&cx) {
            return Err(Box::new((cx.request, response)));
        }
        match found.handler.access {
            Access::Anyone => {}
            Access::AnyoneOrUser => cx.actor = authn::authenticate(&cx).ok(),
            Access::User => match authn::authenticate(&cx) {
                Ok(actor) => cx.actor = Some(actor),
                Err(e) => return refused(cx, e),
            },
        }
        if let Some(Actor { subject, .. }) = &cx.actor {
            cx.db = cx.db.acting_as(subject);
        }
        Ok((cx, found.handler))
    }

    fn answer(&self, request: Request, looked: Looked) -> (Request, Said, Response) {
        match self.enter(request, looked) {
            Err(refused) => (refused.0, Said::default(), refused.1),
            Ok((cx, route)) => {
                let handler = match route.handler {
                    Handler::Plain(handler) | Handler::Follow(handler, _) => handler,
                    Handler::Stream(_) => {
                        return (
                            cx.request,
                            Said::default(),
                            Response {
                                status: 426,
                                headers: vec![("Upgrade".into(), "websocket".into())],
                                body: Vec::new(),
                            },
                        );
                    }
                };
                let answer = handler(&cx);
                let said = Said::of(&cx);
                (cx.request, said, answer.unwrap_or_else(Error::into_response))
            }
        }
    }

    /// What every answer carries.
    fn dress(&self, request: &Request, headers: &mut Vec<(String, String)>) {
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        add("X-Coder-Build-Version", self.deployment.version.clone());
        add("X-Content-Type-Options", "nosniff".into());
        add("Vary", "Origin".into());
        add("Vary", "Cookie".into());
        if let Some(cookie) = csrf::cookie(&self.deployment, request) {
            add("Set-Cookie", cookie);
        }
    }
}

/// For the log line: who asked, by which route.
#[derive(Default)]
struct Said {
    route: &'static str,
    actor: Option<Arc<str>>,
}

impl Said {
    fn of(cx: &Cx) -> Said {
        Said { route: cx.route, actor: cx.actor.as_ref().map(|a| a.username.clone()) }
    }
    fn log(&self, request: &Request, status: u16, began: Instant) {
        let took_ms = began.elapsed().as_micros() as f64 / 1000.0;
        let actor = self.actor.as_deref().unwrap_or("-");
        let level = if status >= 500 { log::Level::Warn } else { log::Level::Debug };
        log::log!(target: "http", level, method = request.head.method.as_str(), route = self.route, path = request.head.path.as_str(), status = status, took_ms = took_ms, actor = actor, request_id:% = request.id; "request");
    }
}

impl App for Door {
    fn plan(&self, head: &Head) -> Plan {
        match ROUTES.router.find(&head.method, &head.path) {
            Lookup::Found(found) => match found.handler.handler {
                Handler::Plain(_) => Plan::Plain { max_body: found.handler.max_body },
                Handler::Stream(_) => Plan::Stream { max_body: found.handler.max_body },
                Handler::Follow(..) if follows(&head.query) => Plan::Stream { max_body: 0 },
                Handler::Follow(..) => Plan::Plain { max_body: found.handler.max_body },
            },
            _ => Plan::Plain { max_body: 1 << 20 },
        }
    }

    fn respond(&self, request: Request) -> Response {
        let began = request.received;
        if let Some(response) = preflight(&request.head) {
            return response;
        }
        let looked = look_up(&request.head);
        let (method, path) = (method_label(&request.head.method), path_label(&looked, &request.head.path));
        let under_way = self.metrics.begin(method, path);
        let (request, said, mut response) = self.answer(request, looked);
        self.dress(&request, &mut response.headers);
        said.log(&request, response.status, began);
        drop(under_way);
        self.metrics.answered(response.status, method, path, began.elapsed());
        response
    }

    fn stream(&self, request: Request, mut upgrade: Upgrade) {
        let began = request.received;
        let looked = look_up(&request.head);
        let (method, path) = (method_label(&request.head.method), path_label(&looked, &request.head.path));
        let (request, said, outcome): (_, _, Result<Stream, Response>) = match self.enter(request, looked) {
            Err(refused) => (refused.0, Said::default(), Err(refused.1)),
            Ok((cx, route)) => {
                let outcome = match route.handler {
                    Handler::Stream(handler) | Handler::Follow(_, handler) => {
                        handler(&cx).map_err(Error::into_response)
                    }
                    Handler::Plain(handler) => Err(handler(&cx).unwrap_or_else(Error::into_response)),
                };
                let said = Said::of(&cx);
                (cx.request, said, outcome)
            }
        };
        let mut headers = Vec::new();
        self.dress(&request, &mut headers);
        match outcome {
            Err(mut response) => {
                response.headers.append(&mut headers);
                said.log(&request, response.status, began);
                self.metrics.answered(response.status, method, path, began.elapsed());
                upgrade.refuse(response);
            }
            Ok(stream) => {
                for (name, value) in headers {
                    upgrade.add_header(name, value);
                }
                said.log(&request, 101, began);
                let open = self.metrics.begin_stream(path);
                stream(upgrade);
                drop(open);
                self.metrics.stream_ended(101, method, path, began.elapsed());
            }
        }
    }
}

/// Whether the query asks to follow a log: the parameter is there, unless it is said to be false.
fn follows(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(k, _)| k == "follow")
}

fn look_up(head: &Head) -> Looked {
    ROUTES.router.find(&head.method, &head.path)
}

/// A route's pattern as a metric label; what no route has goes under two names, whatever clients ask for.
fn path_label(looked: &Looked, path: &str) -> &'static str {
    match looked {
        Lookup::Found(found) => found.pattern,
        _ if is_below_api(path) => metrics::UNKNOWN_PATH,
        _ => metrics::STATIC_PATH,
    }
}

/// The answer to a page of another origin that asks whether it may call: nothing that says it may.
fn preflight(head: &Head) -> Option<Response> {
    const ASKS: &str = "Access-Control-Request-Method";
    if head.method != "OPTIONS" || head.headers.get(ASKS).is_none() {
        return None;
    }
    let vary = ["Origin", ASKS, "Access-Control-Request-Headers"];
    let headers = vary.map(|field| ("Vary".to_owned(), field.to_owned())).to_vec();
    Some(Response { status: 200, headers, body: Vec::new() })
}

fn is_below_api(path: &str) -> bool {
    let trimmed = path.trim_start_matches('/');
    trimmed == "api" || trimmed.starts_with("api/")
}

/// Methods as metric labels: a closed set, whatever clients send.
fn method_label(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT"]
        .into_iter()
        .find(|m| *m == method)
        .unwrap_or("other")
}
