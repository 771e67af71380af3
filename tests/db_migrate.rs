//! `rockpool db migrate` and `rockpool db lint`: what an operator does with schema versions, on both engines.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::postgres::{self, Engine, TestDatabase};

/// A data directory, and the database that goes with it on this run's engine, with nothing in it yet.
struct Pool {
    folder: tempfile::TempDir,
    database: Option<TestDatabase>,
}

impl Pool {
    fn new() -> Pool {
        let database = (postgres::engine() == Engine::Postgres).then(postgres::empty_database);
        Pool { folder: tempfile::tempdir().expect("a folder"), database }
    }

    fn migrate(&self, args: &[&str]) -> Output {
        let mut command = db(self.folder.path(), &["migrate"]);
        if let Some(database) = &self.database {
            command.env("CODER_PG_CONNECTION_URL", database.url());
        }
        command.args(args).output().expect("the command runs")
    }

    /// What it says, as JSON, of a run that succeeds.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> Value {
        let output = self.migrate(&[args, &["-o", "json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What it says of a run that fails.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        let output = self.migrate(args);
        assert!(!output.status.success(), "{args:?} is not refused");
        String::from_utf8(output.stderr).expect("text")
    }

    /// Runs a statement that both engines understand.
    fn execute(&self, sql: &str) {
        match &self.database {
            Some(database) => database.connect().batch_execute(sql).expect(sql),
            None => {
                let conn = rusqlite::Connection::open(self.folder.path().join("rockpool.db")).expect("the file");
                conn.execute_batch(sql).expect(sql);
            }
        }
    }
}

fn db(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    command.arg("db").args(args).env_clear().env("HOME", home).env("ROCKPOOL_DATA_DIR", home).stdin(Stdio::null());
    command
}

#[test]
fn an_operator_sees_the_version_and_moves_it_both_ways() {
    let pool = Pool::new();
    assert_eq!(pool.ok(&["status"])["version"], Value::Null);
    assert_eq!((&pool.ok(&["up"])["from"], &pool.ok(&["status"])["version"]), (&0.into(), &412.into()));
    assert_eq!(pool.ok(&["down"])["to"], 411);
    assert_eq!(pool.ok(&["down", "--to", "409"])["from"], 411);
    let status = pool.ok(&["status"]);
    let steps: Vec<_> = status["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| (step["version"].as_i64().expect("a version"), step["applied"] == true))
        .collect();
    assert_eq!(steps, [(408, true), (409, true), (410, false), (411, false), (412, false)]);
    assert_eq!((&status["version"], &status["latest"], &status["supported"]), (&409.into(), &412.into(), &true.into()));
    assert_eq!(pool.ok(&["up", "--to", "410"])["to"], 410);

    assert!(pool.refused(&["up", "--to", "409"]).contains("say down"));
    assert!(pool.refused(&["down", "--to", "412"]).contains("say up"));
    assert!(pool.refused(&["up", "--to", "413"]).contains("no version 413"));
    assert!(pool.refused(&["down", "--to", "0"]).contains("--force"));
    assert!(pool.refused(&["sideways"]).contains("up, down or status"));
    assert_eq!(pool.ok(&["status"])["version"], 410, "refusals change nothing");
    pool.ok(&["down", "--to", "0", "--force"]);
    assert_eq!(pool.ok(&["status"])["version"], Value::Null);
}

#[test]
fn a_version_that_is_not_ours_is_shown_and_left_alone() {
    let pool = Pool::new();
    pool.ok(&["up"]);
    pool.execute("UPDATE schema_migrations SET version = 500");
    let status = pool.ok(&["status"]);
    assert_eq!((&status["version"], &status["supported"]), (&500.into(), &false.into()));
    let refused = pool.refused(&["up"]);
    for word in ["500", "412", "backup"] {
        assert!(refused.contains(word), "{refused} does not say {word}");
    }
}

#[test]
fn a_migration_that_fails_leaves_the_database_as_it_was() {
    let pool = Pool::new();
    pool.ok(&["up", "--to", "410"]);
    pool.execute("CREATE TABLE boundary_usage_stats (id INTEGER)");
    let refused = pool.refused(&["up"]);
    assert!(
        refused.contains("between version 410 and version 411") && refused.contains("nothing was changed"),
        "{refused}"
    );
    assert_eq!(pool.ok(&["status"])["version"], 410);
    pool.execute("DROP TABLE boundary_usage_stats");
    assert_eq!(pool.ok(&["up"])["to"], 412);
}

#[test]
fn a_file_is_copied_before_its_version_changes() {
    if postgres::skips("there is no file; the README says to take a dump first") {
        return;
    }
    let pool = Pool::new();
    pool.ok(&["up"]);
    let kept = pool.ok(&["down", "--to", "411"])["kept"].clone();
    assert_eq!(kept, pool.folder.path().join("rockpool.pre-411.db").display().to_string());
    let copy = rusqlite::Connection::open(kept.as_str().expect("a path")).expect("the copy");
    assert_eq!(rockpool::store::migrate::sqlite::version(&copy).expect("a version"), Some(412));
}

#[test]
fn no_migration_and_no_fixture_names_a_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let lint = |args: &[&str]| db(folder.path(), &[&["lint"], args].concat()).output().expect("the command runs");
    for args in [&[][..], &["schema"], &["fixtures"]] {
        let output = lint(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    }

    let planted = folder.path().join("000413_planted.up.sql");
    std::fs::write(&planted, "-- \nALTER TABLE public.users ADD COLUMN x int;\n".repeat(7)).expect("to write");
    std::fs::write(folder.path().join("fine.sql"), "CREATE TYPE level AS ENUM ('public');\n").expect("to write");
    let output = lint(&["schema", &folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(said.matches("ALTER TABLE").count(), 5, "{said}");
    assert!(said.starts_with(&format!("{}\n    2: ALTER TABLE public.users", planted.display())), "{said}");
    assert!(said.contains("and 2 more") && !said.contains("fine.sql"), "{said}");
}
