//! `rockpool server`: reads its configuration, starts the server, and waits until it is told to end.

use std::io::{self, Write};

use super::banner::{self, Scheme};
use super::{Call, Command, Failure, help};
use crate::config::{Asked, Config, ConfigError};
use crate::server::signals::{self, Signal};
use crate::server::{Hands, Running};
use crate::{logging, time::Clock};

pub(super) const COMMAND: Command = Command { name: "server", aliases: &[], about: "Run the server", run };

fn run(call: Call) -> Result<(), Failure> {
    match Config::read(call.args, &call.env).map_err(failure)? {
        Asked::Help => help::print_server(COMMAND.about),
        Asked::WriteConfig(yaml) => Ok(io::stdout().write_all(yaml.as_bytes())?),
        Asked::Run(config) => serve(*config),
    }
}

/// A command line that makes no sense is told from settings that do not.
fn failure(error: ConfigError) -> Failure {
    match error {
        ConfigError::UnknownFlag { .. }
        | ConfigError::UnknownShort(_)
        | ConfigError::NeedsValue(_)
        | ConfigError::UnexpectedArgument(_) => Failure::Usage(error.to_string()),
        other => Failure::of(other),
    }
}

fn serve(config: Config) -> Result<(), Failure> {
    // From here on a signal ends the server in order, also while it starts.
    let signalled = signals::watch()?;
    let _logging = logging::init(&config.log, Clock::system()).map_err(Failure::of)?;
    let mut err = io::stderr();
    for warning in &config.warnings {
        banner::warn(&mut err, warning)?;
    }
    let running = Running::start(config, Hands::default()).map_err(Failure::of)?;

    let mut out = io::stdout();
    let deployment = &running.deployment;
    // The HTTP listener comes first, where there is one.
    let http = deployment.config.http_address.iter().map(|_| Scheme::Http);
    for (scheme, address) in http.chain([Scheme::Https]).zip(running.addresses()) {
        banner::started(&mut out, scheme, &address)?;
    }
    banner::web_ui(&mut out, &deployment.access_url)?;
    banner::logs_follow(&mut out)?;
    signals::notify_ready();

    match signalled.recv().map_err(Failure::of)? {
        Signal::Stop => banner::stopped(&mut out)?,
        Signal::Interrupt => banner::interrupted(&mut out)?,
    }
    signals::notify_stopping();
    running.stop();
    Ok(())
}
