//! What this server calls itself: its own version, and the version of the API that it speaks.

use crate::config::Config;

/// The version whose API and schema this is.
pub const SPOKEN: &str = "v2.30.0";
/// Where people read about this program.
pub const EXTERNAL_URL: &str = "https://github.com/rockpool-dev/rockpool";
/// The agents' API.
pub const AGENT_API: &str = "1.0";
/// The provisioner daemons' API.
pub const PROVISIONER_API: &str = "1.15";

/// The version that clients are told, so that they find what they expect.
pub fn reported(config: &Config) -> String {
    if config.reported_version.is_empty() { SPOKEN.to_owned() } else { config.reported_version.clone() }
}
