//! The list of users and its search.

use std::collections::HashMap;

use uuid::Uuid;

use super::render;
use crate::api::params::{Page, Params};
use crate::api::{Cx, Error, Reply, reply};
use crate::sdk::{self, UserStatus};
use crate::store::driver::Dialect;
use crate::store::queries::users::User;
use crate::store::{Db, Where};

/// The users who fit a search, by name.
pub(super) fn get_users(cx: &Cx) -> Reply {
    let conditions = conditions(cx.query("q"), cx.db().dialect())?;
    let page = Page::of(cx)?;
    let limit = if page.limit == 0 { i64::MAX } else { page.limit };
    let db = cx.db();
    let found = db.get_users(&conditions, page.after_id, limit, page.offset)?;
    let count = found.first().map_or(0, |u| u.count);
    let ids: Vec<Uuid> = found.iter().map(|u| u.row.id).collect();
    let organizations = db.get_organization_ids_by_member_ids(&ids)?;
    let mut organizations: HashMap<Uuid, Vec<Uuid>> =
        organizations.into_iter().map(|o| (o.user_id, o.organization_ids)).collect();
    let users = found.into_iter().map(|u| {
        let of_user = organizations.remove(&u.row.id).unwrap_or_default();
        render(u.row, of_user)
    });
    reply::ok(&sdk::GetUsersResponse { users: users.collect(), count })
}

/// The same as rows, read through `db`.
pub fn find(cx: &Cx, db: &Db) -> Result<Vec<User>, Error> {
    let conditions = conditions(cx.query("q"), db.dialect())?;
    let page = Page::of(cx)?;
    let limit = if page.limit == 0 { i64::MAX } else { page.limit };
    Ok(db.get_users(&conditions, page.after_id, limit, page.offset)?.into_iter().map(|found| found.row).collect())
}

/// How a user can be known to sign in, `oauth2_provider_app` included, which no user does.
const LOGIN_TYPES: [&str; 6] = ["password", "github", "oidc", "token", "none", "oauth2_provider_app"];

fn conditions(search: &str, dialect: Dialect) -> Result<Where, Error> {
    let mut terms = Params::of_search(&search.to_lowercase(), "search");
    let mut conditions = Where::new();
    let mut listed = |values: Vec<String>, sqlite: &'static str, pg: &'static str| {
        if !values.is_empty() {
            conditions.and_with(if dialect == Dialect::Sqlite { sqlite } else { pg }, values);
        }
    };
    let statuses = terms.list("status", |word| {
        UserStatus::parse(word).ok_or_else(|| format!("{word:?} is none of active, dormant and suspended"))
    });
    listed(
        statuses.iter().map(|s| s.as_str().to_owned()).collect(),
        "status IN (SELECT value FROM json_each(?))",
        "status::text = ANY(?)",
    );
    let login_types = terms.list("login_type", |word| {
        if LOGIN_TYPES.contains(&word) { Ok(word.to_owned()) } else { Err(format!("{word:?} is no way to sign in")) }
    });
    listed(login_types, "login_type IN (SELECT value FROM json_each(?))", "login_type::text = ANY(?)");
    // Everybody is a member.
    let roles = terms.list("role", |word| Ok(word.to_owned()));
    let roles = if roles.iter().all(|role| role == "member") { Vec::new() } else { roles };
    listed(
        roles,
        "EXISTS (SELECT 1 FROM json_each(rbac_roles) held WHERE held.value IN (SELECT value FROM json_each(?)))",
        "rbac_roles && ?",
    );
    let text = terms.text("search");
    if !text.is_empty() {
        conditions.and_with("lower(email) LIKE '%' || ? || '%' OR lower(username) LIKE '%' || ? || '%'", text);
    }
    for (name, piece) in [
        ("last_seen_before", "last_seen_at <= ?"),
        ("last_seen_after", "last_seen_at >= ?"),
        ("created_before", "created_at <= ?"),
        ("created_after", "created_at >= ?"),
    ] {
        if let Some(time) = terms.time(name) {
            conditions.and_with(piece, time);
        }
    }
    if let Some(id) = terms.integer("github_com_user_id").filter(|id| *id != 0) {
        conditions.and_with("github_com_user_id = ?", id);
    }
    terms.refuse_others();
    terms.finish("The search is not valid.")?;
    Ok(conditions)
}
