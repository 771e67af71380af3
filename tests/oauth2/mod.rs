//! The deployment as an OAuth2 provider: applications, consent, tokens, registration, and everything that
//! must be refused on the way.

mod apps;
mod authorize;
mod clients;
mod tokens;

use std::time::Duration;

use rockpool::sdk::client::Request;
use rockpool::sdk::{
    OAuth2Error, OAuth2ErrorCode, OAuth2ProviderApp, OAuth2ProviderAppSecretFull, OAuth2TokenResponse,
};
use rockpool::server::Hands;
use rockpool::time::{Clock, Time};
use serde_json::json;

use crate::support::client::Checked;
use crate::support::{Client, Options, Server};

const APPS: &str = "/api/v2/oauth2-provider/apps";
const ME: &str = "/api/v2/users/me";
const BACK: &str = "http://localhost:9911/callback";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A provider whose clock stands still until it is moved, and somebody who uses it.
struct Provider {
    server: Server,
    clock: Clock,
    mona: Client,
}

/// An application and its secret.
struct App {
    id: String,
    secret: String,
}

impl Provider {
    fn start() -> Provider {
        let clock = Clock::held(Time::parse("2026-05-01T12:00:30Z").unwrap());
        let hands = Hands { clock: clock.clone(), ..Hands::default() };
        let server = Options::default().set("CODER_EXPERIMENTS", "oauth2").hands(hands).start();
        let (_, mona) = server.user("mona", &[]);
        Provider { server, clock, mona }
    }

    fn app(&self, name: &str) -> App {
        self.app_at(name, BACK)
    }

    fn app_at(&self, name: &str, callback: &str) -> App {
        let owner = self.server.owner();
        let app: OAuth2ProviderApp = owner.post(APPS, json!({"name": name, "callback_url": callback})).ok(201);
        let secret: OAuth2ProviderAppSecretFull = owner.post(&format!("{APPS}/{}/secrets", app.id), ()).ok(201);
        App { id: app.id.to_string(), secret: secret.client_secret_full }
    }

    /// A code that mona gives to an application.
    fn code(&self, app: &App, more: &[(&str, &str)]) -> String {
        let answer = self.mona.post(&ask(app, more), ()).expect(302);
        parameter(answer.header("Location").unwrap(), "code").unwrap_or_else(|| panic!("{answer}"))
    }

    /// A form posted by nobody in particular.
    fn form(&self, path: &str, fields: &[(&str, &str)]) -> Checked {
        let body = encode(fields);
        self.server.anonymous().send(&Request {
            method: "POST",
            target: path,
            headers: vec![("Content-Type", "application/x-www-form-urlencoded")],
            body: body.as_bytes(),
        })
    }

    fn exchange(&self, app: &App, code: &str, more: &[(&str, &str)]) -> Checked {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &app.id),
            ("client_secret", &app.secret),
            ("code", code),
        ];
        fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        fields.extend(more);
        self.form("/oauth2/tokens", &fields)
    }

    fn refresh(&self, app: &App, token: &str, more: &[(&str, &str)]) -> Checked {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("client_id", &app.id),
            ("client_secret", &app.secret),
            ("refresh_token", token),
        ];
        fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        fields.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.form("/oauth2/tokens", &fields)
    }

    /// Tokens of mona's for an application.
    fn tokens(&self, app: &App) -> OAuth2TokenResponse {
        let code = self.code(app, &[]);
        self.exchange(app, &code, &[]).ok(200)
    }

    /// What the API answers to a bearer of a token.
    fn use_token(&self, token: &str) -> Checked {
        let field = format!("Bearer {token}");
        let headers = vec![("Authorization", field.as_str())];
        self.server.anonymous().send(&Request { method: "GET", target: ME, headers, body: b"" })
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

/// The path that asks for consent.
fn ask(app: &App, more: &[(&str, &str)]) -> String {
    let mut fields = vec![("client_id", app.id.as_str()), ("response_type", "code"), ("state", "st4te")];
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    fields.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    format!("/oauth2/authorize?{}", encode(&fields))
}

fn encode(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A parameter of a URL's query.
fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
}

/// Expects a refusal in the protocol's words.
#[track_caller]
fn refused(answer: Checked, status: u16, code: OAuth2ErrorCode) -> OAuth2Error {
    assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{answer}");
    let error: OAuth2Error = answer.ok(status);
    assert_eq!(error.error, code, "{}", error.error_description);
    error
}
