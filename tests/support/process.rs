//! The built binary, running `rockpool server`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::server::{Options, PATIENCE};

const READY: &str = "Started HTTP listener at ";

/// A running server and what it has said.
pub struct Process {
    child: Child,
    /// What it has written to standard error so far.
    pub log: Arc<Mutex<String>>,
}

impl Process {
    #[track_caller]
    pub fn start(options: &Options, folder: &Path) -> (Process, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
        command.arg("server").args(options.arguments(folder));
        command.env_clear().envs(options.environment(folder));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("to start the server");

        let log = Arc::new(Mutex::new(String::new()));
        let (ready, is_ready) = mpsc::channel();
        let stdout = child.stdout.take().expect("standard output");
        std::thread::spawn(move || {
            // Read to the end, so that the server never waits for a reader.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = line.trim().strip_prefix(READY) {
                    let _ = ready.send(url.to_owned());
                }
            }
        });
        let stderr = child.stderr.take().expect("standard error");
        let gathered = log.clone();
        std::thread::spawn(move || gather(stderr, &gathered));

        let mut process = Process { child, log };
        match is_ready.recv_timeout(PATIENCE) {
            Ok(url) => (process, url),
            Err(_) => {
                let _ = process.child.kill();
                let status = process.child.wait();
                panic!("the server did not become ready ({status:?})\n{}", process.log.lock());
            }
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "to send {name} to the server");
    }

    /// Waits for the end, but not for ever.
    pub fn wait(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("to wait for the server") {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("the server does not end\n{}", self.log.lock());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn gather(mut from: impl Read, into: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        into.lock().push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}
