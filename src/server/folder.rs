//! The data directory: made for its owner alone, and looked at when it is there already.
//!
//! Who may enter a directory is its owner's affair, so one that is open is only warned of. The database in it holds
//! password hashes, keys and tokens: that is closed to everybody whom its group does not let in.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::DATABASE;

const OTHERS: u32 = 0o007;
const OTHERS_OR_WRITABLE: u32 = 0o027;

/// Makes the directory at `path`, or looks whether the one that is there is open to others.
///
/// # Errors
/// When it cannot be made or read, or the mode of a database in it cannot be changed.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = mode(path)?;
    if mode & OTHERS_OR_WRITABLE != 0 {
        log::warn!(
            target: "server",
            "other users of this machine can enter the data directory {0} (mode {mode:04o}): close it with \"chmod 700 {0}\", \
             under systemd with StateDirectoryMode=0700",
            path.display()
        );
    }
    ["", "-wal", "-shm"].iter().try_for_each(|suffix| close(&path.join(format!("{DATABASE}{suffix}"))))
}

/// Takes away what others may do with a file, if it is there.
fn close(path: &Path) -> io::Result<()> {
    let mode = match mode(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        mode => mode?,
    };
    if mode & OTHERS == 0 {
        return Ok(());
    }
    log::warn!(target: "server", "{} could be read by other users of this machine (mode {mode:04o}), and no longer can", path.display());
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_for_its_owner_alone_and_what_is_there_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("a/b");
        prepare(&made).unwrap();
        assert_eq!(mode(&made).unwrap(), 0o700);
        fs::set_permissions(&made, Permissions::from_mode(0o755)).unwrap();
        prepare(&made).unwrap();
        assert_eq!(mode(&made).unwrap(), 0o755);
    }

    #[test]
    fn a_database_is_closed_to_others_and_stays_open_to_its_group() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(0o644, 0o640), (0o666, 0o660), (0o660, 0o660), (0o600, 0o600)] {
            for name in ["rockpool.db", "rockpool.db-wal", "rockpool.db-shm", "other"] {
                fs::write(folder.path().join(name), "").unwrap();
                fs::set_permissions(folder.path().join(name), Permissions::from_mode(before)).unwrap();
            }
            prepare(folder.path()).unwrap();
            for name in ["rockpool.db", "rockpool.db-wal", "rockpool.db-shm"] {
                assert_eq!(mode(&folder.path().join(name)).unwrap(), after, "{name} of {before:o}");
            }
            assert_eq!(mode(&folder.path().join("other")).unwrap(), before, "what is not ours is left alone");
        }
    }
}
