//! Accounts elsewhere: connecting to a service by its login page or a device code, tokens that are renewed and
//! checked, and what a template gets of them. The service is a small one that the tests start.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rockpool::oauth2::pkce;
use rockpool::sdk::client::Request;
use rockpool::sdk::{
    DeleteExternalAuthByIDResponse, ExternalAuth, ExternalAuthDevice, ListUserExternalAuthResponse,
    ProvisionerJobStatus, TemplateVersionExternalAuth,
};
use rockpool::server::Hands;
use rockpool::time::{Clock, Time};
use serde_json::{Value, json};

use crate::support::client::Checked;
use crate::support::{Client, Options, Server};

const HUB: &str = "/api/v2/external-auth/hub";
const CALLBACK: &str = "/external-auth/hub/callback";

/// A service: says what it is told to, and remembers what it was asked.
struct Service {
    url: String,
    answers: Arc<Mutex<BTreeMap<&'static str, (u16, Value)>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request to the service.
#[derive(Debug, Clone)]
struct Asked {
    path: String,
    bearer: String,
    fields: BTreeMap<String, String>,
}

impl Service {
    fn start() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, asked): (Arc<Mutex<BTreeMap<_, _>>>, Arc<Mutex<Vec<_>>>) = Default::default();
        let service = Service { url, answers: Arc::clone(&answers), asked: Arc::clone(&asked) };
        service.says("/token", 200, json!({"access_token": "first", "refresh_token": "again", "expires_in": 60}));
        service.says("/user", 200, json!({"id": 7, "login": "octo", "html_url": "https://hub.example/octo"}));
        service.says("/installations", 200, json!({"installations": [{"id": 3, "account": {"login": "octo"}}]}));
        service.says("/revoke", 204, Value::Null);
        let device = json!({"device_code": "d", "user_code": "AB-12", "verification_uri": "https://hub.example", "expires_in": 900, "interval": 5});
        service.says("/device", 200, device);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = serve(stream, &answers, &asked);
            }
        });
        service
    }

    fn says(&self, path: &'static str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(path, (status, body));
    }

    /// What was asked at a path so far.
    fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

fn serve(
    stream: TcpStream,
    answers: &Mutex<BTreeMap<&'static str, (u16, Value)>>,
    asked: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut bearer) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => bearer = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let both = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(&body));
    let fields = both.map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    asked.lock().unwrap().push(Asked { path: path.to_owned(), bearer, fields });
    let (status, body) = answers.lock().unwrap().get(path).cloned().unwrap_or((404, Value::Null));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A server that knows the service, and somebody who uses both.
struct Stage {
    service: Service,
    server: Server,
    clock: Clock,
    mona: Client,
}

impl Stage {
    fn start(more: &[(&str, &str)]) -> Stage {
        let service = Service::start();
        let clock = Clock::held(Time::parse("2026-05-01T12:00:30Z").unwrap());
        let mut options = Options::default().hands(Hands { clock: clock.clone(), ..Hands::default() });
        let at = |path: &str| format!("{}{path}", service.url);
        for (name, value) in [
            ("ID", "hub".to_owned()),
            ("TYPE", "github".to_owned()),
            ("CLIENT_ID", "client".to_owned()),
            ("CLIENT_SECRET", "s3cret".to_owned()),
            ("AUTH_URL", at("/login?kind=web")),
            ("TOKEN_URL", at("/token")),
            ("VALIDATE_URL", at("/user")),
            ("REVOKE_URL", at("/revoke")),
            ("DEVICE_CODE_URL", at("/device")),
            ("APP_INSTALLATIONS_URL", at("/installations")),
        ] {
            options = options.set(&format!("CODER_EXTERNAL_AUTH_0_{name}"), &value);
        }
        for (name, value) in more {
            options = options.set(&format!("CODER_EXTERNAL_AUTH_0_{name}"), value);
        }
        let server = options.start();
        let (_, mona) = server.user("mona", &[]);
        Stage { service, server, clock, mona }
    }

    /// A browser of mona's at the callback.
    fn browse(&self, query: &[(&str, &str)], cookies: &[(&str, &str)]) -> Checked {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let mut line = format!("coder_session_token={}", self.mona.token());
        for (name, value) in cookies {
            line.push_str(&format!("; {name}={value}"));
        }
        let target = format!("{CALLBACK}?{query}");
        let headers = vec![("Cookie", line.as_str())];
        self.server.anonymous().send(&Request { method: "GET", target: &target, headers, body: b"" })
    }

