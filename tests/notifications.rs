//! Which kinds of message there are, and which of them a user wants.

use rockpool::sdk::{NotificationMethodsResponse, NotificationPreference, NotificationTemplate};
use serde_json::{Value, json};

use crate::support::{Options, Server};

const MINE: &str = "/api/v2/users/me/notifications/preferences";

#[test]
fn everybody_who_signed_in_knows_the_kinds_of_message_and_how_they_can_be_sent() {
    let server = Options::default().set("CODER_NOTIFICATIONS_METHOD", "webhook").start();
    server.owner();
    let (_, member) = server.user("mona", &[]);
    let of_system: Vec<NotificationTemplate> = member.get("/api/v2/notifications/templates/system").ok(200);
    assert!(of_system.len() > 10 && of_system.iter().all(|template| template.kind == "system"), "{of_system:?}");
    assert!(of_system.is_sorted_by(|a, b| a.name <= b.name), "by name");
    let of_users: Vec<NotificationTemplate> = member.get("/api/v2/notifications/templates/custom").ok(200);
    let [custom] = of_users.as_slice() else { panic!("{of_users:?}") };
    assert_eq!((custom.group.as_str(), custom.method.as_str()), ("Custom Events", ""));
    let methods: NotificationMethodsResponse = member.get("/api/v2/notifications/dispatch-methods").ok(200);
    assert_eq!((methods.available.join(" "), methods.default.as_str()), ("smtp webhook".to_owned(), "webhook"));
    for path in ["templates/system", "templates/custom", "dispatch-methods"] {
        server.anonymous().get(&format!("/api/v2/notifications/{path}")).refused(401);
    }
}

#[test]
fn a_user_chooses_kinds_of_message_and_what_is_not_named_stays() {
    let server = Server::start();
    server.owner();
    let (_, member) = server.user("mona", &[]);
    let kinds: Vec<NotificationTemplate> = member.get("/api/v2/notifications/templates/system").ok(200);
    let mut ids = [kinds[0].id, kinds[1].id];
    ids.sort_unstable();
    let [first, second] = ids;
    assert_eq!(member.get(MINE).expect(200).json(), Value::Null, "nothing was chosen");
    let choose = |map: Value| -> Vec<(uuid::Uuid, bool)> {
        let list: Vec<NotificationPreference> = member.put(MINE, json!({ "template_disabled_map": map })).ok(200);
        list.into_iter().map(|entry| (entry.id, entry.disabled)).collect()
    };
    assert_eq!(choose(json!({ first.to_string(): true })), [(first, true)]);
    assert_eq!(choose(json!({ second.to_string(): true })), [(first, true), (second, true)]);
    assert_eq!(choose(json!({ first.to_string(): false })), [(first, false), (second, true)]);
    assert_eq!(choose(json!({})), [(first, false), (second, true)]);
    for wrong in [json!({"quiet": true}), json!({ "9f000000-0000-4000-8000-000000000000": true })] {
        member.put(MINE, json!({ "template_disabled_map": wrong })).refused(400);
    }
}

#[test]
fn what_others_want_is_known_to_those_who_look_after_users_personal_data() {
    let server = Server::start();
    let owner = server.owner();
    let (mona, _) = server.user("mona", &[]);
    let (_, other) = server.user("ben", &[]);
    let path = format!("/api/v2/users/{}/notifications/preferences", mona.id);
    owner.get(&path).expect(200);
    assert!(matches!(other.get(&path).answer.status, 400 | 404), "not even that the user is there");
    assert!(matches!(other.put(&path, json!({"template_disabled_map": {}})).answer.status, 400 | 404));
    server.anonymous().get(&path).refused(401);
}
