//! The integration tests once more, on Postgres: `cargo test` runs them on both engines.
//!
//! They are one binary, `it`, which asks `ROCKPOOL_TEST_ENGINE` where its servers are to keep everything. This target
//! runs that binary again with the other answer; filters and options after `--` reach it. Whoever sets the variable has
//! chosen an engine and gets one run: `ROCKPOOL_TEST_ENGINE=sqlite cargo test` needs no Postgres.

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Ok(engine) = std::env::var("ROCKPOOL_TEST_ENGINE") {
        eprintln!("left out: ROCKPOOL_TEST_ENGINE is {engine:?}, and the tests have run on that engine already");
        return ExitCode::SUCCESS;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--test", "it", "--profile", profile()]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("ROCKPOOL_TEST_ENGINE", "postgres");
    let status = cargo.arg("--").args(arguments).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("cannot run {}: {err}", env!("CARGO"));
            ExitCode::FAILURE
        }
    }
}

/// The profile that this was built with, by the folder it is in: `it` was built with it just before.
fn profile() -> &'static str {
    let built = std::env::current_exe().ok();
    let folder = built.as_deref().and_then(Path::parent).and_then(Path::parent).and_then(Path::file_name);
    match folder.and_then(|folder| folder.to_str()) {
        Some("release") => "release",
        _ => "dev",
    }
}
