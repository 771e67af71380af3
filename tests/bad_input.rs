//! What is sent by somebody who tampers: tokens and cookies that were changed or put together, line breaks in what ends
//! up in header fields, roles that are none.

use rockpool::sdk::client::Request;
use rockpool::sdk::{APIKey, LoginType, User};
use serde_json::json;

use crate::support::{Client, Options, Server};

const ME: &str = "/api/v2/users/me";

fn status(client: &Client, headers: Vec<(&str, &str)>) -> u16 {
    client.send(&Request { method: "GET", target: ME, headers, body: b"" }).answer.status
}

#[test]
fn a_token_that_was_changed_anywhere_opens_nothing() {
    let server = Options::default().set("CODER_DANGEROUS_DISABLE_RATE_LIMITS", "true").start();
    let token = server.owner().token().to_owned();
    let nobody = server.anonymous();
    assert_eq!(status(&nobody, vec![("Coder-Session-Token", &token)]), 200);
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(changed).unwrap();
        let cookie = format!("coder_session_token={changed}");
        assert_eq!(status(&nobody, vec![("Coder-Session-Token", &changed)]), 401, "{at}: {changed}");
        assert_eq!(status(&nobody, vec![("Cookie", &cookie)]), 401, "{at}: {changed}");
    }
    let (id, secret) = token.split_once('-').unwrap();
    for changed in [
        format!("{token}x"),
        format!("{token}-{secret}"),
        format!("x{token}"),
        format!("{id}-"),
        format!("-{secret}"),
        format!("{id}{secret}"),
        format!("{secret}-{id}"),
        format!("{id}-{}", secret.to_uppercase() + "!"),
        format!("{id}-{}", secret.repeat(1000)),
        format!("{id}-' OR '1'='1"),
        "%00".to_owned(),
        "-".repeat(10_000),
    ] {
        assert_eq!(status(&nobody, vec![("Coder-Session-Token", &changed)]), 401, "{changed:.100}");
    }
}

#[test]
fn a_key_opens_with_its_own_secret_only() {
    let server = Server::start();
    let (mona, as_mona) = server.user("mona", &[]);
    let nobody = server.anonymous();
    let owners = server.owner().token().to_owned();
    let ((owner_id, owner_secret), (mona_id, mona_secret)) =
        (owners.split_once('-').unwrap(), as_mona.token().split_once('-').unwrap());
    for mixed in [format!("{owner_id}-{mona_secret}"), format!("{mona_id}-{owner_secret}")] {
        assert_eq!(status(&nobody, vec![("Coder-Session-Token", &mixed)]), 401);
    }
    // What is shown of a key is not enough to use it.
    let shown: APIKey = as_mona.get(&format!("/api/v2/users/me/keys/{mona_id}")).ok(200);
    assert_eq!((shown.user_id, shown.login_type), (mona.id, LoginType::Password));
    let text = serde_json::to_string(&shown).unwrap();
    assert!(!text.contains(mona_secret), "{text}");
    // Of two keys the cookie's counts, and nothing of the other.
    let cookie = format!("coder_session_token={owners}");
    let both = vec![("Coder-Session-Token", as_mona.token()), ("Cookie", cookie.as_str())];
    let answer = nobody.send(&Request { method: "GET", target: ME, headers: both, body: b"" });
    let seen: User = answer.ok(200);
    assert_eq!(seen.id, server.owner_id());
    let forged = format!("coder_session_token={owner_id}-{mona_secret}; coder_session_token={mona_id}-{owner_secret}");
    assert_eq!(status(&nobody, vec![("Cookie", &forged)]), 401);
}

#[test]
fn line_breaks_add_no_header_field() {
    let idp = crate::support::idp::Idp::start();
    let server = Options::default()
        .set("CODER_OIDC_ISSUER_URL", &idp.url)
        .set("CODER_OIDC_CLIENT_ID", crate::support::idp::CLIENT_ID)
        .set("CODER_EXTERNAL_AUTH_0_ID", "hub")
        .set("CODER_EXTERNAL_AUTH_0_TYPE", "github")
        .set("CODER_EXTERNAL_AUTH_0_CLIENT_ID", "client")
        .start();
    let owner = server.owner();
    let evil = "%2Fa%0D%0ASet-Cookie:%20evil=1%0D%0A%0D%0Abody";
    for target in [
        format!("/api/v2/users/oidc/callback?redirect={evil}"),
        format!("/external-auth/hub/callback?redirect={evil}"),
        format!("/api/v2/users/oidc/callback?error={evil}"),
        format!("/oauth2/authorize?client_id={evil}&state={evil}"),
        format!("/{evil}"),
    ] {
        let headers = vec![("Coder-Session-Token", owner.token())];
        // As bytes: the answers are no JSON.
        let client = rockpool::sdk::client::Client::new(server.url()).unwrap();
        let answer = client.send(&Request { method: "GET", target: &target, headers, body: b"" }).unwrap();
        for (name, value) in &answer.headers {
            assert!(!value.contains(['\r', '\n']), "{target}: {name}: {value:?}");
            assert!(!value.starts_with("evil="), "{target}: {name}: {value:?}");
        }
    }
}

#[test]
fn roles_that_are_none_or_of_elsewhere_are_given_to_nobody() {
    let server = Server::start();
    let owner = server.owner();
    let (mona, _) = server.user("mona", &[]);
    let organization = server.organization();
    let long = "x".repeat(10_000);
    for role in ["emperor", "Owner", "owner ", "", "organization-admin", "owner:x", "оwner", long.as_str()] {
        owner.put("/api/v2/users/mona/roles", json!({"roles": [role]})).refused(400);
    }
    for role in ["emperor", "owner", "Organization-Admin", "", "organization-admin:x", long.as_str()] {
        let path = format!("/api/v2/organizations/{organization}/members/mona/roles");
        owner.put(&path, json!({"roles": [role]})).refused(400);
    }
    for roles in [json!("owner"), json!([1]), json!([null]), json!({"a": "owner"})] {
        owner.put("/api/v2/users/mona/roles", json!({"roles": roles})).refused(400);
    }
    let after: User = owner.get("/api/v2/users/mona").ok(200);
    assert!(after.roles.is_empty() && after.id == mona.id);
}
