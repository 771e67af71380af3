//! A template's files, out of the tar archive they are stored as, kept in memory.
//!
//! The archive comes from whoever may push templates, so nothing in it is taken on trust: paths stay
//! inside, links and devices are refused, sizes are capped, and an archive that ends early is an error.
//! [`Source::write_to`] puts the files on disk for commands that a template runs.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

/// The longest file of a template: 10 MiB, as in the reference.
pub const MAX_FILE_BYTES: u64 = 10 << 20;
/// All files of a template together: 64 MiB. An upload is at most 10 MiB, but may be a zip bomb.
pub const MAX_TOTAL_BYTES: u64 = 64 << 20;
/// The most files and folders of a template.
pub const MAX_ENTRIES: usize = 10_000;

/// What is wrong with a template's archive.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is no tar archive, or ends early.
    #[error("read template archive: {0}")]
    Archive(#[from] std::io::Error),
    /// An entry would land outside the template's folder.
    #[error("refusing to extract to non-local path: {0:?}")]
    NotLocal(String),
    /// An entry is neither a file nor a folder.
    #[error("{0:?} in the template archive is neither a file nor a folder; links and devices are not taken")]
    Kind(String),
    /// An entry is too long.
    #[error("{path:?} in the template archive is larger than {MAX_FILE_BYTES} bytes")]
    FileTooLarge {
        /// Which one.
        path: String,
    },
    /// All entries together are too long.
    #[error("the files of the template are larger than {MAX_TOTAL_BYTES} bytes together")]
    TotalTooLarge,
    /// There are too many entries.
    #[error("the template archive holds more than {MAX_ENTRIES} files and folders")]
    TooMany,
}

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Its bytes.
    pub data: Vec<u8>,
    /// Whether it may be run.
    pub executable: bool,
}

/// The files of a template by path; `/` separates, and no path leads out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    files: BTreeMap<String, File>,
}

impl Source {
    /// Reads a tar archive.
    pub fn from_tar(archive: &[u8]) -> Result<Source, SourceError> {
        let mut source = Source::default();
        let mut total = 0u64;
        let mut tar = tar::Archive::new(archive);
        for (n, entry) in tar.entries()?.enumerate() {
            if n >= MAX_ENTRIES {
                return Err(SourceError::TooMany);
            }
            let entry = entry?;
            let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                continue;
            }
            let path = local(&raw).ok_or_else(|| SourceError::NotLocal(raw.clone()))?;
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(SourceError::Kind(raw));
            }
            let size = entry.size();
            if size > MAX_FILE_BYTES {
                return Err(SourceError::FileTooLarge { path: raw });
            }
            total += size;
            if total > MAX_TOTAL_BYTES {
                return Err(SourceError::TotalTooLarge);
            }
            let executable = entry.header().mode().is_ok_and(|m| m & 0o111 != 0);
            let mut data = Vec::new();
            entry.take(size).read_to_end(&mut data)?;
            if data.len() as u64 != size {
                return Err(SourceError::Archive(std::io::ErrorKind::UnexpectedEof.into()));
            }
            source.files.insert(path, File { data, executable });
        }
        Ok(source)
    }

    /// From files at hand, as tests have them.
    pub fn from_files<P: Into<String>, D: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, D)>) -> Source {
        let files = files.into_iter().map(|(p, d)| (p.into(), File { data: d.into(), executable: false }));
        Source { files: files.collect() }
    }

    /// The file at `path`; a leading `./` and inner `.` and `..` are resolved, never leading out.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(&normal(path)?)
    }

    /// All files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(p, f)| (p.as_str(), f))
    }

    /// Writes every file below `folder`, which must exist.
    pub fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        for (path, file) in &self.files {
            let to = folder.join(path);
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&to, &file.data)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = if file.executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode))?;
            }
        }
        Ok(())
    }
}

/// The path without `.` parts, or nothing if it is absolute, has `..` or a NUL byte.
fn local(path: &str) -> Option<String> {
    if path.contains('\0') || path.contains('\u{fffd}') {
        return None;
    }
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

/// The path with `.` and `..` resolved, or nothing if it leads out.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: tar::EntryType, size: u64, data: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        let bytes = name.as_bytes();
        header.as_old_mut().name[..bytes.len()].copy_from_slice(bytes);
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o755);
        header.set_cksum();
        let mut out = header.as_bytes().to_vec();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }

    #[test]
    fn files_come_out_of_an_archive_by_plain_paths() {
        let mut tar = entry("./", tar::EntryType::Directory, 0, b"");
        tar.extend(entry("./main.tf", tar::EntryType::Regular, 3, b"abc"));
        tar.extend(entry("sub/run.sh", tar::EntryType::Regular, 1, b"x"));
        let source = Source::from_tar(&tar).unwrap();
        let paths: Vec<_> = source.files().map(|(p, _)| p).collect();
        assert_eq!(paths, ["main.tf", "sub/run.sh"]);
        assert_eq!(source.get("./sub/../main.tf").unwrap().data, b"abc");
        assert!(source.get("sub/run.sh").unwrap().executable);
        assert!(source.get("../main.tf").is_none());
        assert!(source.get("/main.tf").is_none());
    }

    #[test]
    fn hostile_and_broken_archives_are_refused() {
        use tar::EntryType as T;
        let big = MAX_FILE_BYTES + 1;
        for (name, tar) in [
            ("parent", entry("../evil", T::Regular, 1, b"x")),
            ("inner parent", entry("a/../../evil", T::Regular, 1, b"x")),
            ("absolute", entry("/etc/passwd", T::Regular, 1, b"x")),
            ("link", entry("link", T::Symlink, 0, b"")),
            ("hard link", entry("link", T::Link, 0, b"")),
            ("device", entry("null", T::Char, 0, b"")),
            ("too long", entry("big", T::Regular, big, b"x")),
            ("truncated", entry("main.tf", T::Regular, 2000, b"only this")),
            ("garbage", vec![7; 700]),
        ] {
            assert!(Source::from_tar(&tar).is_err(), "{name}");
        }
    }

    #[test]
    fn files_written_to_disk_keep_their_bytes_and_the_right_to_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut tar = entry("sub/run.sh", tar::EntryType::Regular, 1, b"x");
        tar.extend(entry("empty", tar::EntryType::Regular, 0, b""));
        Source::from_tar(&tar).unwrap().write_to(dir.path()).unwrap();
        assert_eq!(std::fs::read(dir.path().join("sub/run.sh")).unwrap(), b"x");
        assert_eq!(std::fs::read(dir.path().join("empty")).unwrap(), b"");
    }
}
