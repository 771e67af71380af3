//! What an operator may say of the pool.

use super::target::{Target, TargetError};

/// The most connections, where nobody says otherwise.
pub const DEFAULT_MAX_OPEN: u32 = 10;
/// The most of them that stay open while idle.
pub const DEFAULT_MAX_IDLE: u32 = 3;

/// Where the server is, and how many connections to it there may be.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The server.
    pub target: Target,
    /// The most connections.
    pub max_open: u32,
    /// The most of them that stay open while nobody uses them.
    pub max_idle: u32,
}

impl PostgresOptions {
    /// The options of everything but the server: ten connections, three of them idle.
    pub fn new(url: &str) -> Result<PostgresOptions, TargetError> {
        let target = Target::parse(url)?;
        Ok(PostgresOptions { target, max_open: DEFAULT_MAX_OPEN, max_idle: DEFAULT_MAX_IDLE })
    }
}
