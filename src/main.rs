//! The `rockpool` command: hands its arguments to the library.

use rockpool::config::{Asked, Config};
use rockpool::server::{Hands, Running};

fn main() {
    let env = std::env::vars().collect();
    match Config::read(std::env::args_os().skip(2), &env) {
        Ok(Asked::Run(config)) => {
            let running = Running::start(*config, Hands::default()).unwrap_or_else(|e| {
                eprintln!("error: {e}");
                std::process::exit(1)
            });
            println!("Started HTTP listener at {}", running.deployment.access_url);
            std::thread::park();
            running.stop();
        }
        Ok(_) => {}
        Err(e) => eprintln!("error: {e}"),
    }
}
