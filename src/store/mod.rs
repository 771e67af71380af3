//! Keeps everything the deployment knows, in one SQLite file.

mod functions;
pub mod migrate;
