//! The command line tools of the guides: `euca-…` and `ec2-…`.
//!
//! They read the environment that `eucarc` sets, speak EC2's Query API and S3 like any other
//! client, and print the lines that Amazon's tools of 2009 print, because scripts read them.
//! Nothing here knows anything of the cloud that another client could not know.

mod ec2;
mod environment;
mod error;
mod http;
mod print;
mod progress;
mod s3;
mod session;
mod tls;
mod verbs;
mod xml;

pub use environment::Environment;
pub use verbs::VERBS;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Where a tool prints.
pub struct Streams<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Errors and progress.
    pub err: &'a mut dyn Write,
    /// Whether somebody watches `err`, so that progress is worth showing.
    pub watched: bool,
}

/// Runs a tool on the streams and with the environment of this process.
///
/// `name` is one of [`VERBS`], `args` is what follows it.
pub fn main(name: &str, args: Vec<OsString>) -> ExitCode {
    let watched = io::stderr().is_terminal();
    let mut streams =
        Streams { out: &mut io::stdout().lock(), err: &mut io::stderr().lock(), watched };
    ExitCode::from(run(name, args, &Environment::of_this_process(), &mut streams))
}

/// Runs a tool and gives its exit code: 0 when it did what it was asked, 1 when it could not,
/// 2 when its options are wrong.
pub fn run(
    name: &str,
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    streams: &mut Streams<'_>,
) -> u8 {
    verbs::run(name, args.into_iter().collect(), environment, streams)
}
