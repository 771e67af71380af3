//! Takes a request from the front door to its handler and back: the route, the limits, who asks, and
//! what every answer carries. The order here is the order in which a request may be refused.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::cx::{Actor, Cx};
use super::guarded::Guarded;
use super::journal::Journal;
use super::ratelimit::{Caller, Fields, Limiters};
use super::routes::{self, Access, Handler, Limit, Route, Routes, Stream};
use super::{Error, authn, cors, csrf, entitlements, mounts, pages, params};
use crate::auth::nobody;
use crate::config::Value;
use crate::deployment::Deployment;
use crate::http::{App, Head, Lookup, Params, Plan, Request, Response, Upgrade};
use crate::metrics::{self, Requests};
use crate::store::Origin;

/// By this an owner asks not to be counted, for load tests.
const BYPASS_HEADER: &str = "X-Coder-Bypass-Ratelimit";

static ROUTES: LazyLock<Table> = LazyLock::new(|| {
    let routes = routes::all();
    Table { guarded: Guarded::of(&routes), routes }
});

struct Table {
    routes: Routes,
    guarded: Guarded,
}

/// The API behind the front door.
pub struct Door {
    deployment: Deployment,
    metrics: Requests,
    limiters: Limiters,
    /// Whether pages of any origin may read what everybody may.
    allows_all_origins: bool,
}

/// What the routes have for a request.
type Looked = Lookup<'static, Route>;

/// A request that no handler sees, and its answer.
type Refused = Box<(Request, Response)>;

impl Door {
    /// Opens it for a deployment.
    pub fn open(deployment: Deployment) -> Arc<Door> {
        LazyLock::force(&ROUTES);
        let limiters = Limiters::new(deployment.config.rate_limits);
        let allow_all = &deployment.config.settings.get("dangerous-allow-cors-requests").value;
        let allows_all_origins = *allow_all == Value::Bool(true);
        let metrics = Requests::new(&deployment.registry);
        Arc::new(Door { deployment, metrics, limiters, allows_all_origins })
    }

    /// What is refused before any handler runs, or a handler's context. `fields` are for either answer.
    fn enter(&self, request: Request, looked: Looked, fields: &mut Fields) -> Result<(Cx, &'static Route), Refused> {
        let path = path_for_routes(&request.head.path).into_owned();
        let now = self.deployment.clock.now();
        let address = Caller::at(request.peer);
        if is_below_api(&path)
            && let Err(response) = self.limiters.api(address, &path, now, fields)
        {
            return Err(Box::new((request, response)));
        }
        let (found, pattern, params) = match looked {
            Lookup::Found(found) => (Ok(found.handler), found.pattern, found.params),
            Lookup::MethodNotAllowed(allowed) => (Err(Some(allowed)), "", Params::default()),
            Lookup::NotFound => (Err(None), "", Params::default()),
        };
        let query = params::pairs(&request.head.query);
        let origin = Origin { route: pattern, method: method_label(&request.head.method) };
        let db = self.deployment.db_as(nobody()).counted_under(origin);
        let deployment = self.deployment.clone();
        let mut cx =
            Cx { deployment, request, route: pattern, params, query, actor: None, db, journal: Journal::default() };
        let refused = |cx: Cx, response: Response| Err(Box::new((cx.request, response)));
        if let Err(response) = csrf::check(&cx) {
            return refused(cx, response);
        }
        let route = match found {
            Ok(route) => route,
            Err(allowed) => {
                let response = self.miss(&mut cx, &path, allowed);
                return refused(cx, response);
            }
        };
        match route.access {
            Access::Anyone => {}
            Access::AnyoneOrUser => cx.actor = authn::authenticate(&cx).ok(),
            Access::User | Access::UserOf(_) => match admit(&cx, route.access) {
                Ok(actor) => cx.actor = Some(actor),
                Err(e) => return refused(cx, e.into_response()),
            },
        }
        if let Some(Actor { subject, .. }) = &cx.actor {
            cx.db = cx.db.acting_as(subject);
        }
        match self.count(&cx, route.limit, &path, fields) {
            Ok(()) => Ok((cx, route)),
            Err(response) => refused(cx, response),
        }
    }

    /// The answer to a path that no route has, or not for this method.
    fn miss(&self, cx: &mut Cx, path: &str, allowed: Option<Vec<&str>>) -> Response {
        if ROUTES.guarded.contains(path)
            && let Err(e) = look_around(cx, path)
        {
            return e.into_response();
        }
        match allowed {
            Some(methods) => {
                let headers = methods.iter().map(|method| ("Allow".to_owned(), (*method).to_owned())).collect();
                Response { status: 405, headers, body: Vec::new() }
            }
            None if path == "/scim/v2" || path.starts_with("/scim/v2/") => super::scim::elsewhere(cx).into_response(),
            None if is_below_api(path) => Error::new(404, "Route not found.").into_response(),
            None => pages::elsewhere(),
        }
    }

