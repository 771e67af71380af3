//! The embedded provisioner: what expressions come to, what templates plan and apply to, what is refused.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rockpool::ids::Ids;
use rockpool::provisioner::embedded::{Embedded, EmbeddedSession};
use rockpool::provisioner::*;
use rockpool::time::Clock;

mod cases;
mod commands;
mod expressions;
mod refusals;

/// A log that can be read, and that cancels the job when a line comes that holds `cancel_at`.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<(LogLevel, String)>>,
    cancel_at: Option<&'static str>,
    canceled: AtomicBool,
}

impl Sink for Log {
    fn log(&self, level: LogLevel, output: &str) {
        if self.cancel_at.is_some_and(|word| output.contains(word)) {
            self.canceled.store(true, Ordering::SeqCst);
        }
        self.lines.lock().unwrap().push((level, output.to_owned()));
    }
    fn canceled(&self) -> bool {
        self.canceled.load(Ordering::SeqCst)
    }
}

impl Log {
    fn text(&self) -> String {
        self.lines.lock().unwrap().iter().map(|(_, line)| format!("{line}\n")).collect()
    }
    /// The lines that hold one of these words, in order.
    fn with(&self, words: &[&str]) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let wanted = lines.iter().filter(|(_, l)| words.iter().any(|w| l.contains(w)));
        wanted.map(|(_, l)| l.clone()).collect()
    }
}

fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn tar_of_folder(folder: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/templates").join(folder);
    tar.append_dir_all(".", root).unwrap();
    tar.into_inner().unwrap()
}

/// A provisioner with a folder of its own, and the state of the workspace it builds.
struct Bench {
    dir: tempfile::TempDir,
    provisioner: Embedded,
    archive: Vec<u8>,
    state: Vec<u8>,
    request: PlanRequest,
}

impl Bench {
    fn new(archive: Vec<u8>) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let mut provisioner = Embedded::new(Clock::system(), Ids::random(), dir.path().join("work"));
        provisioner.agent_scripts.insert("linux_amd64".into(), "echo ${ACCESS_URL} ${AUTH_TYPE}".into());
        let metadata = Metadata {
            coder_url: "http://127.0.0.1:3000".into(),
            workspace_name: "box".into(),
            workspace_owner: "mel".into(),
            workspace_id: "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a".into(),
            workspace_owner_groups: vec!["Everyone".into()],
            workspace_owner_rbac_roles: vec![Role { name: "member".into(), org_id: String::new() }],
            template_id: "t".into(),
            template_name: "tn".into(),
            template_version: "v".into(),
            ..Metadata::default()
        };
        let request = PlanRequest { metadata, ..PlanRequest::default() };
        Bench { dir, provisioner, archive, state: Vec::new(), request }
    }
    fn of(text: &str) -> Bench {
        Bench::new(tar_of(&[("main.tf", text)]))
    }
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_string_lossy().into_owned()
    }
    fn variable(mut self, name: &str, value: &str) -> Bench {
        self.request.variable_values.push(VariableValue { name: name.into(), value: value.into(), sensitive: false });
        self
    }
    /// A session that has taken the template in.
    fn session(&self, log: &Log) -> Result<EmbeddedSession, Failure> {
        let mut session = self.provisioner.session();
        let archive = self.archive.clone();
        session.init(InitRequest { template_source_archive: archive, ..InitRequest::default() }, log)?;
        Ok(session)
    }
    fn plan(&self, transition: WorkspaceTransition, log: &Log) -> Result<(EmbeddedSession, PlanComplete), Failure> {
        let mut session = self.session(log)?;
        let mut request = PlanRequest { state: self.state.clone(), ..self.request.clone() };
        request.metadata.workspace_transition = transition;
        let complete = session.plan(request, log)?;
        Ok((session, complete))
    }
    /// Plans, applies, keeps the state whatever happens, and draws up what there is.
    fn build_with(&mut self, transition: WorkspaceTransition, log: &Log) -> Result<GraphComplete, Failure> {
        let (mut session, _) = self.plan(transition, log)?;
        match session.apply(log) {
            Ok(applied) => self.state = applied.state,
            Err(failure) => {
                self.state = failure.state.clone().unwrap_or_else(|| self.state.clone());
                return Err(failure);
            }
        }
        session.graph(GraphSource::State, log)
    }
    fn build(&mut self, transition: WorkspaceTransition) -> GraphComplete {
        let log = Log::default();
        self.build_with(transition, &log).unwrap_or_else(|f| panic!("{f:?}\n{}", log.text()))
    }
    fn state_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.state).unwrap()
    }
    /// Addresses of what is in state, instances by their keys.
    fn managed(&self) -> Vec<String> {
        let state = self.state_json();
        let resources = state["resources"].as_array().unwrap().iter().filter(|r| r["mode"] == "managed");
        let of = |r: &serde_json::Value| {
            let name = format!("{}.{}", r["type"].as_str().unwrap(), r["name"].as_str().unwrap());
            let keys = r["instances"].as_array().unwrap().iter().map(|i| i["index_key"].clone());
            keys.map(|k| if k.is_null() { name.clone() } else { format!("{name}[{k}]") }).collect::<Vec<_>>()
        };
        resources.flat_map(of).collect()
    }
}
