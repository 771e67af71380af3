//! Uploaded archives.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Under which id a file is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UploadResponse {
    pub hash: Uuid,
}
