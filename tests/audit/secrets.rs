//! What must never stand in the log: passwords, keys, and whatever could stand for them.

use rockpool::audit::table::{TABLES, Treatment};
use rockpool::sdk::{GenerateAPIKeyResponse, User};
use serde_json::{Value, json};

use super::found;
use crate::support::{PASSWORD, Server};

#[test]
fn passwords_and_keys_are_never_in_the_log() {
    const CHANGED: &str = "AnotherSecretPassword2!";
    let server = Server::start();
    let owner = server.owner();
    let (ada, client) = server.user("ada", &[]);
    client.put("/api/v2/users/me/password", json!({ "old_password": PASSWORD, "password": CHANGED })).expect(204);
    let client = {
        let session = json!({ "email": "ada@example.com", "password": CHANGED });
        let token = server.anonymous().post("/api/v2/users/login", session).json();
        server.anonymous().with_token(token["session_token"].as_str().unwrap())
    };
    client.put("/api/v2/users/me/gitsshkey", json!(null)).expect(200);
    let made: GenerateAPIKeyResponse =
        client.post("/api/v2/users/me/keys/tokens", json!({ "token_name": "mine" })).ok(201);
    let (id, secret) = made.key.split_once('-').unwrap();
    client.delete(&format!("/api/v2/users/me/keys/{id}")).expect(204);

    let db = server.running().deployment.system_db();
    let stored: rockpool::store::queries::users::User = db.get_user_by_id(ada.id).unwrap();
    let hash = String::from_utf8(stored.hashed_password).unwrap();
    let private = db.get_git_ssh_key(ada.id).unwrap().private_key;
    let middle_of_the_key = private.lines().nth(2).unwrap();
    let log = owner.get("/api/v2/audit?limit=1000").expect(200).json().to_string();
    for (what, text) in [
        ("a password", PASSWORD),
        ("a password", CHANGED),
        ("a hash", hash.as_str()),
        ("a hash's salt", hash.split('$').nth(3).unwrap()),
        ("a token's secret", secret),
        ("a token's id", id),
        ("a private key", middle_of_the_key),
        ("a private key", "PRIVATE KEY"),
    ] {
        assert!(!text.is_empty() && !log.contains(text), "{what} is in the log");
    }

    let changes = found(&owner, "resource_type:user action:write username:ada");
    let change = &changes[0].diff["hashed_password"];
    assert!(change.secret && change.old.is_none() && change.new.is_none());
    let keys = found(&owner, "resource_type:git_ssh_key");
    let change = &keys[0].diff["private_key"];
    assert_eq!((change.secret, &change.old, &change.new), (true, &Some(json!("")), &Some(json!(""))));
    assert!(keys[0].diff["public_key"].new.as_ref().is_some_and(|key| key.as_str().unwrap().starts_with("ssh-")));
}

#[test]
fn what_is_refused_is_logged_with_its_status_and_without_what_it_would_have_changed() {
    let server = Server::start();
    let owner = server.owner();
    let (mona, client) = server.user("mona", &[]);
    owner.put("/api/v2/users/mona/roles", json!({ "roles": ["king"] })).refused(400);
    owner.put("/api/v2/users/mona/profile", json!({ "username": "owner", "name": "" })).refused(409);
    client.delete("/api/v2/users/me").refused(403);
    client.patch(&format!("/api/v2/groups/{}", server.organization()), json!({ "quota_allowance": 1 })).refused(400);
    server
        .anonymous()
        .post("/api/v2/users/login", json!({ "email": "mona@example.com", "password": "no" }))
        .refused(401);
    server
        .anonymous()
        .post("/api/v2/users/login", json!({ "email": "who@example.com", "password": "no" }))
        .refused(401);
    let told: Vec<_> = found(&owner, "")
        .into_iter()
        .filter(|entry| entry.status_code >= 400)
        .map(|entry| (entry.description, entry.status_code, entry.diff.len(), entry.user.unwrap().username))
        .collect();
    let want = [
        ("{user} unsuccessfully attempted to login", 401, "mona"),
        ("{user} unsuccessfully attempted to write group {target}", 400, "mona"),
        ("{user} unsuccessfully attempted to delete user {target}", 403, "mona"),
        ("{user} unsuccessfully attempted to write user {target}", 409, "owner"),
        ("{user} unsuccessfully attempted to write user {target}", 400, "owner"),
    ];
    let want: Vec<_> =
        want.iter().map(|(what, status, who)| ((*what).to_owned(), *status, 0, (*who).to_owned())).collect();
    assert_eq!(told, want);
    let unchanged: User = owner.get(&format!("/api/v2/users/{}", mona.id)).ok(200);
    assert_eq!((unchanged.username.as_str(), unchanged.roles.len()), ("mona", 0));
}

#[test]
fn every_column_of_an_audited_table_is_judged() {
    let schema: Value = serde_json::from_str(include_str!("../../fixtures/reference/schema.json")).unwrap();
    for table in TABLES {
        let Some(name) = table.rows_of else { continue };
        let columns = schema["tables"][name]["columns"].as_array().unwrap_or_else(|| panic!("no table {name}"));
        for column in columns.iter().map(|column| column["name"].as_str().unwrap()) {
            assert!(table.fields.iter().any(|(field, _)| *field == column), "{name}.{column} is not judged");
        }
        let shown = |column: &str| {
            table.fields.iter().any(|(field, what)| *field == column && matches!(what, Treatment::Track(_)))
        };
        for bytes in columns.iter().filter(|column| column["type"] == "bytea") {
            let column = bytes["name"].as_str().unwrap();
            assert!(!shown(column), "{name}.{column} holds bytes, which are secrets or no use to anybody");
        }
    }
}
