//! The `rockpool` command: hands its arguments to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rockpool::cli::main()
}
