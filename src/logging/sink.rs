//! Where formatted lines are written: a standard stream, or a file that is set aside when it grows.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// A log file grows to this size before it is set aside as `NAME.1`, in place of the one before.
const FILE_BYTES_MAX: u64 = 5 << 20;
/// Lines are collected up to this size before they are written.
const PENDING_BYTES_MAX: usize = 64 << 10;

/// One place that lines go to.
#[derive(Debug)]
pub struct Sink {
    target: Target,
    /// Lines that are not written yet.
    pending: Vec<u8>,
}

#[derive(Debug)]
enum Target {
    Stderr,
    Stdout,
    File { path: PathBuf, file: File, written_bytes: u64, rotates: bool },
}

impl Sink {
    /// Opens `/dev/stderr`, `/dev/stdout`, or a file to append to.
    pub fn open(path: &Path) -> io::Result<Sink> {
        let target = match path.to_str() {
            Some("/dev/stderr") => Target::Stderr,
            Some("/dev/stdout") => Target::Stdout,
            _ => {
                let file = append_to(path)?;
                let about = file.metadata()?;
                let (written_bytes, rotates) = (about.len(), about.is_file());
                Target::File { path: path.to_owned(), file, written_bytes, rotates }
            }
        };
        Ok(Sink { target, pending: Vec::new() })
    }

    /// Whether somebody looks at it.
    pub fn is_terminal(&self) -> bool {
        match self.target {
            Target::Stderr => io::stderr().is_terminal(),
            Target::Stdout => io::stdout().is_terminal(),
            Target::File { .. } => false,
        }
    }

    /// Adds a line; the newline is added here.
    pub fn push(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
        if self.pending.len() >= PENDING_BYTES_MAX {
            self.flush();
        }
    }

    /// Writes what was pushed. There is nobody to tell when that fails.
    pub fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let _ = match &mut self.target {
            Target::Stderr => io::stderr().lock().write_all(&pending),
            Target::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&pending).and_then(|()| out.flush())
            }
            Target::File { path, file, written_bytes, rotates } => {
                let more = pending.len() as u64;
                if *rotates && *written_bytes > 0 && *written_bytes + more > FILE_BYTES_MAX {
                    // A file that cannot be set aside is written on.
                    if let Ok(fresh) = set_aside(path) {
                        (*file, *written_bytes) = (fresh, 0);
                    }
                }
                *written_bytes += more;
                file.write_all(&pending)
            }
        };
        self.pending = pending;
        self.pending.clear();
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn set_aside(path: &Path) -> io::Result<File> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    std::fs::rename(path, aside)?;
    append_to(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_appended_to_and_set_aside_when_it_is_big() {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("server.log");
        std::fs::write(&path, "before\n").expect("the file can be written");
        let mut sink = Sink::open(&path).expect("the file can be opened");
        sink.push("after");
        sink.flush();
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "before\nafter\n");
        for _ in 0..=FILE_BYTES_MAX / 1000 + 1 {
            sink.push(&"x".repeat(999));
        }
        sink.flush();
        let aside = std::fs::metadata(directory.path().join("server.log.1")).expect("one was set aside").len();
        assert!(aside <= FILE_BYTES_MAX, "{aside}");
        assert!(std::fs::metadata(&path).expect("it goes on").len() > 0);
    }
}
