//! What is kept in memory of the data, and which statements end that: a [`Watch`] is a set of tables, counted whenever
//! a committed transaction changed one of them. Whatever was read while the count stood where it stands is still so.
//!
//! The counts are of this process. Where others write to the same database they say nothing, and nothing is kept.

use std::sync::atomic::{AtomicU64, Ordering};

/// A part of the data that somebody keeps in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// What subjects are made of: roles, memberships, groups, and whether a user may act.
    Subjects,
    /// Which workspaces there are, who may see them, and their order in lists.
    Order,
    /// Users.
    Users,
    /// Who is a member of which organization.
    Members,
    /// API keys.
    Keys,
}

/// All of them.
pub const ALL: [Watch; 5] = [Watch::Subjects, Watch::Order, Watch::Users, Watch::Members, Watch::Keys];

/// The columns by which an UPDATE of a table changes what is watched; of no matter which, where none is named.
type Columns = &'static [&'static str];

impl Watch {
    /// The tables that it is made of, those whose rows take rows of others with them included.
    pub fn tables(self) -> &'static [(&'static str, Columns)] {
        match self {
            Watch::Subjects => &[
                ("users", &["username", "email", "status", "rbac_roles", "deleted"]),
                ("organization_members", &[]),
                ("organizations", &[]),
                ("groups", &[]),
                ("group_members", &[]),
                ("custom_roles", &[]),
            ],
            Watch::Order => &[
                ("workspaces", &["name", "owner_id", "deleted", "favorite", "dormant_at", "user_acl", "group_acl"]),
                ("workspace_builds", &["build_number", "transition", "job_id"]),
                ("provisioner_jobs", &["completed_at", "canceled_at", "error"]),
                ("users", &["username"]),
                // Only for what goes with them.
                ("organizations", &["id"]),
                ("templates", &["id"]),
                ("template_versions", &["id"]),
                ("template_version_presets", &["id"]),
            ],
            Watch::Users => &[("users", &[])],
            Watch::Members => {
                &[("organization_members", &[]), ("users", &["deleted"]), ("organizations", &[]), ("custom_roles", &[])]
            }
            Watch::Keys => &[
                ("api_keys", &[]),
                ("users", &["deleted"]),
                ("oauth2_provider_apps", &[]),
                ("oauth2_provider_app_secrets", &[]),
                ("oauth2_provider_app_tokens", &[]),
            ],
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn is_changed_by(self, sql: &str) -> bool {
        self.tables().iter().any(|(table, columns)| changes(sql, table, columns))
    }
}

/// The watches that a statement or a transaction changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes(u8);

impl Changes {
    /// What the text of a statement changes.
    pub fn of(sql: &str) -> Changes {
        Changes(ALL.iter().filter(|watch| watch.is_changed_by(sql)).fold(0, |bits, watch| bits | watch.bit()))
    }
    /// Adds what another one changes.
    pub fn add(&mut self, more: Changes) {
        self.0 |= more.0;
    }
}

/// How often each watch has changed.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; ALL.len()]);

impl Counts {
    /// How often this one has.
    pub fn of(&self, watch: Watch) -> u64 {
        self.0[watch as usize].load(Ordering::Acquire)
    }
    /// Counts a transaction that has just been committed.
    pub fn committed(&self, changes: Changes) {
        for watch in ALL.iter().filter(|watch| changes.0 & watch.bit() != 0) {
            self.0[*watch as usize].fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Whether the text inserts into the table, deletes from it, or updates one of these columns.
fn changes(sql: &str, table: &str, columns: Columns) -> bool {
    let verb = |verb: &str| {
        sql.match_indices(verb).any(|(at, _)| {
            let rest = &sql[at + verb.len()..];
            rest.strip_prefix(table)
                .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        })
    };
    let sets = || {
        columns.is_empty()
            || columns.iter().any(|c| sql.contains(&format!("{c} = ")) || sql.contains(&format!("{c}\" = ")))
    };
    verb("INSERT INTO ") || verb("DELETE FROM ") || (verb("UPDATE ") && sets())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_change_what_their_tables_and_columns_say() {
        use Watch::{Keys, Members, Order, Subjects, Users};
        for (sql, want) in [
            ("INSERT INTO users (\"id\") VALUES (?1)", &[Subjects, Order, Users, Members, Keys][..]),
            ("UPDATE users SET last_seen_at = ?1 WHERE id = ?2", &[Users]),
            ("UPDATE users SET status = ?1 WHERE id = ?2", &[Subjects, Users]),
            ("UPDATE users SET \"username\" = ?1 WHERE id = ?2", &[Subjects, Order, Users]),
            ("UPDATE users SET deleted = TRUE WHERE id = ?1", &[Subjects, Users, Members, Keys]),
            ("INSERT INTO user_configs VALUES (?1)", &[]),
            ("DELETE FROM users_archive", &[]),
            ("WITH old AS (SELECT 1) DELETE FROM api_keys WHERE id = ?1", &[Keys]),
        ] {
            let changes = Changes::of(sql);
            let found: Vec<Watch> = ALL.into_iter().filter(|w| changes.0 & w.bit() != 0).collect();
            assert_eq!(found, want, "{sql}");
        }
    }
}
