//! What differs between two snapshots of a thing, as the log keeps it: `{"Old", "New", "Secret"}` by field.
//!
//! A side that is missing counts as the emptiest thing of its kind. What is empty, and how values are
//! written, depends on a field's [`Kind`]: logs written by other servers of this API read the same.

use serde_json::{Map, Value as JsonValue, json};

use super::Snapshot;
use super::table::{Kind, Table, Treatment};
use crate::store::value::Value;
use crate::time::Time;

/// The fields that differ. Of secrets only that they do.
pub fn between(table: &Table, before: Option<&Snapshot>, after: Option<&Snapshot>) -> Map<String, JsonValue> {
    let mut changed = Map::new();
    for (name, treatment) in table.fields {
        let of = |side: Option<&Snapshot>| side.and_then(|s| s.field(name).cloned()).unwrap_or(Value::Null);
        match treatment {
            Treatment::Ignore => {}
            Treatment::Track(kind) => {
                let (old, new) = (render(*kind, &of(before)), render(*kind, &of(after)));
                if old != new {
                    changed.insert((*name).to_owned(), json!({ "Old": old, "New": new, "Secret": false }));
                }
            }
            Treatment::Secret(kind) => {
                if meaning(of(before)) != meaning(of(after)) {
                    let nothing = render(*kind, &Value::Null);
                    changed.insert((*name).to_owned(), json!({ "Old": nothing, "New": nothing, "Secret": true }));
                }
            }
        }
    }
    changed
}

