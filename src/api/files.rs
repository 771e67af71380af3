//! Uploaded archives: kept once for each uploader by what is in them, given back as they came or as a
//! zip archive.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::routes::{Access, Handler, Limit, Route, Routes};
use super::{Cx, Error, Reply, reply};
use crate::archive;
use crate::sdk;
use crate::store::queries::files::{File, FileOwner};
use crate::store::{self, Optional};

const TAR: &str = "application/x-tar";
const ZIP: &str = "application/zip";
const WINDOWS_ZIP: &str = "application/x-zip-compressed";

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.add(
        "POST",
        "/api/v2/files",
        Route {
            access: Access::User,
            handler: Handler::Plain(post_file),
            max_body: archive::MAX_BYTES,
            limit: Limit::Files,
        },
    );
    let get = Route { access: Access::User, handler: Handler::Plain(get_file), max_body: 0, limit: Limit::Files };
    r.add("GET", "/api/v2/files/{fileID}", get);
}

/// Keeps a tar archive as it is, a zip archive as the tar archive it makes.
fn post_file(cx: &Cx) -> Reply {
    let content_type = cx.request.head.headers.get("Content-Type").unwrap_or_default();
    let data = match content_type {
        TAR => cx.request.body.to_vec(),
        ZIP | WINDOWS_ZIP => archive::zip_to_tar(&cx.request.body)
            .map_err(|e| Error::bad("The zip archive cannot be used.").detail(e.to_string()))?,
        other => return Err(Error::bad(format!("Files cannot be of the content type {other:?}."))),
    };
    let (file, is_new) = keep(cx, data)?;
    reply::json(if is_new { 201 } else { 200 }, &sdk::UploadResponse { hash: file.id })
}

/// Keeps a tar archive for the caller, or finds that it is kept; says which.
pub fn keep(cx: &Cx, data: Vec<u8>) -> Result<(FileOwner, bool), Error> {
    let created_by = cx.actor()?.user_id;
    let hash: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
    let known = || cx.db().get_file_by_hash_and_creator(&hash, created_by);
    if let Some(file) = known().optional()? {
        return Ok((file, false));
    }
    let file = File {
        hash: hash.clone(),
        created_at: cx.now(),
        created_by,
        mimetype: TAR.to_owned(),
        data,
        id: cx.deployment.ids.uuid(),
    };
    match cx.db().insert_file(&file) {
        Ok(file) => Ok((file, true)),
        // Somebody was faster with the same file.
        Err(store::Error::Unique(_)) => Ok((known()?, false)),
        Err(e) => Err(e.into()),
    }
}

/// Gives a file back.
fn get_file(cx: &Cx) -> Reply {
    let id =
        Uuid::try_parse(cx.param("fileID")).map_err(|_| Error::bad("The id of a file is a UUID; this is none."))?;
    let file = cx.db().get_file_by_id(id)?;
    match cx.query("format") {
        "" => reply::bytes(200, &file.mimetype, file.data),
        "zip" if file.mimetype != TAR => Err(Error::bad("Only a tar archive can be read as a zip archive.")),
        "zip" => reply::bytes(200, ZIP, archive::tar_to_zip(&file.data).map_err(Error::internal)?),
        other => Err(Error::bad(format!("Files cannot be converted to {other:?}."))),
    }
}