    /// Counts a request to a route that has a limit of its own: by user, where the caller is one.
    fn count(&self, cx: &Cx, limit: Limit, path: &str, fields: &mut Fields) -> Result<(), Response> {
        let caller = match (&cx.actor, limit) {
            (_, Limit::Usual) => return Ok(()),
            (None, _) => Caller::at(cx.request.peer),
            (Some(actor), _) if cx.request.head.headers.get(BYPASS_HEADER) == Some("true") => {
                return match actor.subject.is_owner() {
                    true => Ok(()),
                    false => Err(Error::new(428, "Only an owner may bypass rate limits.").into_response()),
                };
            }
            (Some(actor), _) => Caller::User(actor.user_id),
        };
        self.limiters.route(limit, caller, path, cx.now(), fields)
    }

    fn answer(&self, request: Request, looked: Looked) -> (Request, Said, Response) {
        let mut fields = Fields::new();
        let (request, said, mut response) = match self.enter(request, looked, &mut fields) {
            Err(refused) => (refused.0, Said::default(), refused.1),
            Ok((cx, route)) => {
                let answer = match route.handler {
                    Handler::Plain(handler) | Handler::Follow(handler, _) => handler(&cx),
                    Handler::Stream(_) => Ok(Response {
                        status: 426,
                        headers: vec![("Upgrade".into(), "websocket".into())],
                        body: Vec::new(),
                    }),
                };
                let answer = answer.unwrap_or_else(Error::into_response);
                cx.write_journal(answer.status);
                let said = Said::of(&cx);
                (cx.request, said, answer)
            }
        };
        response.headers.append(&mut fields);
        (request, said, response)
    }

    /// What every answer carries.
    fn dress(&self, request: &Request, headers: &mut Vec<(String, String)>) {
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        add("X-Coder-Build-Version", self.deployment.version.clone());
        add("X-Content-Type-Options", "nosniff".into());
        add("Vary", "Origin".into());
        add("Vary", "Cookie".into());
        for (name, value) in cors::fields(&request.head, self.allows_all_origins) {
            add(&name, value);
        }
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
        let Some(route) = ROUTES.routes.router.handler(&head.method, &path_for_routes(&head.path)) else {
            return Plan::Plain { max_body: 1 << 20 };
        };
        match route.handler {
            Handler::Plain(_) => Plan::Plain { max_body: route.max_body },
            Handler::Stream(_) => Plan::Stream { max_body: route.max_body },
            Handler::Follow(..) if follows(&head.query) => Plan::Stream { max_body: 0 },
            Handler::Follow(..) => Plan::Plain { max_body: route.max_body },
        }
    }

    fn respond(&self, request: Request) -> Response {
        let began = request.received;
        if let Some(mut response) = cors::preflight(&request.head, self.allows_all_origins) {
            response.headers.push(("X-Coder-Build-Version".into(), self.deployment.version.clone()));
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
        let mut headers = Fields::new();
        let looked = look_up(&request.head);
        let (method, path) = (method_label(&request.head.method), path_label(&looked, &request.head.path));
        let (request, said, outcome): (_, _, Result<Stream, Response>) = match self.enter(request, looked, &mut headers)
        {
            Err(refused) => (refused.0, Said::default(), Err(refused.1)),
            Ok((cx, route)) => {
                let outcome = match route.handler {
                    Handler::Stream(handler) | Handler::Follow(_, handler) => {
                        handler(&cx).map_err(Error::into_response)
                    }
                    Handler::Plain(handler) => Err(handler(&cx).unwrap_or_else(Error::into_response)),
                };
                cx.write_journal(outcome.as_ref().err().map_or(101, |refused| refused.status));
                let said = Said::of(&cx);
                (cx.request, said, outcome)
            }
        };
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

/// Whether a caller may learn that a path below a closed part leads nowhere.
fn look_around(cx: &mut Cx, path: &str) -> Result<(), Error> {
    let actor = authn::authenticate(cx)?;
    cx.db = cx.db.acting_as(&actor.subject);
    cx.actor = Some(actor);
    mounts::enter(cx, path)
}

/// Whoever comes to a route for users. What is not to be had at all is said before who asks.
fn admit(cx: &Cx, access: Access) -> Result<Actor, Error> {
    if let Access::UserOf(feature) = access {
        entitlements::require(cx, feature)?;
    }
    authn::authenticate(cx)
}

fn look_up(head: &Head) -> Looked {
    ROUTES.routes.router.find(&head.method, &path_for_routes(&head.path))
}

/// A route's pattern as a metric label; what no route has goes under two names, whatever clients ask for.
fn path_label(looked: &Looked, path: &str) -> &'static str {
    match looked {
        Lookup::Found(found) => found.pattern,
        _ if is_below_api(path) => metrics::UNKNOWN_PATH,
        _ => metrics::STATIC_PATH,
    }
}

/// The path as routes are looked up by: an encoded slash divides as a plain one does, so that no two
/// readers of a path disagree on where it leads.
fn path_for_routes(path: &str) -> Cow<'_, str> {
    match path.contains("%2F") || path.contains("%2f") {
        true => Cow::Owned(path.replace("%2F", "/").replace("%2f", "/")),
        false => Cow::Borrowed(path),
    }
}

fn is_below_api(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.next() == Some("api") && matches!(segments.next(), Some("v2" | "experimental"))
}

/// Methods as metric labels: a closed set, whatever clients send.
fn method_label(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT"]
        .into_iter()
        .find(|m| *m == method)
        .unwrap_or("other")
}