    /// Goes to the service and back.
    fn connect(&self) {
        let left = self.browse(&[], &[]).expect(307);
        let (state, verifier) = (left.cookie_value("oauth_state"), left.cookie_value("oauth_pkce_verifier"));
        let cookies = [("oauth_state", state.as_str()), ("oauth_pkce_verifier", &verifier)];
        let back = self.browse(&[("code", "c0de"), ("state", &state)], &cookies).expect(307);
        assert_eq!(back.header("Location"), Some("/external-auth/hub?redirected=true"));
    }

    fn links(&self, of: &Client) -> ListUserExternalAuthResponse {
        of.get("/api/v2/external-auth").ok(200)
    }
}

fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let found = form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

#[test]
fn a_user_goes_to_the_service_and_comes_back_with_a_token() {
    let stage = Stage::start(&[]);
    let before: ExternalAuth = stage.mona.get(HUB).ok(200);
    assert!(!before.authenticated && before.installations.is_empty() && before.supports_revocation);
    let left = stage.browse(&[("redirect", "https://evil.example//other.example/x")], &[]).expect(307);
    let page = left.header("Location").unwrap();
    assert!(page.starts_with(&format!("{}/login?", stage.service.url)), "{page}");
    let (state, verifier) = (left.cookie_value("oauth_state"), left.cookie_value("oauth_pkce_verifier"));
    for (name, value) in [
        ("kind", "web"),
        ("client_id", "client"),
        ("response_type", "code"),
        ("scope", "repo workflow"),
        ("state", &state),
        ("code_challenge", &pkce::challenge(&verifier)),
        ("redirect_uri", &format!("{}{CALLBACK}", stage.server.url())),
    ] {
        assert_eq!(parameter(page, name), value, "{page}");
    }
    assert!(!page.contains("s3cret") && left.cookie("oauth_state").unwrap().contains("HttpOnly"));

    let target = left.cookie_value("oauth_redirect");
    let cookies = [("oauth_state", state.as_str()), ("oauth_pkce_verifier", &verifier), ("oauth_redirect", &target)];
    let back = stage.browse(&[("code", "c0de"), ("state", &state)], &cookies).expect(307);
    assert_eq!(back.header("Location"), Some("/other.example/x"));
    let asked = stage.service.asked("/token");
    assert_eq!((asked[0].fields["code"].as_str(), asked[0].fields["client_secret"].as_str()), ("c0de", "s3cret"));
    assert_eq!(asked[0].fields["code_verifier"], verifier);

    let after: ExternalAuth = stage.mona.get(HUB).ok(200);
    assert_eq!((after.authenticated, after.user.unwrap().login.as_str(), after.installations.len()), (true, "octo", 1));
    assert_eq!(stage.service.asked("/user")[0].bearer, "Bearer first");
    let links = stage.links(&stage.mona);
    assert!(links.links[0].authenticated && links.links[0].has_refresh_token && links.providers[0].allow_refresh);
    // It is nobody else's.
    assert!(stage.links(&stage.server.owner()).links.is_empty());
    assert!(!stage.server.owner().get(HUB).ok::<ExternalAuth>(200).authenticated);
}

#[test]
fn who_comes_back_must_be_who_went() {
    let stage = Stage::start(&[]);
    let stranger = stage.server.anonymous().get(CALLBACK).expect(303);
    assert!(stranger.header("Location").unwrap().starts_with("/login?"), "{stranger}");
    let good = [("oauth_state", "s"), ("oauth_pkce_verifier", "v")];
    for (query, cookies, status) in [
        (&[("code", "c")][..], &good[..], 400),
        (&[("code", "c"), ("state", "s")], &[], 401),
        (&[("code", "c"), ("state", "s")], &[("oauth_state", "")], 401),
        (&[("code", "c"), ("state", "other")], &good, 401),
        (&[("code", "c"), ("state", "s")], &good[..1], 400),
        (&[("error", "access_denied"), ("error_description", "no")], &good, 400),
    ] {
        stage.browse(query, cookies).refused(status);
    }
    assert!(stage.service.asked("/token").is_empty());
    stage.service.says("/token", 200, json!({"error": "bad_verification_code"}));
    let refused = stage.browse(&[("code", "c"), ("state", "s")], &good).refused(500);
    assert!(
        refused.detail.contains("bad_verification_code") && !refused.detail.contains("s3cret"),
        "{}",
        refused.detail
    );
    assert!(stage.links(&stage.mona).links.is_empty());
    // What is no service is a page like any other.
    let other = Request { method: "GET", target: "/external-auth/other/callback", ..Request::default() };
    assert_eq!(stage.server.anonymous().0.send(&other).unwrap().status, 200);
    stage.mona.get("/api/v2/external-auth/other").refused(404);
}

