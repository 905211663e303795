//! The `eucalyptus` binary: the three daemons, the commands that start and stop them, and every
//! tool of the guides under its own name.
//!
//! This crate only reads configuration, builds the parts, starts, waits and drains.

mod cli;
mod component;
mod daemon;
mod fsck;
mod log;
mod logfile;
mod pidfile;
mod supervise;
mod tools;
mod unit;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    match tools::named(&args) {
        Some((name, rest)) => tools::run(&name, rest),
        None => cli::run(args),
    }
}
