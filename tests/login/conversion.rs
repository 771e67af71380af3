//! Changing from a password to signing in elsewhere.

use rockpool::sdk::{LoginType, OAuthConversionResponse};
use serde_json::json;

use super::{CALLBACK, ME, me, options, text, there_and_back};
use crate::support::idp::{Browser, Idp};
use crate::support::{Client, PASSWORD, Server};

/// A browser with the right to convert the account of a client, and the state that goes with it.
#[track_caller]
fn with_right(server: &Server, client: &Client) -> (Browser, String) {
    let body = json!({"to_type": "oidc", "password": PASSWORD});
    let answer = client.post("/api/v2/users/me/convert-login", body).expect(201);
    let mut browser = Browser::new(server.url());
    browser.cookies.insert("coder_oauth_convert_jwt".into(), answer.cookie_value("coder_oauth_convert_jwt"));
    browser.cookies.insert("coder_session_token".into(), client.token().to_owned());
    (browser, answer.ok::<OAuthConversionResponse>(201).state_string)
}

#[test]
fn a_password_is_given_up_for_good() {
    let idp = Idp::start();
    let server = options(&idp).start();
    let (user, client) = server.user("pat", &[]);
    idp.says(json!({"sub": "pat-1", "email": "pat@example.com"}));
    let (mut browser, state) = with_right(&server, &client);
    let back = there_and_back(&idp, &mut browser, &format!("{CALLBACK}?oidc_merge_state={state}"));
    assert_eq!(back.status, 307, "{}", text(&back));
    client.get(ME).refused(401);
    let body = json!({"email": "pat@example.com", "password": PASSWORD});
    server.anonymous().post("/api/v2/users/login", body).refused(401);
    let again = super::sign_in(&idp, &server);
    assert_eq!((again.id, again.login_type), (user.id, LoginType::Oidc));
    assert_ne!(browser.session().expect("a session"), client.token());
    assert_eq!(me(&server, &browser).id, user.id);
}

#[test]
fn a_right_is_for_one_account_one_attempt_and_a_short_while() {
    let idp = Idp::start();
    let clock = rockpool::time::Clock::held(rockpool::time::Clock::system().now());
    let server = options(&idp).hands(rockpool::server::Hands { clock: clock.clone(), ..Default::default() }).start();
    let (_, pat) = server.user("pat", &[]);
    let (_, sam) = server.user("sam", &[]);
    let attempt = |browser: &mut Browser, state: &str| {
        there_and_back(&idp, browser, &format!("{CALLBACK}?oidc_merge_state={state}")).status
    };
    idp.says(json!({"sub": "pat-1", "email": "pat@example.com"}));

    let (mut browser, state) = with_right(&server, &pat);
    browser.cookies.remove("coder_oauth_convert_jwt");
    assert_eq!(attempt(&mut browser, &state), 400, "without the right");
    let (mut browser, state) = with_right(&server, &pat);
    browser.cookies.entry("coder_oauth_convert_jwt".into()).and_modify(|token| token.push('A'));
    assert_eq!(attempt(&mut browser, &state), 400, "forged");
    let (mut browser, _) = with_right(&server, &pat);
    let (_, other) = with_right(&server, &pat);
    assert_eq!(attempt(&mut browser, &other), 403, "another attempt");
    let (mut browser, state) = with_right(&server, &sam);
    assert_eq!(attempt(&mut browser, &state), 403, "another account");
    let (mut browser, state) = with_right(&server, &pat);
    clock.advance(std::time::Duration::from_secs(301));
    assert_eq!(attempt(&mut browser, &state), 403, "too late");
    idp.says(json!({"sub": "pat-1", "email": "elsewhere@example.com"}));
    let (mut browser, state) = with_right(&server, &pat);
    assert_eq!(attempt(&mut browser, &state), 400, "another address");
    for client in [&pat, &sam] {
        let user: rockpool::sdk::User = client.get(ME).ok(200);
        assert_eq!(user.login_type, LoginType::Password);
    }
}
