//! Passwords: judging one, changing one's own or somebody's, and changing a forgotten one with a code.

use std::time::Duration;

use uuid::Uuid;

use super::{unacceptable_password, user_to_change};
use crate::api::routes::{Access, Handler, Limit, Plain, Route, Routes};
use crate::api::{Cx, Error, OrForbidden, Reply, reply};
use crate::audit::Auditable;
use crate::auth::password::{Busy, objection};
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, AuditAction, LoginType, ResourceType};
use crate::store::Optional;
use crate::store::queries::users::{OneTimePasscode, User};

/// How long a code for a forgotten password can be used.
const PASSCODE_LIFETIME: Duration = Duration::from_secs(20 * 60);

/// The column that says until when, which the log shows of a user's row.
const PASSCODE_EXPIRY: &str = "one_time_passcode_expires_at";

/// Bytes of a body that holds little more than a password.
const MAX_BODY: u64 = 64 << 10;

/// The routes answered here.
pub(super) fn routes(r: &mut Routes) {
    let mut add = |method, pattern, access, handler: Plain| {
        let handler = Handler::Plain(handler);
        r.add(method, pattern, Route { access, handler, max_body: MAX_BODY, limit: Limit::Passwords });
    };
    add("POST", "/api/v2/users/validate-password", Access::Anyone, post_validate_password);
    add("POST", "/api/v2/users/otp/request", Access::Anyone, post_otp_request);
    add("POST", "/api/v2/users/otp/change-password", Access::Anyone, post_otp_change_password);
    add("PUT", "/api/v2/users/{user}/password", Access::User, put_password);
}

/// The stored form of a password; 503 when too many are being hashed.
pub fn hash(cx: &Cx, password: &str) -> Result<Vec<u8>, Error> {
    cx.deployment.passwords.hash(password).map(String::into_bytes).map_err(busy)
}

/// Whether a password is the stored one. Takes as long when nothing is stored.
pub fn verify(cx: &Cx, stored: Option<&[u8]>, password: &str) -> Result<bool, Error> {
    let stored = stored.filter(|hash| !hash.is_empty()).map(String::from_utf8_lossy);
    cx.deployment.passwords.verify(stored.as_deref(), password).map_err(busy)
}

fn busy(e: Busy) -> Error {
    Error::new(503, "Too many passwords are being checked just now. Try again shortly.")
        .detail(e.to_string())
        .header("Retry-After", "1")
}

/// Judges a password before it is chosen.
fn post_validate_password(cx: &Cx) -> Reply {
    let body: sdk::ValidateUserPasswordRequest = cx.body()?;
    let objection = objection(&body.password);
    reply::ok(&sdk::ValidateUserPasswordResponse { valid: objection.is_none(), details: objection.unwrap_or_default() })
}

/// Changes a password and ends every session of its user.
fn put_password(cx: &Cx) -> Reply {
    let (user, audit) = user_to_change(cx)?;
    let db = cx.db();
    db.require_on(Action::UpdatePersonal, &user)?;
    let body: sdk::UpdateUserPasswordRequest = cx.body()?;
    if user.login_type != LoginType::Password {
        return Err(Error::bad("This user does not sign in with a password."));
    }
    if cx.actor()?.user_id == user.id && body.old_password.is_empty() {
        return Err(Error::bad("To change your password, give the old one too."));
    }
    if let Some(why) = objection(&body.password) {
        return Err(unacceptable_password(why));
    }
    // The sessions end with the password: who may not end them may not change it either.
    db.require(Action::Delete, &Object::of(Resource::ApiKey).owner(user.id)).or_forbidden()?;
    if !body.old_password.is_empty() && !verify(cx, Some(&user.hashed_password), &body.old_password)? {
        return Err(Error::invalid("The old password is wrong.", "old_password", "This is not the old password."));
    }
    if verify(cx, Some(&user.hashed_password), &body.password)? {
        return Err(unchanged());
    }
    let hashed = hash(cx, &body.password)?;
    db.tx(|db| {
        db.update_user_hashed_password(user.id, &hashed)?;
        db.delete_api_keys_by_user_id(user.id)
    })
    .or_forbidden()?;
    audit.after(&User { hashed_password: hashed, ..user });
    reply::none()
}

fn unchanged() -> Error {
    Error::bad("The new password is the old one. Choose another.")
}

fn refuse_when_off(cx: &Cx) -> Result<(), Error> {
    match cx.deployment.config.disable_password_auth {
        true => Err(Error::new(403, "Signing in with a password is switched off here.")),
        false => Ok(()),
    }
}

/// Makes a code for somebody who forgot the password. The answer, and the time it takes, is the same
/// when there is nobody of that address.
fn post_otp_request(cx: &Cx) -> Reply {
    refuse_when_off(cx)?;
    let body: sdk::RequestOneTimePasscodeRequest = cx.body()?;
    let db = cx.system_db();
    let user = db.get_user_by_email_or_username("", &body.email).optional()?;
    let code = cx.deployment.ids.uuid();
    let hashed = hash(cx, &code.to_string())?;
    let id = user.as_ref().map_or(Uuid::nil(), |user| user.id);
    let until = cx.now() + PASSCODE_LIFETIME;
    db.update_user_hashed_one_time_passcode(id, &hashed, until)?;
    if let Some(user) = user {
        let audit = cx.audit(ResourceType::User, AuditAction::RequestPasswordReset);
        audit.user(user.id).before(&user).after(&user.snapshot().with(PASSCODE_EXPIRY, until));
    }
    reply::none()
}

/// Changes a forgotten password. The answer does not tell an unknown address from a wrong code.
fn post_otp_change_password(cx: &Cx) -> Reply {
    refuse_when_off(cx)?;
    let body: sdk::ChangePasswordWithOneTimePasscodeRequest = cx.body()?;
    if let Some(why) = objection(&body.password) {
        return Err(unacceptable_password(why));
    }
    let db = cx.system_db();
    let user = db.get_user_by_email_or_username("", &body.email).optional()?;
    let kept = match &user {
        Some(user) => db.get_one_time_passcode(user.id)?,
        None => OneTimePasscode { hashed_one_time_passcode: None, one_time_passcode_expires_at: None },
    };
    let fits = verify(cx, kept.hashed_one_time_passcode.as_deref(), &body.one_time_passcode)?;
    let in_time = kept.one_time_passcode_expires_at.is_some_and(|until| cx.now() <= until);
    let Some(user) = user.filter(|_| fits && in_time) else {
        return Err(Error::bad("The address or the code is wrong."));
    };
    let audit = cx.audit(ResourceType::User, AuditAction::Write);
    let before = user.snapshot().with(PASSCODE_EXPIRY, kept.one_time_passcode_expires_at);
    audit.user(user.id).before(&before);
    if verify(cx, Some(&user.hashed_password), &body.password)? {
        return Err(unchanged());
    }
    let hashed = hash(cx, &body.password)?;
    db.tx::<_, Error>(|db| {
        // A code works once: whoever comes second finds another one or none.
        if db.get_one_time_passcode(user.id)?.hashed_one_time_passcode != kept.hashed_one_time_passcode {
            return Err(Error::bad("The address or the code is wrong."));
        }
        db.update_user_hashed_password(user.id, &hashed)?;
        db.delete_api_keys_by_user_id(user.id)?;
        Ok(())
    })?;
    audit.after(&User { hashed_password: hashed, ..user });
    reply::none()
}
