//! A server that is killed again and again while several clients change things: whatever it acknowledged is there afterwards, and
//! the database holds together. The moments and the load come from a seed, which a failure names.
//!
//! `ROCKPOOL_CRASH_ROUNDS` says how often (20 without it), `ROCKPOOL_CRASH_SEED` repeats a run.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rockpool::sdk::{self, client::Request};
use rockpool::store::functions;
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::postgres;
use crate::support::templates::SMALLEST;
use crate::support::{Options, eventually};

const CLIENTS: u64 = 4;

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 29)) % below
    }
}

/// What the server has acknowledged to one client.
#[derive(Default)]
struct Acknowledged {
    users: Vec<String>,
    tokens: Vec<String>,
    files: Vec<Uuid>,
    workspaces: Vec<Uuid>,
    builds: Vec<Uuid>,
    /// The last name that its user was given, and those that were asked for later without an answer.
    name: (String, Vec<String>),
}

struct Asker {
    number: u64,
    /// Whose name it changes, which nobody else does.
    user: String,
    template: Uuid,
    organization: Uuid,
    dice: Dice,
    made: u64,
    acknowledged: Acknowledged,
}

impl Asker {
    /// Changes things until the server does not answer any more; says so of each answer.
    fn run(&mut self, client: &sdk::Client, answered: &mpsc::Sender<()>) {
        while self.step(client).is_some() {
            let _ = answered.send(());
        }
    }

    /// One change; nothing when there was no answer.
    fn step(&mut self, client: &sdk::Client) -> Option<()> {
        self.made += 1;
        let unique = format!("n{}x{}", self.number, self.made);
        match self.dice.roll(7) {
            0 => {
                let body = json!({
                    "email": format!("{unique}@example.com"), "username": unique, "login_type": "none",
                    "organization_ids": [self.organization],
                });
                if ask(client, "POST", "/api/v2/users", &body)?.0 == 201 {
                    self.acknowledged.users.push(unique);
                }
            }
            1 => {
                let body = json!({"token_name": unique, "lifetime": 0});
                if ask(client, "POST", "/api/v2/users/me/keys/tokens", &body)?.0 == 201 {
                    self.acknowledged.tokens.push(unique);
                }
            }
            2 | 3 => {
                self.acknowledged.name.1.push(unique.clone());
                let path = format!("/api/v2/users/{}/profile", self.user);
                let (status, _) = ask(client, "PUT", &path, &json!({"username": self.user, "name": unique}))?;
                if status == 200 {
                    self.acknowledged.name = (unique, Vec::new());
                }
            }
            4 => {
                let headers = vec![("Content-Type", "application/x-tar")];
                let bytes = unique.repeat(200);
                let request = Request { method: "POST", target: "/api/v2/files", headers, body: bytes.as_bytes() };
                let answer = client.send(&request).ok()?;
                if answer.status == 201 {
                    self.acknowledged.files.push(id(&serde_json::from_slice(&answer.body).ok()?, "hash"));
                }
            }
            5 => {
                let body = json!({"name": unique, "template_id": self.template});
                let (status, made) = ask(client, "POST", "/api/v2/users/me/workspaces", &body)?;
                if status == 201 {
                    self.acknowledged.workspaces.push(id(&made, "id"));
                    self.acknowledged.builds.push(id(&made["latest_build"], "id"));
                }
            }
            _ => {
                let count = self.acknowledged.workspaces.len() as u64;
                if count > 0 {
                    let workspace = self.acknowledged.workspaces[self.dice.roll(count) as usize];
                    let transition = if self.dice.roll(2) == 0 { "start" } else { "stop" };
                    let path = format!("/api/v2/workspaces/{workspace}/builds");
                    // Refused while another build of it is under way.
                    let (status, made) = ask(client, "POST", &path, &json!({"transition": transition}))?;
                    if status == 201 {
                        self.acknowledged.builds.push(id(&made, "id"));
                    }
                }
            }
        }
        Some(())
    }
}

fn id(of: &Value, key: &str) -> Uuid {
    of[key].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no {key} in {of}"))
}

fn ask(client: &sdk::Client, method: &str, target: &str, body: &Value) -> Option<(u16, Value)> {
    let headers = vec![("Content-Type", "application/json")];
    let body = body.to_string();
    let answer = client.send(&Request { method, target, headers, body: body.as_bytes() }).ok()?;
    assert!(
        answer.status < 500 || answer.status == 503,
        "{method} {target}: {}",
        String::from_utf8_lossy(&answer.body)
    );
    Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
}