#[test]
fn a_token_is_renewed_when_it_is_wanted_and_has_expired() {
    let stage = Stage::start(&[]);
    stage.connect();
    stage.clock.advance(Duration::from_secs(120));
    assert!(!stage.mona.get(HUB).ok::<ExternalAuth>(200).authenticated);
    stage.service.says("/token", 200, json!({"access_token": "second", "expires_in": "60"}));
    assert!(stage.links(&stage.mona).links[0].authenticated);
    let renewed = stage.service.asked("/token").pop().unwrap();
    assert_eq!(
        (renewed.fields["grant_type"].as_str(), renewed.fields["refresh_token"].as_str()),
        ("refresh_token", "again")
    );
    assert_eq!(stage.service.asked("/user").pop().unwrap().bearer, "Bearer second");
    assert!(stage.mona.get(HUB).ok::<ExternalAuth>(200).authenticated);

    // A refusal is remembered, and not provoked again.
    stage.clock.advance(Duration::from_secs(120));
    stage.service.says("/token", 400, json!({"error": "invalid_grant"}));
    let asked = stage.service.asked("/token").len();
    for _ in 0..2 {
        let link = stage.links(&stage.mona).links.remove(0);
        assert!(!link.authenticated && link.validate_error.contains("invalid_grant"), "{}", link.validate_error);
    }
    assert_eq!(stage.service.asked("/token").len(), asked + 1);
    assert!(!stage.links(&stage.mona).links[0].has_refresh_token);
}

#[test]
fn a_service_that_is_away_costs_no_token() {
    let stage = Stage::start(&[]);
    stage.connect();
    stage.clock.advance(Duration::from_secs(120));
    stage.service.says("/token", 503, Value::Null);
    let link = stage.links(&stage.mona).links.remove(0);
    assert!(!link.authenticated && link.has_refresh_token, "{link:?}");
    stage.service.says("/token", 200, json!({"access_token": "second"}));
    assert!(stage.links(&stage.mona).links[0].authenticated);
    stage.service.says("/user", 401, Value::Null);
    assert!(!stage.mona.get(HUB).ok::<ExternalAuth>(200).authenticated);
    stage.service.says("/user", 500, Value::Null);
    stage.mona.get(HUB).refused(500);
}

#[test]
fn only_a_service_that_judged_a_refresh_token_costs_it() {
    for (status, body, lost) in [
        (500, json!({"error": "server_error"}), false),
        (503, json!({"error": "temporarily_unavailable"}), false),
        (429, json!({"error": "slow_down"}), false),
        (200, json!({"no": "token"}), false),
        (200, json!({"error": "bad_refresh_token"}), true),
        (401, json!({"error": "unauthorized_client"}), true),
        (403, Value::Null, true),
    ] {
        let stage = Stage::start(&[]);
        stage.connect();
        stage.clock.advance(Duration::from_secs(55));
        stage.service.says("/token", status, body.clone());
        let link = stage.links(&stage.mona).links.remove(0);
        assert!(!link.authenticated && !link.validate_error.is_empty(), "{status} {body}: {link:?}");
        assert_eq!(stage.links(&stage.mona).links[0].has_refresh_token, !lost, "{status} {body}");
    }
}

#[test]
fn a_renewed_token_is_given_a_moment_to_be_known_and_then_counts_as_revoked() {
    let stage = Stage::start(&[]);
    stage.connect();
    stage.clock.advance(Duration::from_secs(120));
    stage.service.says("/token", 200, json!({"access_token": "second", "refresh_token": "next", "expires_in": 60}));
    stage.service.says("/user", 401, Value::Null);
    let asked = stage.service.asked("/user").len();
    let link = stage.links(&stage.mona).links.remove(0);
    assert!(!link.authenticated && link.has_refresh_token, "{link:?}");
    assert!(stage.service.asked("/user").len() > asked + 1, "GitHub is asked again");
    // What was renewed is kept: the service will not renew by the token before a second time.
    let renewals = stage.service.asked("/token").len();
    stage.service.says("/user", 200, json!({"id": 7, "login": "octo"}));
    assert!(stage.links(&stage.mona).links[0].authenticated);
    assert_eq!(stage.service.asked("/token").len(), renewals);
}

