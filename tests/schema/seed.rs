//! The rows that every database starts with.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value as Json;

use super::{PREBUILDS_USER, Rows, facts, list, text};

#[test]
fn a_new_database_holds_the_references_first_rows_and_no_others() {
    let rows = Rows::with_references();
    let seeds = &facts("seed_rows.json")["by_migrations"];
    let organization = rows.one("SELECT id FROM organizations WHERE is_default = 1 AND name = 'coder'");
    uuid::Uuid::parse_str(&organization).expect("the organization's id is a uuid");

    for (sql, want) in [
        ("SELECT display_name FROM organizations", "Coder"),
        (
            "SELECT group_concat(username || ' ' || email || ' ' || name || ' ' || status) FROM users",
            "prebuilds prebuilds@system Prebuilds Owner active",
        ),
        (
            "SELECT login_type || ' ' || is_system || ' ' || rbac_roles || ' ' || hex(hashed_password) FROM users",
            "none 1 [] 6E6F6E65",
        ),
        ("SELECT id FROM users", PREBUILDS_USER),
        ("SELECT user_id || ' ' || roles FROM organization_members", &format!("{PREBUILDS_USER} []")),
        ("SELECT user_id || ' ' || new_status FROM user_status_changes", &format!("{PREBUILDS_USER} active")),
        (
            "SELECT id || ' ' || organization_id || ' ' || name || ' ' || source || ' ' || quota_allowance FROM groups",
            &format!("{organization} {organization} Everyone user 0"),
        ),
        (
            "SELECT name || ' ' || is_system || ' ' || organization_id || ' ' || org_permissions FROM custom_roles",
            &format!("organization-member 1 {organization} []"),
        ),
        (
            "SELECT group_concat(id || ' ' || name || ' ' || length(hashed_secret) || ' ' || tags, ', ' ORDER BY id) FROM provisioner_keys",
            "00000000-0000-0000-0000-000000000001 built-in 0 {}, 00000000-0000-0000-0000-000000000002 user-auth 0 {}, 00000000-0000-0000-0000-000000000003 psk 0 {}",
        ),
    ] {
        assert_eq!(rows.one(sql), want, "{sql}");
    }
    let filled: BTreeSet<String> = rows
        .column("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .into_iter()
        .filter(|table| rows.one(&format!("SELECT count(*) FROM \"{table}\"")) != "0")
        .collect();
    let mut want: BTreeSet<String> = seeds.as_object().expect("an object").keys().cloned().collect();
    want.remove("notification_templates_note");
    want.insert("schema_migrations".into());
    assert_eq!(filled, want);
}

#[test]
fn notification_templates_are_the_references_and_use_the_labels_that_come_with_them() {
    let rows = Rows::with_references();
    let seeds = &facts("seed_rows.json")["by_migrations"]["notification_templates"];
    let label = Regex::new(r"\.(Labels|Data)\.(\w+)").expect("a pattern");
    for seed in list(seeds) {
        let (id, name) = (text(seed, "id"), text(seed, "name"));
        let find = |column: &str| rows.one(&format!("SELECT {column} FROM notification_templates WHERE id = '{id}'"));
        assert_eq!(find("name"), name);
        assert_eq!(find("\"group\""), text(seed, "group"), "{name}");
        assert_eq!(find("kind"), text(seed, "kind"), "{name}");
        assert_eq!(
            find("enabled_by_default = 1"),
            if seed["enabled_by_default"] == true { "1" } else { "0" },
            "{name}"
        );
        assert_eq!(find("method"), "NULL", "{name}");

        let actions: Json = serde_json::from_str(&find("actions")).expect("actions are JSON");
        let urls: Vec<_> =
            list(&actions).map(|action| text(action, "url").replace("{{ base_url }}", "{{base_url}}")).collect();
        assert_eq!(urls.len(), list(&seed["actions"]).count(), "{name}");
        for (url, path) in urls.iter().zip(list(&seed["actions"])) {
            // The facts cut long addresses off.
            assert!(url.starts_with(&format!("{{{{base_url}}}}{}", path.as_str().expect("text"))), "{name}: {url}");
        }

        let words = format!("{} {} {actions}", find("title_template"), find("body_template"));
        let used: BTreeSet<_> = label.captures_iter(&words).map(|found| found[2].to_owned()).collect();
        let given: BTreeSet<_> =
            list(&seed["labels"]).chain(list(&seed["data"])).filter_map(Json::as_str).map(str::to_owned).collect();
        assert_eq!(used, given, "{name}");
    }
    let count = rows.one("SELECT count(*) FROM notification_templates");
    assert_eq!(count, list(seeds).count().to_string());
}
