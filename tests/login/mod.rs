//! Signing in through others, against a provider that the tests start: who gets in, as whom, and every way
//! in which a provider's word, a browser or somebody in between could be wrong.

mod conversion;
mod github;
mod oidc;
mod scim;
mod sync;

use rockpool::sdk::User;
use rockpool::sdk::client::Answer;

use crate::support::idp::{Browser, CLIENT_ID, CLIENT_SECRET, Idp};
use crate::support::{Options, Server};

const CALLBACK: &str = "/api/v2/users/oidc/callback";
const ME: &str = "/api/v2/users/me";

/// Settings of a server that a provider's users sign in to.
fn options(idp: &Idp) -> Options {
    Options::default()
        .set("CODER_OIDC_ISSUER_URL", &idp.url)
        .set("CODER_OIDC_CLIENT_ID", CLIENT_ID)
        .set("CODER_OIDC_CLIENT_SECRET", CLIENT_SECRET)
}

/// Goes to the provider and back, from this target.
#[track_caller]
fn there_and_back(idp: &Idp, browser: &mut Browser, target: &str) -> Answer {
    let there = browser.get(target);
    assert_eq!(there.status, 307, "{}", text(&there));
    let query = idp.authorize(there.header("Location").expect("a way there"));
    browser.get(&format!("{}?{query}", target.split('?').next().expect("a path")))
}

/// Signs in, and says who that is.
#[track_caller]
fn sign_in(idp: &Idp, server: &Server) -> User {
    let mut browser = Browser::new(server.url());
    let back = there_and_back(idp, &mut browser, CALLBACK);
    assert_eq!(back.status, 307, "{}", text(&back));
    me(server, &browser)
}

/// Who has this browser's session.
#[track_caller]
fn me(server: &Server, browser: &Browser) -> User {
    server.anonymous().with_token(browser.session().expect("a session")).get(ME).ok(200)
}

/// Signs in in vain, and gives the answer.
#[track_caller]
fn refused(idp: &Idp, server: &Server, status: u16) -> String {
    let mut browser = Browser::new(server.url());
    let back = there_and_back(idp, &mut browser, CALLBACK);
    assert_eq!(back.status, status, "{}", text(&back));
    assert_eq!(browser.session(), None);
    text(&back)
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