#[test]
fn a_service_whose_tokens_are_not_to_be_renewed_is_not_asked_to() {
    let stage = Stage::start(&[("NO_REFRESH", "true")]);
    stage.connect();
    stage.clock.advance(Duration::from_secs(120));
    let asked = stage.service.asked("/token").len();
    let link = stage.links(&stage.mona).links.remove(0);
    assert!(!link.authenticated && link.validate_error.contains("cannot be renewed"), "{link:?}");
    assert_eq!(stage.service.asked("/token").len(), asked);
}

#[test]
fn a_client_that_is_not_believed_in_the_form_shows_its_secret_in_the_header() {
    let stage = Stage::start(&[]);
    stage.service.says("/token", 401, json!({"error": "invalid_client"}));
    let good = [("oauth_state", "s"), ("oauth_pkce_verifier", "v")];
    stage.browse(&[("code", "c"), ("state", "s")], &good).refused(500);
    let asked = stage.service.asked("/token");
    assert_eq!((asked.len(), asked[1].bearer.as_str()), (2, "Basic Y2xpZW50OnMzY3JldA=="));
    assert!(!asked[1].fields.contains_key("client_secret"));
}

#[test]
fn a_device_code_is_entered_elsewhere() {
    let stage = Stage::start(&[("DEVICE_FLOW", "true")]);
    let path = format!("{HUB}/device");
    let device: ExternalAuthDevice = stage.mona.get(&path).ok(200);
    assert_eq!((device.user_code.as_str(), device.interval), ("AB-12", 5));
    stage.service.says("/token", 200, json!({"error": "authorization_pending"}));
    let body = json!({"device_code": "d"});
    assert_eq!(stage.mona.post(&path, &body).refused(400).detail, "authorization_pending");
    stage.service.says("/token", 200, json!({"access_token": "first"}));
    stage.mona.post(&path, &body).expect(204);
    assert_eq!(stage.service.asked("/token")[0].fields["device_code"], "d");
    assert!(stage.mona.get(HUB).ok::<ExternalAuth>(200).authenticated);

    let without = Stage::start(&[]);
    without.mona.get(&path).refused(400);
    without.mona.post(&path, &body).refused(400);
    without.server.anonymous().get(&path).refused(401);
}

#[test]
fn a_connection_ends_here_and_there() {
    let stage = Stage::start(&[]);
    stage.mona.delete(HUB).refused(404);
    stage.connect();
    stage.server.owner().delete(HUB).refused(404);
    assert!(stage.mona.delete(HUB).ok::<DeleteExternalAuthByIDResponse>(200).token_revoked);
    stage.mona.delete(HUB).refused(404);
    stage.connect();
    stage.service.says("/revoke", 500, Value::Null);
    let ended: DeleteExternalAuthByIDResponse = stage.mona.delete(HUB).ok(200);
    assert!(!ended.token_revoked && ended.token_revocation_error.contains("500"), "{ended:?}");
    assert!(stage.links(&stage.mona).links.is_empty());
}

#[test]
fn a_template_says_which_services_it_wants() {
    let stage = Stage::start(&[]);
    let owner = stage.server.owner();
    let files = |id: &str| format!("data \"coder_external_auth\" \"it\" {{\n  id = \"{id}\"\n  optional = true\n}}\n");
    let template = stage.server.template("wants", &[("main.tf", &files("hub"))]);
    let path = format!("/api/v2/templateversions/{}/external-auth", template.active_version_id);
    let wanted: Vec<TemplateVersionExternalAuth> = stage.mona.get(&path).ok(200);
    assert_eq!((wanted[0].id.as_str(), wanted[0].authenticated, wanted[0].optional), ("hub", false, true));
    assert_eq!(wanted[0].authenticate_url, format!("{}/external-auth/hub", stage.server.url()));
    stage.connect();
    assert!(stage.mona.get(&path).ok::<Vec<TemplateVersionExternalAuth>>(200)[0].authenticated);
    assert!(!owner.get(&path).ok::<Vec<TemplateVersionExternalAuth>>(200)[0].authenticated);
    let unknown = owner.import(stage.server.organization(), None, &[("main.tf", &files("other"))]);
    assert_eq!(unknown.job.status, ProvisionerJobStatus::Failed);
    owner.get(&format!("/api/v2/templateversions/{}/external-auth", unknown.id)).refused(404);
}
