//! `rockpool authz explain`: why a user of this deployment may or may not do something.
//!
//! It reads the database, not the server: it works for whoever runs the server, also while that runs. A SQLite database
//! is read through a copy made for the occasion, since only one process may have it open.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::document::ObjectText;
use crate::auth::Subjects;
use crate::cli::args::{self, Asked, DATA_DIR, OUTPUT, POSTGRES_URL, Takes};
use crate::cli::{Call, Command, Failure, help};
use crate::config::Config;
use crate::rbac::explain::explain;
use crate::rbac::scopes::{self, AllowList};
use crate::rbac::{Action, Object, Resource, RoleOptions, system};
use crate::server::DATABASE;
use crate::store::migrate;
use crate::store::portability::backup;
use crate::store::{self, Db, Guarded, Setup, Store, Switches, postgres, sqlite};

pub(super) const COMMAND: Command =
    Command { name: "explain", aliases: &[], about: "Say why a user may or may not do something", run };

const TAKES: Takes = Takes {
    name: "authz explain",
    about: "Say why a user may or may not do something. The object is TYPE, TYPE:ID for a workspace, template, user, \
            group or organization, or JSON as in the documents of \"authz check\".",
    operands: &["user", "action", "object"],
    flags: &[&DATA_DIR, &POSTGRES_URL, &SCOPE, &ALLOW, &OUTPUT],
};

const SCOPE: help::Flag = help::Flag {
    short: None,
    long: "scope",
    kind: "string",
    env: None,
    default: Some("coder:all"),
    help: "Scope of the key that is used; may be given several times.",
};
const ALLOW: help::Flag = help::Flag {
    short: None,
    long: "allow",
    kind: "TYPE:ID",
    env: None,
    default: Some("*:*"),
    help: "Entry of the allow list of the key that is used; may be given several times.",
};

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let config = asked.config()?;
    let folder = tempfile::tempdir()?;
    let store = open(&config, folder.path())?;
    let options = RoleOptions { disable_owner_workspace_access: config.disable_owner_workspace_access };
    let answer = answer(&store.acting_as(system::restricted()), options, &asked)?;
    let mut out = io::stdout().lock();
    if asked.json {
        let json = json!({
            "allowed": answer.allowed,
            "subject": answer.user,
            "roles": answer.roles,
            "action": asked.text(1)?,
            "object": asked.text(2)?,
            "rule": answer.rule,
            "reason": answer.reason,
        });
        writeln!(out, "{json:#}")?;
    } else {
        let may = if answer.allowed { "may" } else { "may not" };
        writeln!(out, "{} {may} {} {}: {}.", answer.user, asked.text(1)?, asked.text(2)?, answer.reason)?;
        writeln!(out, "Roles: {}.", answer.roles.join(", "))?;
    }
    Ok(out.flush()?)
}

fn open(config: &Config, folder: &Path) -> Result<Store, Failure> {
    let switches = Switches { workspace_sharing_disabled: config.disable_workspace_sharing };
    let registry = prometheus::Registry::new();
    let setup = Setup { switches, registry: &registry, count_queries: false };
    match &config.postgres_url {
        Some(url) => {
            let options = postgres::PostgresOptions::new(url.expose()).map_err(Failure::of)?;
            // Opening it would bring an older one up to date, which is not for a question to do.
            let mut client = postgres::connect(&options.target).map_err(Failure::of)?;
            let found = migrate::postgres::version(&mut client).map_err(Failure::of)?;
            if found != Some(migrate::LATEST) {
                let why = "the database is not at this program's version: see \"rockpool db migrate status\"";
                return Err(Failure::Failed(why.to_owned()));
            }
            Store::postgres(&options, &setup)
        }
        None => {
            let copy = folder.join(DATABASE);
            backup::backup(&config.data_dir.join(DATABASE), &copy, false, &mut |_, _| ()).map_err(Failure::of)?;
            Store::sqlite(&copy, &sqlite::Options::default(), &setup)
        }
    }
    .map_err(Failure::of)
}

struct Answer {
    allowed: bool,
    user: String,
    roles: Vec<String>,
    rule: &'static str,
    reason: String,
}

