//! Runs the commands of a template: one at a time, in a process group of their own, their output line
//! by line to the log, and gone when the job is canceled.

use std::io::{BufRead, BufReader, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::process::{Pid, Signal, kill_process_group};

/// A command to run.
pub struct Task<'t> {
    /// The program and the arguments before the command.
    pub interpreter: &'t [String],
    /// The command: the last argument.
    pub command: &'t str,
    /// Where it runs.
    pub folder: &'t Path,
    /// All of its environment.
    pub environment: &'t [(String, String)],
}

/// The longest line passed on in one piece.
const MAX_LINE_BYTES: u64 = 16 << 10;
/// How often a running command is looked after.
const LOOK: Duration = Duration::from_millis(20);
/// How long a command may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(3);

/// How a command ended, if not well.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Failed {
    /// It could not be started.
    #[error("the command could not be started: {0}")]
    Start(String),
    /// It ended badly.
    #[error("{0}")]
    Status(String),
    /// The job was canceled.
    #[error("interrupted")]
    Canceled,
}

impl Task<'_> {
    /// Runs it to its end. It has ended when the command has, and everything that holds its output: a
    /// process that it leaves behind must let go of that.
    pub fn run(&self, line: &dyn Fn(&str), canceled: &dyn Fn() -> bool) -> Result<(), Failed> {
        let start = |e: std::io::Error| Failed::Start(e.to_string());
        let (program, arguments) = self.interpreter.split_first().ok_or(Failed::Start("no interpreter".to_owned()))?;
        let (reader, writer) = std::io::pipe().map_err(start)?;
        let mut command = Command::new(program);
        command.args(arguments).arg(self.command).current_dir(self.folder);
        command.env_clear().envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(start)?).stderr(writer).process_group(0);
        let child = command.spawn().map_err(start)?;
        // The command holds the writing ends too; let go of them, or reading never ends.
        drop(command);
        let (send, lines) = bounded(256);
        let reading = std::thread::spawn(move || read(reader, &send));
        let ended = follow(child, &lines, line, canceled);
        // The reader ends with the output, or with the first line that nobody takes.
        drop(lines);
        if ended.is_ok() {
            let _ = reading.join();
        }
        match ended? {
            status if status.success() => Ok(()),
            status => Err(Failed::Status(match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "no exit status".to_owned(),
            })),
        }
    }
}

fn read(output: PipeReader, lines: &Sender<String>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match output.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if lines.send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
    }
}

fn follow(
    mut child: Child,
    lines: &Receiver<String>,
    line: &dyn Fn(&str),
    canceled: &dyn Fn() -> bool,
) -> Result<ExitStatus, Failed> {
    let start = |e: std::io::Error| Failed::Start(e.to_string());
    let mut open = true;
    loop {
        if canceled() {
            end(&mut child, lines, line);
            return Err(Failed::Canceled);
        }
        if open {
            match lines.recv_timeout(LOOK) {
                Ok(text) => line(&text),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            continue;
        }
        match child.try_wait().map_err(start)? {
            Some(status) => return Ok(status),
            // The output is closed, so the command is about to end, or has closed it on purpose.
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Ends the whole group: asked first, made to when the grace is over.
fn end(child: &mut Child, lines: &Receiver<String>, line: &dyn Fn(&str)) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let tell = |signal| group.map(|g| kill_process_group(g, signal));
    tell(Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        if let Ok(text) = lines.recv_timeout(LOOK) {
            line(&text);
        }
    }
    tell(Signal::KILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn run(command: &str, canceled: &dyn Fn() -> bool) -> (Result<(), Failed>, Vec<String>) {
        let lines = RefCell::new(Vec::new());
        let interpreter = ["/bin/sh".to_owned(), "-c".to_owned()];
        let environment = [("WORD".to_owned(), "hello".to_owned())];
        let folder = std::env::temp_dir();
        let task = Task { interpreter: &interpreter, command, folder: &folder, environment: &environment };
        let result = task.run(&|l| lines.borrow_mut().push(l.to_owned()), canceled);
        (result, lines.into_inner())
    }

    #[test]
    fn output_comes_line_by_line_and_the_environment_is_only_what_is_given() {
        let (result, lines) = run("echo $WORD; echo again >&2; printf last; test -z \"$HOME\"", &|| false);
        assert_eq!((result, lines), (Ok(()), vec!["hello".into(), "again".into(), "last".into()]));
    }

    #[test]
    fn failures_say_how_the_command_ended() {
        assert_eq!(run("exit 3", &|| false).0, Err(Failed::Status("exit status 3".into())));
        assert_eq!(run("kill -9 $$", &|| false).0, Err(Failed::Status("signal 9".into())));
    }

    #[test]
    fn a_canceled_command_takes_its_children_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("started");
        let command = format!("sleep 300 & echo $! > {0}.new; mv {0}.new {0}; wait", mark.display());
        let (result, _) = run(&command, &|| mark.exists());
        assert_eq!(result, Err(Failed::Canceled));
        let pid = std::fs::read_to_string(&mark).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        // The child of the command is nobody's child now; it goes as soon as init has seen its end.
        let deadline = Instant::now() + Duration::from_secs(5);
        while rustix::process::test_kill_process(pid).is_ok() && Instant::now() < deadline {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
            if stat.contains(") Z ") {
                return;
            }
            std::thread::yield_now();
        }
        assert!(rustix::process::test_kill_process(pid).is_err(), "the child lives on");
    }
}
