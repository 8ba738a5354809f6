use std::process::ExitCode;

use clap::Parser;
use seatcast::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = cli.log_format();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}
