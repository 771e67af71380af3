//! What a first start leaves in the database, and what every start brings up to date.

use crate::auth::keys;
use crate::auth::password::objection;
use crate::auth::token::Token;
use crate::config::FirstUser;
use crate::deployment::{Deployment, Replica};
use crate::ids::Ids;
use crate::organizations;
use crate::rbac::{AllowList, roles, scopes, system};
use crate::sdk::{self, LoginType, UserStatus};
use crate::store::{Error, Optional, Store};
use crate::time::Clock;
use crate::users;

/// The id of this deployment, made at its first start.
pub fn deployment_id(store: &Store, ids: &Ids) -> Result<String, Error> {
    let db = store.acting_as(system::restricted());
    db.tx(|db| {
        if let Some(id) = db.get_deployment_id().optional()? {
            return Ok(id);
        }
        let id = ids.uuid().to_string();
        db.insert_deployment_id(&id)?;
        Ok(id)
    })
}

/// This process, for those who look at which there are.
pub fn replica(clock: &Clock, ids: &Ids) -> Replica {
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Replica { id: ids.uuid(), hostname, started_at: clock.now() }
}

/// Brings the rows that the server itself keeps up to date: every organization's `organization-member`
/// role holds the permissions that this version gives it.
pub fn prepare(deployment: &Deployment) -> Result<(), Error> {
    let db = deployment.system_db();
    let now = deployment.clock.now();
    db.tx(|db| {
        for role in db.get_organization_member_roles()? {
            organizations::write_member_role(db, &role, now)?;
        }
        Ok(())
    })
}

/// Gives the default organization its configured name, while there is nobody yet: later it belongs to
/// those who run it.
pub fn name_organization(deployment: &Deployment) -> Result<(), super::Error> {
    let wanted = deployment.config.organization_name.as_str();
    let db = deployment.system_db();
    if wanted.is_empty() || db.get_user_count()? != 0 {
        return Ok(());
    }
    let found = db.get_default_organization()?;
    if found.name == wanted {
        return Ok(());
    }
    if let Err(why) = sdk::names::name(wanted) {
        return Err(super::Error::Unsupported(format!("the organization cannot be named {wanted:?}: {why}")));
    }
    let now = deployment.clock.now();
    let db = deployment.db_as(system::configuration());
    db.update_organization(found.id, wanted, wanted, &found.description, &found.icon, now)?;
    Ok(())
}

/// What the configured first user's token is called among that user's tokens.
const FIRST_TOKEN: &str = "first-user";

/// Makes the configured first user, an owner, and their token, when there is nobody yet.
pub fn first_user(deployment: &Deployment, wanted: &FirstUser) -> Result<(), super::Error> {
    let db = deployment.system_db();
    if db.get_user_count()? != 0 {
        return Ok(());
    }
    let invalid = |why: String| super::Error::Unsupported(format!("the first user cannot be made: {why}"));
    let password = wanted.password.expose();
    let request = sdk::CreateFirstUserRequest {
        email: wanted.email.clone(),
        username: wanted.username.clone(),
        password: password.to_owned(),
        ..sdk::CreateFirstUserRequest::default()
    };
    if let Err(refusal) = sdk::validate::check(&request) {
        let wrong: Vec<String> = refusal.validations.iter().map(|v| format!("{} {}", v.field, v.detail)).collect();
        return Err(invalid(wrong.join("; ")));
    }
    if let Some(why) = objection(password) {
        return Err(invalid(why));
    }
    let hashed = deployment.passwords.hash(password).map_err(|e| invalid(e.to_string()))?;
    let new = users::New {
        email: request.email,
        username: request.username,
        name: request.name,
        hashed_password: hashed.into_bytes(),
        login_type: LoginType::Password,
        status: UserStatus::Active,
        roles: vec![roles::OWNER.to_owned()],
        organizations: vec![db.get_default_organization()?.id],
    };
    let new = users::prepare(deployment, new).map_err(|e| invalid(e.to_string()))?;
    db.tx::<_, Error>(|db| {
        let user = users::insert(db, &new)?;
        if let Some((id, secret)) = &wanted.token {
            let key = keys::New {
                user_id: user.id,
                login_type: LoginType::Token,
                // It is part of the deployment's configuration, and lasts as long as any token may.
                lifetime: deployment.config.sessions.max_token_lifetime,
                scopes: vec![scopes::ALL.to_owned()],
                allow_list: AllowList::any(),
                token_name: FIRST_TOKEN.to_owned(),
                ip_address: "0.0.0.0".to_owned(),
            };
            db.insert_api_key(&keys::row(deployment, key, Token::chosen(id, secret.expose())))?;
        }
        Ok(())
    })?;
    log::info!(target: "server", username = wanted.username.as_str(); "made the first user");
    Ok(())
}
