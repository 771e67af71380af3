//! The store against the same statements on bare rusqlite, with the same settings, in the same run: what the layers above the engine
//! cost. Each line gives both rates and their ratio, the median of a few rounds that take turns.
//!
//!     cargo bench --bench store

use std::hint::black_box;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rockpool::rbac::system;
use rockpool::sdk::LogLevel;
use rockpool::store::queries::git_ssh_keys::GitSshKey;
use rockpool::store::sqlite::Options;
use rockpool::store::value::Json;
use rockpool::store::{Db, Setup, Store, Switches, functions};
use rockpool::time::Time;
use rusqlite::Connection;
use uuid::Uuid;

const ROUNDS: usize = 7;
const SPAN: Duration = Duration::from_millis(600);
const KEYS: u128 = 1_000;
const WRITERS: u128 = 8;
const LINES: usize = 100;

/// The settings of the store's own connections.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8000; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 67108864; PRAGMA recursive_triggers = ON;
    PRAGMA wal_autocheckpoint = 8192; PRAGMA busy_timeout = 5000;";

fn main() {
    let (ours, bare) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let store = open(&ours.path().join("rockpool.db"));
    drop(open(&bare.path().join("rockpool.db")));
    let db = store.acting_as(system::restricted());
    for folder in [&ours, &bare] {
        fill(&folder.path().join("rockpool.db"));
    }
    let path = bare.path().join("rockpool.db");

    compare("single-row reads a second, 1 thread", || reads(&db), || bare_reads(&path));
    compare("batches of 100 log lines a second, 8 writers", || firehose(&db), || bare_firehose(&path));
    let quiet = || reads(&db);
    let busy = || {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    write_batch(&db, 1);
                }
            });
            let rate = reads(&db);
            over.store(true, Ordering::Relaxed);
            writer.join().expect("the writer");
            rate
        })
    };
    compare("reads a second, a writer saturated against none", busy, quiet);
}

fn compare(name: &str, ours: impl Fn() -> f64, other: impl Fn() -> f64) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(ours());
        b.push(other());
    }
    let (a, b) = (median(a), median(b));
    println!("{name:<52} {a:>10.0} {b:>10.0}   ratio {:.2}", a / b);
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn open(path: &Path) -> Store {
    let registry = prometheus::Registry::new();
    let setup = Setup { switches: Switches::default(), registry: &registry, count_queries: false };
    Store::sqlite(path, &Options::default(), &setup).expect("a store")
}

fn connect(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("the database");
    conn.execute_batch(PRAGMAS).expect("settings");
    functions::register(&conn).expect("functions");
    conn
}

/// Keys to read, and agents to write for.
fn fill(path: &Path) {
    let conn = connect(path);
    conn.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").expect("a transaction");
    for n in 0..KEYS {
        let id = Uuid::from_u128(n).to_string();
        let sql = "INSERT INTO gitsshkeys (user_id, created_at, updated_at, private_key, public_key) VALUES (?1, 1, 2, ?2, ?3)";
        conn.execute(sql, [&id, &"k".repeat(400), &"p".repeat(80)]).expect("a key");
    }
    for n in 0..=WRITERS {
        let id = Uuid::from_u128(n).to_string();
        let sql = "INSERT INTO workspace_agents (id, created_at, updated_at, name, resource_id, auth_token, architecture, operating_system)
                   VALUES (?1, 0, 0, 'main', ?1, ?1, 'amd64', 'linux')";
        conn.execute(sql, [&id]).expect("an agent");
    }
    conn.execute_batch("COMMIT").expect("a commit");
}

/// How often in a second `f` can be called with ever other numbers.
fn rate(mut f: impl FnMut(u128)) -> f64 {
    let (began, mut n) = (Instant::now(), 0_u128);
    while began.elapsed() < SPAN {
        for _ in 0..64 {
            f(n);
            n += 1;
        }
    }
    n as f64 / began.elapsed().as_secs_f64()
}

fn reads(db: &Db) -> f64 {
    rate(|n| {
        black_box(db.get_git_ssh_key(Uuid::from_u128(n * 7 % KEYS)).expect("a key"));
    })
}

fn bare_reads(path: &Path) -> f64 {
    let conn = connect(path);
    let sql = "SELECT user_id, created_at, updated_at, private_key, public_key FROM gitsshkeys WHERE user_id = ?1";
    let mut statement = conn.prepare(sql).expect("a statement");
    rate(|n| {
        let id = Uuid::from_u128(n * 7 % KEYS);
        let key = statement.query_row([id.as_hyphenated().encode_lower(&mut [0; 36]) as &str], |row| {
            Ok(GitSshKey {
                user_id: Uuid::try_parse(row.get_ref(0)?.as_str()?).expect("an id"),
                created_at: Time::from_micros(row.get(1)?),
                updated_at: Time::from_micros(row.get(2)?),
                private_key: row.get(3)?,
                public_key: row.get(4)?,
            })
        });
        black_box(key.expect("a key"));
    })
}

const LINE: &str = "2026-11-24T12:00:00Z installing package 17 of 93: libexample-dev (1.2.3-4) from the archive";

fn write_batch(db: &Db, agent: u128) {
    let lines = [(LogLevel::Info, LINE); LINES];
    let kept = db.insert_workspace_agent_logs(
        Uuid::from_u128(agent),
        Uuid::nil(),
        Time::from_micros(1_795_000_000_000_000),
        Json(lines.as_slice()),
    );
    assert_eq!(kept.expect("a batch").len(), LINES);
}

/// How many batches a second as many writers as there are get done.
fn writers(write: impl Fn(u128) + Sync) -> f64 {
    let written = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for agent in 0..WRITERS {
            let (write, written) = (&write, &written);
            scope.spawn(move || {
                while began.elapsed() < SPAN {
                    write(agent);
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    written.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn firehose(db: &Db) -> f64 {
    writers(|agent| write_batch(db, agent))
}

/// A transaction a batch, on one connection: with one each, SQLite would have the writers wait unfairly, and longer.
fn bare_firehose(path: &Path) -> f64 {
    let conn = Mutex::new(connect(path));
    writers(|agent| {
        let agent = Uuid::from_u128(agent).to_string();
        let conn = conn.lock().expect("the connection");
        conn.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        let sql = "INSERT INTO workspace_agent_logs (agent_id, created_at, output, level, log_source_id)
                   VALUES (?1, ?2, ?3, ?4, '00000000-0000-0000-0000-000000000000') RETURNING id";
        let mut statement = conn.prepare_cached(sql).expect("a statement");
        for _ in 0..LINES {
            let id: i64 = statement
                .query_row(rusqlite::params![agent, 1_795_000_000_000_000_i64, LINE, "info"], |row| row.get(0))
                .expect("a line");
            black_box(id);
        }
        drop(statement);
        conn.execute_batch("COMMIT").expect("a commit");
    })
}
