//! The form of a template version, asked once or kept open while somebody fills it in.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::select;
use uuid::Uuid;

use super::routes::{Routes, Stream};
use super::{Cx, Error, Reply, reply};
use crate::http::{Message, Upgrade, WebSocketOptions};
use crate::parameters::{Form, Renderer, form};
use crate::sdk::{self, DynamicParametersRequest, DynamicParametersResponse};
use crate::store;
use crate::store::queries::template_versions::TemplateVersion;

/// How long a form stays open.
const OPEN: Duration = Duration::from_secs(30 * 60);
/// The number of the answer that comes unasked.
const UNASKED: i64 = -1;

/// Registers the routes.
pub fn routes(r: &mut Routes) {
    r.stream("/api/v2/templateversions/{templateversion}/dynamic-parameters", open);
    r.user("POST", "/api/v2/templateversions/{templateversion}/dynamic-parameters/evaluate", evaluate);
}

fn version(cx: &Cx) -> Result<TemplateVersion, Error> {
    Ok(cx.db().get_template_version_by_id(cx.uuid_param("templateversion")?)?)
}

/// The form of a version, for the caller.
fn prepare(cx: &Cx, version: &TemplateVersion) -> Result<Form, Error> {
    let db = cx.db();
    let import = db.get_provisioner_job_by_id(version.job_id)?;
    Form::prepare(&cx.deployment, db, version, &import).map_err(|e| match e {
        form::Error::NotReady => Error::new(425, "The template version is still being imported."),
        form::Error::Store(e) => e.into(),
        form::Error::Source(e) => Error::internal(e),
    })
}

fn evaluate(cx: &Cx) -> Reply {
    let version = version(cx)?;
    let asked: DynamicParametersRequest = cx.body()?;
    let form = prepare(cx, &version)?;
    reply::ok(&answer(&form, 0, asked.owner_id.unwrap_or_default(), &asked.inputs)?)
}

fn open(cx: &Cx) -> Result<Stream, Error> {
    let version = version(cx)?;
    let owner = match cx.query("user_id") {
        "" | "me" => cx.actor()?.user_id,
        id => Uuid::try_parse(id)
            .map_err(|e| Error::bad("The query parameter user_id is no id of a user.").detail(e.to_string()))?,
    };
    let form = prepare(cx, &version)?;
    Ok(Box::new(move |upgrade| follow(&form, owner, upgrade)))
}

/// Answers every request with the form of its values. A request without an owner is for the one before.
fn follow(form: &Form, mut owner: Uuid, upgrade: Upgrade) {
    let shutdown = upgrade.shutdown();
    let Ok(socket) = upgrade.websocket(WebSocketOptions::default()) else { return };
    let send = |id: i64, owner: Uuid, inputs: &BTreeMap<String, String>| match answer(form, id, owner, inputs) {
        Ok(answer) => socket.send_json(&answer).is_ok(),
        Err(e) => {
            log::error!(target: "api", "a form cannot be rendered: {e}");
            socket.close(1011, "the form cannot be rendered");
            false
        }
    };
    let ends = crossbeam_channel::after(OPEN);
    let mut open = send(UNASKED, owner, &BTreeMap::new());
    while open {
        let message = select! {
            recv(socket.incoming()) -> message => message,
            recv(shutdown) -> _ => break,
            recv(ends) -> _ => break,
        };
        let Ok(message) = message else { return };
        let asked = match &message {
            Message::Text(text) => sdk::lenient::from_slice::<DynamicParametersRequest>(text.as_bytes()),
            Message::Binary(_) => return socket.close(1003, "a request is a text message"),
        };
        let Ok(asked) = asked else { return socket.close(1007, "the request is not as it should be") };
        owner = asked.owner_id.unwrap_or(owner);
        open = send(asked.id, owner, &asked.inputs);
    }
    socket.close(1001, "");
}

fn answer(
    form: &Form,
    id: i64,
    owner: Uuid,
    inputs: &BTreeMap<String, String>,
) -> Result<DynamicParametersResponse, store::Error> {
    let rendered = form.render(owner, inputs)?;
    Ok(DynamicParametersResponse { id, diagnostics: rendered.diagnostics, parameters: rendered.parameters })
}