fn answer(db: &Db, options: RoleOptions, asked: &Asked) -> Result<Answer, Failure> {
    let (user, action, object) = (asked.text(0)?, asked.text(1)?, asked.text(2)?);
    let found = match Uuid::try_parse(user) {
        Ok(id) => db.get_user_by_id(id),
        Err(_) => db.get_user_by_email_or_username(user, user),
    };
    let user = found.map_err(|e| missing(e, &format!("user {user}")))?;
    let or_all = |given: Vec<String>, all: &str| if given.is_empty() { vec![all.to_owned()] } else { given };
    let allow = or_all(asked.texts(&ALLOW)?, "*:*");
    let allow = AllowList::parse(&allow).map_err(|e| Failure::Usage(e.to_string()))?;
    let scope = or_all(asked.texts(&SCOPE)?, scopes::ALL);
    let scope = scopes::effective(&scope, &allow).map_err(|e| Failure::Usage(e.to_string()))?;
    let (spec, _) = Subjects::read(db, user.id, scope).map_err(Failure::of)?;
    let object = self::object(db, object)?;
    let action =
        Action::parse(action).filter(|action| object.resource.actions().contains(action)).ok_or_else(|| {
            let known = object.resource.actions().iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
            Failure::Usage(format!("{:?} is no action of a {}: it has {known}", action, object.resource))
        })?;
    let rule = explain(&spec, options, Some(action), &object);
    let subject = spec.clone().compile_with(options).map_err(Failure::of)?;
    if subject.can(action, &object) != rule.allows() {
        return Err(Failure::Failed("the decision and its explanation differ, which is a defect".to_owned()));
    }
    let name = |id: Uuid| {
        let organization = db.get_organization_by_id(id).map(|o| o.name);
        organization.or_else(|_| db.get_group_by_id(id).map(|g| g.name)).unwrap_or_else(|_| id.to_string())
    };
    Ok(Answer {
        allowed: rule.allows(),
        user: user.username,
        roles: spec.roles.iter().map(ToString::to_string).collect(),
        rule: rule.kind(),
        reason: rule.tell(&name),
    })
}

/// The object that a text describes, with what the database knows of it.
fn object(db: &Db, text: &str) -> Result<Object, Failure> {
    if text.starts_with('{') {
        let described: ObjectText = serde_json::from_str(text).map_err(|e| Failure::Usage(format!("object: {e}")))?;
        let id_of = |text: &str| (!text.is_empty()).then(|| Uuid::try_parse(text).unwrap_or(Uuid::max()));
        return described.object(&id_of).ok_or_else(|| no_type(&described.kind));
    }
    let (kind, id) = text.split_once(':').unwrap_or((text, ""));
    let resource = Resource::parse(kind).ok_or_else(|| no_type(kind))?;
    if id.is_empty() {
        return Ok(Object::of(resource));
    }
    let id = Uuid::try_parse(id).map_err(|_| Failure::Usage(format!("the id {id:?} is not a UUID")))?;
    let seen = |row: Result<Object, store::Error>| row.map_err(|e| missing(e, text));
    let switches = db.switches();
    match resource {
        Resource::Workspace | Resource::WorkspaceDormant => {
            seen(db.get_workspace_by_id(id).map(|row| row.object(switches)))
        }
        Resource::Template => seen(db.get_template_by_id(id).map(|row| row.object(switches))),
        Resource::User => seen(db.get_user_by_id(id).map(|row| row.object(switches))),
        Resource::Group => seen(db.get_group_by_id(id).map(|row| row.object(switches))),
        Resource::Organization => seen(db.get_organization_by_id(id).map(|row| row.object(switches))),
        other => Err(Failure::Usage(format!(
            "a {other} cannot be looked up: describe it, as in {{\"type\":\"{other}\",\"id\":\"{id}\",\"owner\":\"…\"}}"
        ))),
    }
}

fn no_type(kind: &str) -> Failure {
    Failure::Usage(format!("there is no resource type {kind:?}"))
}

fn missing(e: store::Error, what: &str) -> Failure {
    if e.is_hidden() { Failure::Failed(format!("there is no {what}")) } else { Failure::of(e) }
}
