//! The folder of the engine's socket.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::ids::Ids;

/// A folder that only this user may enter, removed with what is in it.
pub(super) struct PrivateDir(PathBuf);

/// The longest path that a Unix socket's address holds on every system.
const SOCKET_PATH_MAX_BYTES: usize = 100;

impl PrivateDir {
    pub(super) fn create(parent: &Path, ids: &Ids) -> io::Result<PrivateDir> {
        let name = format!("rockpool-{}", ids.alphanumeric(10));
        let mut path = parent.join(&name);
        if path.join("engine").as_os_str().len() > SOCKET_PATH_MAX_BYTES {
            path = std::env::temp_dir().join(&name);
            log::info!("{} is too long a path for a socket; the engine's is in {}", parent.display(), path.display());
        } else {
            fs::create_dir_all(parent)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let home = PrivateDir(path);
        fs::set_permissions(&home.0, fs::Permissions::from_mode(0o700))?;
        Ok(home)
    }
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("engine")
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}
