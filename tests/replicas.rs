//! Several servers on one Postgres database: what happens at one is seen at the others, and what one leaves behind when it
//! dies the others put in order. There is nothing here for SQLite, whose file belongs to one server.

use std::sync::Arc;
use std::time::Duration;

use rockpool::ids::Ids;
use rockpool::pubsub::relay;
use rockpool::purge::{self, Retention};
use rockpool::sdk::{
    ProvisionerJobStatus, Replica, ServerSentEvent, ServerSentEventType, Workspace, WorkspaceBuild, WorkspaceStatus,
};
use rockpool::server::Hands;
use rockpool::store::postgres::{PostgresOptions, Target};
use rockpool::store::queries::locks::LockId;
use rockpool::store::{Setup, Store, Switches};
use rockpool::time::{Clock, Time};
use serde_json::json;

use crate::support::postgres::{self, TestDatabase};
use crate::support::templates::{SMALLEST, waiting};
use crate::support::{Options, Server, eventually};

/// A database, when this run is about Postgres.
fn database() -> Option<Arc<TestDatabase>> {
    (!postgres::waits_for_its_run()).then(|| Arc::new(postgres::database()))
}

fn without_provisioners(database: &Arc<TestDatabase>) -> Server {
    Options::default().database(Arc::clone(database)).set("CODER_PROVISIONER_DAEMONS", "0").start()
}

#[test]
fn a_workspace_is_watched_at_one_server_while_it_is_built_by_another() {
    let Some(database) = database() else { return };
    let (asked, building) =
        (without_provisioners(&database), Options::default().database(Arc::clone(&database)).start());
    let there = building.owner();
    let here = asked.anonymous().with_token(there.token());
    let template = building.template("small", SMALLEST);
    let made = here.workspace(template.id, "box");
    let mut events = here.events(&format!("/api/v2/workspaces/{}/watch", made.id));
    let _: WorkspaceBuild =
        here.post(&format!("/api/v2/workspaces/{}/builds", made.id), json!({"transition": "stop"})).ok(201);
    loop {
        let event: ServerSentEvent = events.next().expect("the stream goes on");
        if event.r#type != ServerSentEventType::Data {
            continue;
        }
        let shown: Workspace = serde_json::from_value(event.data.expect("a workspace")).expect("a workspace");
        if shown.latest_build.status == WorkspaceStatus::Stopped {
            break;
        }
    }
    let both: Vec<Replica> = here.get("/api/v2/replicas").ok(200);
    assert_eq!(both.len(), 2, "each knows of the other");
}

#[test]
fn what_a_killed_server_was_building_is_failed_by_another_and_what_a_living_one_builds_is_not() {
    let Some(database) = database() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut killed = Options::default().database(Arc::clone(&database)).process().start();
    let owner = killed.owner();
    let template = killed.template("waits", &[("main.tf", &waiting(folder.path()))]);
    let made: Workspace =
        owner.post("/api/v2/users/me/workspaces", json!({"template_id": template.id, "name": "box"})).ok(201);
    eventually("the build", || folder.path().join("begun").exists().then_some(()));
    let build = format!("/api/v2/workspacebuilds/{}", made.latest_build.id);

    // One that starts while the first lives looks for orphans at its start, and finds none.
    let other = Options::default().database(Arc::clone(&database)).start();
    let seen = other.anonymous().with_token(owner.token());
    assert_eq!(seen.get(&build).ok::<WorkspaceBuild>(200).job.status, ProvisionerJobStatus::Running);

    killed.kill();
    // To a server whose clock is an hour ahead, the job has been silent for that long.
    let ahead = Time::from_micros(Clock::system().now().micros()) + Duration::from_secs(3600);
    let hands = Hands { clock: Clock::held(ahead), ..Hands::default() };
    let _heir = Options::default().database(Arc::clone(&database)).hands(hands).start();
    let failed: WorkspaceBuild = seen.get(&build).ok(200);
    assert_eq!(failed.job.status, ProvisionerJobStatus::Failed);
    assert!(failed.job.error.contains("ended while this job was running"), "{}", failed.job.error);

    std::fs::write(folder.path().join("go-on"), "").unwrap();
    assert_eq!(seen.build(made.id, "start").status, WorkspaceStatus::Running);
}

