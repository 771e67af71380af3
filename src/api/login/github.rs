//! Signing in with GitHub.

use super::{Step, begin, finish, no_tokens, refused, send_off, step};
use crate::api::{Cx, Error, Reply, reply};
use crate::http::Response;
use crate::login::github::{self, App};
use crate::sdk;

fn app(cx: &Cx) -> Result<App<'_>, Error> {
    App::of(&cx.deployment).ok_or_else(|| Error::bad("Signing in with GitHub is not set up here."))
}

/// Off to GitHub, and back from it.
pub(super) fn get_callback(cx: &Cx) -> Reply {
    let app = app(cx)?;
    let back = match step(cx)? {
        Step::Back(back) => back,
        Step::There { state, verifier } => {
            return send_off(cx, app.authorization_url(&state, &verifier), &state, &verifier);
        }
    };
    let audit = begin(cx);
    let tokens = app.exchange(&back.code, &back.verifier).map_err(no_tokens)?;
    let identity = app.identity(tokens).map_err(unusable)?;
    let mut headers = finish(cx, &audit, &back, &identity).map_err(|refusal| refused(cx, refusal))?;
    if app.config().device_flow {
        // The page that waits for the code goes on by itself.
        let mut response = reply::ok(&sdk::OAuth2DeviceFlowCallbackResponse { redirect_url: back.redirect })?;
        response.headers.append(&mut headers);
        return Ok(response);
    }
    headers.push(("Location".to_owned(), back.redirect));
    Ok(Response { status: 307, headers, body: Vec::new() })
}

/// A code to be typed at GitHub on another device.
pub(super) fn get_device(cx: &Cx) -> Reply {
    let app = app(cx)?;
    if !app.config().device_flow {
        return Err(Error::bad("Signing in at GitHub with a code on another device is not switched on here."));
    }
    reply::ok(&app.device().map_err(unusable)?)
}

fn unusable(e: github::Error) -> Error {
    match &e {
        github::Error::NotInOrganization | github::Error::NotInTeam => {
            Error::new(401, "You cannot sign in").detail(e.to_string()).as_page()
        }
        github::Error::Unverified => Error::bad(e.to_string()),
        github::Error::OAuth(_) | github::Error::Outbound(_) | github::Error::Nobody => {
            log::warn!(target: "userauth", "{e}");
            Error::new(500, "GitHub does not tell who this is.").detail(e.to_string())
        }
    }
}
