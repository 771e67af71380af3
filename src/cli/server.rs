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
    for warning in &config.warnings {
        let _ = banner::warn(&mut io::stderr(), warning);
    }
    let running = Running::start(config, Hands::default()).map_err(Failure::of)?;

    // The server serves whether or not anybody reads what it says.
    let _ = announce(&running);
    signals::notify_ready();
    let data_dir = running.deployment.config.data_dir.display().to_string();
    log::info!(access_url = running.deployment.access_url.as_str(), data_dir = data_dir.as_str(); "ready");

    let signal = signalled.recv().map_err(Failure::of)?;
    let _ = match signal {
        Signal::Stop => banner::stopped(&mut io::stdout()),
        Signal::Interrupt => banner::interrupted(&mut io::stdout()),
    };
    signals::notify_stopping();
    running.stop();
    log::info!("stopped");
    Ok(())
}

/// Says where the server is to be found.
fn announce(running: &Running) -> io::Result<()> {
    let mut out = io::stdout();
    let deployment = &running.deployment;
    // The HTTP listener comes first, where there is one.
    let http = deployment.config.http_address.iter().map(|_| Scheme::Http);
    for (scheme, address) in http.chain([Scheme::Https]).zip(running.addresses()) {
        banner::started(&mut out, scheme, &address)?;
    }
    banner::web_ui(&mut out, &deployment.access_url)?;
    banner::logs_follow(&mut out)
}
