//! The SQL functions of ours that the schema calls. A connection that writes must have them: an insert that fires
//! a trigger fails where the function is missing. The schema stays readable without.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use rusqlite::{Connection, functions::FunctionFlags};

/// Adds the functions to a connection; adding them again changes nothing.
///
/// # Errors
/// When SQLite refuses, as it does while a statement of the connection is running.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    // As in Postgres: the digest in hexadecimal, and null for null.
    conn.create_scalar_function("provisioner_tagset_contains", 2, pure, |call| {
        let (daemon, job): (String, String) = (call.get(0)?, call.get(1)?);
        Ok(tagset_contains(&daemon, &job))
    })?;
    conn.create_scalar_function("md5", 1, pure, |call| {
        let text: Option<String> = call.get(0)?;
        Ok(text.map(|text| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    })
}

/// Whether a daemon with these tags takes a job with those. Jobs without tags of their own go to
/// daemons without tags of their own; all others to any that has each of the job's tags.
fn tagset_contains(daemon: &str, job: &str) -> bool {
    let (Ok(daemon), Ok(job)) = (serde_json::from_str(daemon), serde_json::from_str(job)) else { return false };
    takes(&daemon, &job)
}

/// The same, of tags that have been read.
pub fn takes(daemon: &BTreeMap<String, String>, job: &BTreeMap<String, String>) -> bool {
    let untagged = job.len() == 2
        && job.get("scope").is_some_and(|s| s == "organization")
        && job.get("owner").is_some_and(String::is_empty);
    if untagged { daemon == job } else { job.iter().all(|(k, v)| daemon.get(k) == Some(v)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_go_to_daemons_that_have_their_tags() {
        let untagged = r#"{"scope":"organization","owner":""}"#;
        let tagged = r#"{"scope":"organization","owner":"","zone":"a"}"#;
        let other = r#"{"scope":"organization","owner":"","zone":"b"}"#;
        let more = r#"{"scope":"organization","owner":"","zone":"a","gpu":"yes"}"#;
        let own = r#"{"scope":"user","owner":"me"}"#;
        for (daemon, job, takes) in [
            (untagged, untagged, true),
            (tagged, untagged, false),
            (untagged, tagged, false),
            (tagged, tagged, true),
            (more, tagged, true),
            (tagged, more, false),
            (other, tagged, false),
            (own, untagged, false),
            (own, own, true),
        ] {
            assert_eq!(tagset_contains(daemon, job), takes, "daemon {daemon}, job {job}");
        }
    }
}