#[test]
fn what_one_replica_does_at_a_time_moves_to_another_when_its_holder_is_killed() {
    let Some(database) = database() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut admin = database.connect();
    // Whether a lock is held, by whomever.
    let is_held = |admin: &mut ::postgres::Client, lock: LockId| {
        let held = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND classid = 0 AND objid::bigint = $1::bigint)";
        admin.query_one(held, &[&(lock as i64)]).unwrap().get::<_, bool>(0)
    };
    // A server in the middle of all of it: its statements wait for these tables, first the purge's, then the jobs'.
    let mut held = database.connect();
    held.batch_execute("BEGIN; LOCK TABLE telemetry_locks").unwrap();
    let often = |options: Options| options.set("CODER_JOB_HANG_DETECTOR_INTERVAL", "20ms");
    let mut killed = often(Options::default()).database(Arc::clone(&database)).process().start();
    let owner = killed.owner();
    eventually("the purge", || is_held(&mut admin, LockId::DbPurge).then_some(()));
    let template = killed.template("waits", &[("main.tf", &waiting(folder.path()))]);
    let made: Workspace =
        owner.post("/api/v2/users/me/workspaces", json!({"template_id": template.id, "name": "box"})).ok(201);
    eventually("the build", || folder.path().join("begun").exists().then_some(()));
    held.batch_execute("LOCK TABLE provisioner_jobs").unwrap();
    eventually("the look for orphans", || is_held(&mut admin, LockId::OrphanedJobs).then_some(()));

    let setup = Setup { switches: Switches::default(), registry: &prometheus::Registry::new(), count_queries: false };
    let other = Store::postgres(&PostgresOptions::new(database.url()).unwrap(), &setup).unwrap();
    let purge = || purge::tick(&other, &Clock::system(), &Retention::default(), None).unwrap();
    assert_eq!(purge(), None, "one at a time");

    killed.kill();
    held.batch_execute("ROLLBACK").unwrap();
    // Nothing was waiting for them but those tables, so they are free as soon as Postgres sees that their holder is gone.
    eventually("the purge by another", purge);
    eventually("the lock of whoever looks for orphans", || (!is_held(&mut admin, LockId::OrphanedJobs)).then_some(()));
    // To a server whose clock is an hour ahead, the job has been silent for that long.
    let ahead = Time::from_micros(Clock::system().now().micros()) + Duration::from_secs(3600);
    let hands = Hands { clock: Clock::held(ahead), ..Hands::default() };
    let heir = often(Options::default()).database(Arc::clone(&database)).hands(hands).start();
    let db = heir.running().deployment.system_db();
    eventually("the job fails", || {
        db.get_provisioner_job_by_id(made.latest_build.job.id).unwrap().completed_at.map(drop)
    });
    std::fs::write(folder.path().join("go-on"), "").unwrap();
}

#[test]
fn no_job_is_run_twice_however_many_servers_look_for_it() {
    let Some(database) = database() else { return };
    let servers: Vec<Server> = (0..3).map(|_| Options::default().database(Arc::clone(&database)).start()).collect();
    let owner = servers[0].owner();
    let template = servers[0].template("small", SMALLEST);
    let made: Vec<Workspace> = (0..12)
        .map(|n| {
            let body = json!({"template_id": template.id, "name": format!("box{n}")});
            servers[n % 3].anonymous().with_token(owner.token()).post("/api/v2/users/me/workspaces", body).ok(201)
        })
        .collect();
    for workspace in &made {
        let build = owner.wait_for_build(workspace.latest_build.id);
        assert_eq!(build.job.status, ProvisionerJobStatus::Succeeded, "{}", build.job.error);
        let log = owner.follow_logs(&format!("/api/v2/workspacebuilds/{}/logs", build.id));
        // Whoever takes a job begins its log with an empty line.
        let begun = log.iter().filter(|line| line.stage == "Setting up" && line.output.is_empty()).count();
        assert_eq!(begun, 1, "{log:?}");
    }
}

#[test]
fn notices_reach_other_servers_and_a_lost_connection_makes_listeners_look_again() {
    let Some(database) = database() else { return };
    let target = Target::parse(database.url()).unwrap();
    let (here, relay_here) = relay::start(&target, &Ids::random()).unwrap();
    let (there, relay_there) = relay::start(&target, &Ids::random()).unwrap();
    let heard = here.subscribe("a");
    let patience = Duration::from_secs(20);
    there.publish("b", "of another channel");
    there.publish("a", "a notice");
    assert_eq!(&*heard.messages.recv_timeout(patience).unwrap(), "a notice");
    here.publish("a", "our own");
    there.publish("a", "after it");
    assert_eq!(&*heard.messages.recv_timeout(patience).unwrap(), "our own");
    assert_eq!(&*heard.messages.recv_timeout(patience).unwrap(), "after it", "our own does not come back");
    assert!(!heard.missed());

    there.publish("a", &"long ".repeat(2_000));
    assert_eq!(&*heard.messages.recv_timeout(patience).unwrap(), "");
    assert!(heard.missed(), "what Postgres does not take is to be read from the store");

    let mut admin = database.connect();
    let listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(admin.query(listeners, &[]).unwrap().len(), 2);
    assert_eq!(&*heard.messages.recv_timeout(patience).unwrap(), "");
    assert!(heard.missed());
    there.publish("a", "heard again");
    assert_eq!(&*heard.messages.recv_timeout(patience).unwrap(), "heard again");
    relay_here.stop();
    relay_there.stop();
}