#[test]
fn whatever_a_server_acknowledged_outlives_being_killed() {
    if postgres::skips("what is acknowledged on Postgres is for Postgres to keep") {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let rounds = number("ROCKPOOL_CRASH_ROUNDS").unwrap_or(20);
    let seed = number("ROCKPOOL_CRASH_SEED").unwrap_or(0x0c0f_fee5);
    println!("seed {seed}, {rounds} rounds");
    let mut dice = Dice(seed);
    let mut server = Options::default().process().start();
    let template = server.template("smallest", SMALLEST).id;
    let token = server.owner().token().to_owned();
    let mut askers: Vec<Asker> = (0..CLIENTS)
        .map(|number| Asker {
            number,
            user: server.user(&format!("asker{number}"), &[]).0.username,
            template,
            organization: server.organization(),
            dice: Dice(seed ^ (number + 1)),
            made: 0,
            acknowledged: Acknowledged::default(),
        })
        .collect();

    for _ in 0..rounds {
        // So many answers, and then a moment in which some are on their way.
        let (answers, moment) = (3 + dice.roll(30), Duration::from_micros(dice.roll(4_000)));
        let (answer, answered) = mpsc::channel();
        std::thread::scope(|scope| {
            let url = server.url().to_owned();
            for asker in &mut askers {
                let client = sdk::Client::new(&url).unwrap().with_token(&token);
                let answer = answer.clone();
                scope.spawn(move || asker.run(&client, &answer));
            }
            for _ in 0..answers {
                answered.recv_timeout(Duration::from_secs(60)).expect("an answer");
            }
            std::thread::sleep(moment);
            server.kill();
        });
        server.start_again();
        look_at(&server.folder().join("data/rockpool.db"), &askers);
    }
    let made: usize = askers.iter().map(|asker| asker.acknowledged.users.len() + asker.acknowledged.builds.len()).sum();
    assert!(made as u64 > rounds, "too little was asked for to show anything: {made}");

    // Every build that was acknowledged comes to an end, whichever server ran it.
    let database = server.folder().join("data/rockpool.db");
    eventually("the end of all builds", || {
        let open = "SELECT count(*) FROM provisioner_jobs WHERE completed_at IS NULL";
        (one::<i64>(&connect(&database), open, []) == 0).then_some(())
    });
    server.stop();
    look_at(&database, &askers);
}

fn connect(database: &Path) -> Connection {
    let conn = Connection::open(database).unwrap();
    conn.busy_timeout(Duration::from_secs(30)).unwrap();
    functions::register(&conn).unwrap();
    conn
}

fn one<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str, arguments: impl rusqlite::Params) -> T {
    conn.prepare_cached(sql).unwrap().query_row(arguments, |row| row.get(0)).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// Holds the database against what was acknowledged, and against what always holds.
fn look_at(database: &Path, askers: &[Asker]) {
    let conn = connect(database);
    assert_eq!(one::<String>(&conn, "PRAGMA integrity_check", []), "ok");
    for (what, broken) in [
        ("references", "SELECT count(*) FROM pragma_foreign_key_check"),
        (
            "numbers of builds are 1, 2, 3, ...",
            "SELECT count(*) FROM (SELECT count(*) AS builds, max(build_number) AS last FROM workspace_builds
              GROUP BY workspace_id) WHERE builds <> last",
        ),
        (
            "every workspace has a build",
            "SELECT count(*) FROM workspaces w WHERE NOT EXISTS (SELECT 1 FROM workspace_builds b WHERE b.workspace_id = w.id)",
        ),
        (
            "no more than one build of a workspace is under way",
            "SELECT count(*) FROM (SELECT 1 FROM workspace_builds b JOIN provisioner_jobs j ON j.id = b.job_id
              WHERE j.completed_at IS NULL GROUP BY b.workspace_id HAVING count(*) > 1)",
        ),
        (
            "a job ends after it began, and begins when a worker has it",
            "SELECT count(*) FROM provisioner_jobs WHERE completed_at < started_at OR (started_at IS NOT NULL AND worker_id IS NULL)",
        ),
        (
            "a job that went well left what it made",
            "SELECT count(*) FROM workspace_builds b JOIN provisioner_jobs j ON j.id = b.job_id
              WHERE j.completed_at IS NOT NULL AND j.error IS NULL AND j.canceled_at IS NULL AND b.provisioner_state IS NULL",
        ),
    ] {
        assert_eq!(one::<i64>(&conn, broken, []), 0, "{what}");
    }
    for asker in askers {
        let kept = &asker.acknowledged;
        for (what, sql, names) in [
            ("user", "SELECT count(*) FROM users WHERE username = ?1 AND deleted = FALSE", &kept.users),
            ("token", "SELECT count(*) FROM api_keys WHERE token_name = ?1", &kept.tokens),
        ] {
            for name in names {
                assert_eq!(one::<i64>(&conn, sql, [name]), 1, "{what} {name} is lost");
            }
        }
        for (table, ids) in
            [("files", &kept.files), ("workspaces", &kept.workspaces), ("workspace_builds", &kept.builds)]
        {
            for id in ids {
                let sql = format!("SELECT count(*) FROM {table} WHERE id = ?1");
                assert_eq!(one::<i64>(&conn, &sql, [id.to_string()]), 1, "{id} is lost from {table}");
            }
        }
        let name: String = one(&conn, "SELECT name FROM users WHERE username = ?1", [&asker.user]);
        let (last, asked) = &kept.name;
        let known = last.is_empty() || name == *last || asked.contains(&name);
        assert!(known, "{name} is neither {last} nor one of {asked:?}");
    }
}
