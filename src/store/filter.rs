//! What a subject may see, as SQL: `{filter}` in a list query.
//!
//! The condition is plain data ([`rbac::Filter`](crate::rbac::Filter)); here it gets columns and
//! placeholders. Ids are bound, never spliced.

use std::borrow::Cow;

use uuid::Uuid;

use crate::rbac::{Action, Filter};
use crate::store::driver::Dialect;
use crate::store::value::Value;

/// Which columns of a list query say what a row is.
#[derive(Debug)]
pub struct Columns {
    /// Its id.
    pub id: &'static str,
    /// Its organization; none when rows have no organization.
    pub org: Option<&'static str>,
    /// Its owner; none when ownership counts for nothing.
    pub owner: Option<&'static str>,
    /// Its access lists.
    pub acl: Option<AclColumns>,
}

/// The columns of access lists.
#[derive(Debug)]
pub struct AclColumns {
    /// Users.
    pub user: &'static str,
    /// Groups.
    pub group: &'static str,
    /// Where below an entry the actions stand: `""` for templates, `.permissions` for workspaces.
    pub below: &'static str,
    /// A condition that must hold for lists to count, such as that a workspace is not dormant.
    pub when: &'static str,
}

/// Writes the condition and its arguments.
pub(super) fn render(
    filter: &Filter,
    columns: &Columns,
    dialect: Dialect,
    out: &mut String,
    args: &mut Vec<Value<'static>>,
    placeholder: &mut dyn FnMut() -> String,
) {
    let condition = match filter {
        Filter::All => return out.push_str("1 = 1"),
        Filter::None => return out.push_str("1 = 0"),
        Filter::Where(condition) => condition,
    };
    let mut bind = |value: Value<'static>| {
        args.push(value);
        placeholder()
    };
    let mut any: Vec<String> = Vec::new();
    if condition.every_row {
        any.push("1 = 1".into());
    } else {
        if let Some(org) = columns.org
            && !condition.orgs.is_empty()
        {
            any.push(member(dialect, org, bind(uuids(&condition.orgs))));
        }
        if let Some(owner) = columns.owner {
            match columns.org {
                Some(org) if !condition.owner_orgs.is_empty() => {
                    let mine = format!("{owner} = {}", bind(Value::Uuid(condition.subject)));
                    any.push(format!("({mine} AND {})", member(dialect, org, bind(uuids(&condition.owner_orgs)))));
                }
                None if condition.own_without_org => {
                    any.push(format!("{owner} = {}", bind(Value::Uuid(condition.subject))))
                }
                _ => {}
            }
            if let (Some(org), true) = (columns.org, condition.own_without_org) {
                any.push(format!("({owner} = {} AND {org} IS NULL)", bind(Value::Uuid(condition.subject))));
            }
        }
        if let (Some(acl), Some(lists)) = (&columns.acl, &condition.acl) {
            let user = lists_action(
                dialect,
                acl,
                acl.user,
                lists.action,
                format!("= {}", bind(Value::Uuid(condition.subject))),
            );
            any.push(format!("({} AND {user})", acl.when));
            if let Some(org) = columns.org
                && !lists.orgs.is_empty()
            {
                let inside = member(dialect, org, bind(uuids(&lists.orgs)));
                let groups = array(dialect, bind(uuids(&lists.groups)));
                let group = lists_action(
                    dialect,
                    acl,
                    acl.group,
                    lists.action,
                    format!("IN (SELECT value FROM {groups} UNION ALL SELECT {org})"),
                );
                any.push(format!("({} AND {inside} AND {group})", acl.when));
            }
        }
    }
    let any = if any.is_empty() { "1 = 0".to_owned() } else { any.join(" OR ") };
    match &condition.ids {
        Some(ids) => out.push_str(&format!("(({any}) AND {})", member(dialect, columns.id, bind(uuids(ids))))),
        None => out.push_str(&format!("({any})")),
    }
}

fn uuids(ids: &[Uuid]) -> Value<'static> {
    Value::Uuids(Cow::Owned(ids.to_vec()))
}

fn member(dialect: Dialect, column: &str, placeholder: String) -> String {
    match dialect {
        Dialect::Sqlite => format!("{column} IN (SELECT value FROM json_each({placeholder}))"),
        Dialect::Postgres => format!("{column} = ANY({placeholder})"),
    }
}

/// A table expression with the members of an array argument in its column `value`.
fn array(dialect: Dialect, placeholder: String) -> String {
    match dialect {
        Dialect::Sqlite => format!("json_each({placeholder})"),
        Dialect::Postgres => format!("unnest({placeholder}::uuid[]) AS listed(value)"),
    }
}

/// Whether an entry whose key meets `key` lists the action or `*`.
fn lists_action(dialect: Dialect, acl: &AclColumns, column: &str, action: Action, key: String) -> String {
    let action = action.as_str();
    match dialect {
        Dialect::Sqlite => format!(
            "EXISTS (SELECT 1 FROM json_each({column}) entry, json_each(entry.value, '${}') listed WHERE entry.key {key} AND listed.value IN ('{action}', '*'))",
            acl.below
        ),
        Dialect::Postgres => {
            let list = if acl.below.is_empty() {
                "entry.value".to_owned()
            } else {
                format!("entry.value -> '{}'", &acl.below[1..])
            };
            format!(
                "EXISTS (SELECT 1 FROM jsonb_each({column}) entry WHERE entry.key::uuid {key} AND ({list} ? '{action}' OR {list} ? '*'))"
            )
        }
    }
}
