//! Features under trial: which were asked for, which are safe to try, and the refusal where one is off.

use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::sdk;

/// Sharing workspaces with users and groups.
pub const WORKSPACE_SHARING: &str = "workspace-sharing";

/// Asks for every experiment that is safe to try.
const EVERY_SAFE_ONE: &str = "*";
/// The experiments that are safe to try: at the moment none.
const SAFE: &[&str] = &[];

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/experiments", get_experiments);
    r.user("GET", "/api/v2/experiments/available", get_available);
}

/// Refuses where an experiment is off.
pub fn require(cx: &Cx, experiment: &str) -> Result<(), Error> {
    if is_on(cx, experiment) {
        return Ok(());
    }
    Err(Error::new(403, format!("This needs the experiment {experiment:?}, which an administrator can turn on.")))
}

/// Whether an experiment is on.
pub fn is_on(cx: &Cx, experiment: &str) -> bool {
    enabled(&cx.deployment.config.experiments).iter().any(|e| e == experiment)
}

/// The experiments that are on, in the order they were asked for; names that nothing goes by stay.
fn get_experiments(cx: &Cx) -> Reply {
    reply::ok(&enabled(&cx.deployment.config.experiments))
}

/// The experiments that are safe to try.
fn get_available(_: &Cx) -> Reply {
    reply::ok(&sdk::AvailableExperiments { safe: SAFE.iter().map(|e| (*e).to_owned()).collect() })
}

fn enabled(asked_for: &[String]) -> Vec<String> {
    let mut enabled: Vec<String> = Vec::new();
    for name in asked_for {
        if name == EVERY_SAFE_ONE {
            enabled.extend(SAFE.iter().map(|e| (*e).to_owned()));
        } else {
            enabled.push(name.to_lowercase());
        }
    }
    enabled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_the_safe_ones_alone() {
        let asked_for = ["Workspace-Sharing".to_owned(), "*".to_owned(), "unheard-of".to_owned()];
        assert_eq!(enabled(&asked_for), ["workspace-sharing", "unheard-of"]);
    }
}