/// A secret that is empty is as none.
fn meaning(secret: Value<'static>) -> Value<'static> {
    match secret {
        Value::Bytes(bytes) if bytes.is_empty() => Value::Null,
        Value::Text(text) if text.is_empty() => Value::Null,
        other => other,
    }
}

/// A value as the log writes it.
fn render(kind: Kind, value: &Value<'_>) -> JsonValue {
    match (kind, value) {
        (Kind::Text, value) => text(value).unwrap_or_default().into(),
        (Kind::OptionalText, value) => text(value).unwrap_or_else(|| "null".to_owned()).into(),
        (Kind::Id, Value::Uuid(id)) if !id.is_nil() => id.to_string().into(),
        (Kind::Id, _) => "".into(),
        (Kind::OptionalId, Value::Uuid(id)) => id.to_string().into(),
        (Kind::OptionalId, _) => "null".into(),
        (Kind::Time, Value::Time(time)) => json!(time),
        (Kind::Time, _) => json!(Time::ZERO),
        (Kind::OptionalTime, Value::Time(time)) => json!({ "Time": time, "Valid": true }),
        (Kind::OptionalTime, _) => json!({ "Time": Time::ZERO, "Valid": false }),
        (Kind::Integer, Value::Int(i)) => json!(i),
        (Kind::Integer, _) => json!(0),
        (Kind::Boolean, Value::Bool(b)) => json!(b),
        (Kind::Boolean, _) => json!(false),
        (Kind::OptionalBoolean, Value::Bool(b)) => json!({ "Bool": b, "Valid": true }),
        (Kind::OptionalBoolean, _) => json!({ "Bool": false, "Valid": false }),
        (Kind::List, Value::Texts(list)) => json!(list),
        (Kind::List | Kind::Json, Value::Json(json)) => parsed(json),
        (Kind::List | Kind::Json | Kind::Bytes, _) => JsonValue::Null,
        (Kind::OptionalJson, Value::Json(json)) => json!({ "RawMessage": parsed(json), "Valid": true }),
        (Kind::OptionalJson, _) => json!({ "RawMessage": null, "Valid": false }),
        (Kind::AccessList, Value::Json(json)) => access_list(&parsed(json)).into(),
        (Kind::AccessList, _) => "map[]".into(),
        (Kind::Permissions, Value::Json(json)) => permissions(&parsed(json)),
        (Kind::Permissions, _) => json!([]),
    }
}

fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

fn parsed(json: &str) -> JsonValue {
    serde_json::from_str(json).unwrap_or(JsonValue::Null)
}

/// `map[<id>:[read use] ...]`, in the order of ids.
fn access_list(list: &JsonValue) -> String {
    let entries = list.as_object().into_iter().flatten().map(|(id, actions)| {
        let actions: Vec<&str> = actions.as_array().into_iter().flatten().filter_map(JsonValue::as_str).collect();
        (id, format!("{id}:[{}]", actions.join(" ")))
    });
    let sorted: std::collections::BTreeMap<_, _> = entries.collect();
    format!("map[{}]", sorted.into_values().collect::<Vec<_>>().join(" "))
}

/// `["group.read", "-template.update"]`.
fn permissions(list: &JsonValue) -> JsonValue {
    let entries = list.as_array().into_iter().flatten().map(|entry| {
        let word = |key: &str| entry.get(key).and_then(JsonValue::as_str).unwrap_or_default();
        let sign = if entry.get("negate") == Some(&JsonValue::Bool(true)) { "-" } else { "" };
        JsonValue::from(format!("{sign}{}.{}", word("resource_type"), word("action")))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::audit::table;
    use crate::sdk::ResourceType;

    const ID: Uuid = Uuid::from_u128(7);

    fn user() -> Snapshot {
        Snapshot::new(ResourceType::User, ID, "ada")
            .with("id", ID)
            .with("username", "ada")
            .with("hashed_password", &b"$2a$secret"[..])
            .with("rbac_roles", Vec::<String>::new())
            .with("last_seen_at", Time::ZERO)
            .with("deleted", false)
    }

    fn of_users(before: Option<&Snapshot>, after: Option<&Snapshot>) -> JsonValue {
        JsonValue::Object(between(table::of(ResourceType::User), before, after))
    }

    #[test]
    fn a_new_thing_differs_from_nothing_in_what_it_has() {
        let want = json!({
            "id": { "Old": "", "New": ID, "Secret": false },
            "username": { "Old": "", "New": "ada", "Secret": false },
            "hashed_password": { "Old": null, "New": null, "Secret": true },
            "rbac_roles": { "Old": null, "New": [], "Secret": false },
        });
        assert_eq!(of_users(None, Some(&user())), want);
    }

    #[test]
    fn what_stays_and_what_is_ignored_is_not_told() {
        let seen = user().with("last_seen_at", Time::from_micros(5));
        assert_eq!(of_users(Some(&user()), Some(&seen)), json!({}));
    }

    #[test]
    fn a_secret_is_only_said_to_have_changed() {
        let changed = user().with("hashed_password", &b"$2a$another"[..]);
        let diff = of_users(Some(&user()), Some(&changed));
        assert_eq!(diff, json!({ "hashed_password": { "Old": null, "New": null, "Secret": true } }));
        assert!(!diff.to_string().contains("$2a$"));
    }

    #[test]
    fn values_are_written_by_kind() {
        let time = Time::parse("2026-01-02T03:04:05.6Z").unwrap();
        let acl = r#"{"b":["*"],"a":["read","use"]}"#;
        let role = r#"[{"negate":false,"resource_type":"group","action":"read"},{"negate":true,"resource_type":"file","action":"create"}]"#;
        let json = |text: &'static str| Value::Json(text.into());
        for (kind, value, want, nothing) in [
            (Kind::Text, Value::Text("x".into()), json!("x"), json!("")),
            (Kind::OptionalText, Value::Text("".into()), json!(""), json!("null")),
            (Kind::Id, Value::Uuid(ID), json!(ID), json!("")),
            (Kind::Id, Value::Uuid(Uuid::nil()), json!(""), json!("")),
            (Kind::OptionalId, Value::Uuid(ID), json!(ID), json!("null")),
            (Kind::Time, Value::Time(time), json!("2026-01-02T03:04:05.6Z"), json!("0001-01-01T00:00:00Z")),
            (
                Kind::OptionalTime,
                Value::Time(time),
                json!({ "Time": "2026-01-02T03:04:05.6Z", "Valid": true }),
                json!({ "Time": "0001-01-01T00:00:00Z", "Valid": false }),
            ),
            (Kind::Integer, Value::Int(-3), json!(-3), json!(0)),
            (Kind::Boolean, Value::Bool(true), json!(true), json!(false)),
            (
                Kind::OptionalBoolean,
                Value::Bool(false),
                json!({ "Bool": false, "Valid": true }),
                json!({ "Bool": false, "Valid": false }),
            ),
            (Kind::List, Value::Texts(vec!["a".to_owned()].into()), json!(["a"]), json!(null)),
            (Kind::Json, json(r#"{"a":1}"#), json!({ "a": 1 }), json!(null)),
            (Kind::AccessList, json(acl), json!("map[a:[read use] b:[*]]"), json!("map[]")),
            (Kind::Permissions, json(role), json!(["group.read", "-file.create"]), json!([])),
            (Kind::Bytes, Value::Bytes(b"x"[..].into()), json!(null), json!(null)),
        ] {
            assert_eq!(render(kind, &value), want, "{kind:?}");
            assert_eq!(render(kind, &Value::Null), nothing, "{kind:?}");
        }
    }
}
