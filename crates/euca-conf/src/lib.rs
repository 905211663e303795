//! `euca_conf`: edits `eucalyptus.conf` with the flags of the guides, sets a new machine up, and
//! manages the cloud's users, clusters, VM types and keys through the cloud controller's socket.
//! `euca_sync_key` ([`sync`]) brings keys to other machines.

mod addresses;
mod args;
mod certificates;
mod check;
mod cluster;
mod clusters;
mod edit;
mod error;
mod ignored;
mod images;
mod keys;
mod network;
mod nodes;
mod socket;
pub mod sync;
mod users;
mod vm_types;
mod walrus;

use args::{Command, Invocation, Parsed};
use error::ToolError;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The names under which this tool is called.
pub const NAMES: &[&str] = &["euca_conf", "euca-conf"];

const USAGE: &str = include_str!("usage.txt");

/// What the tool takes from its surroundings.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// EUCALYPTUS, the root directory.
    pub root: Option<OsString>,
    /// PATH, where programs are looked for; that of the process when it is not given.
    pub path: Option<OsString>,
}

/// Runs a tool with the surroundings and the output of this process.
fn in_this_process(
    tool: impl FnOnce(&Environment, &mut dyn Write, &mut dyn Write) -> ExitCode,
) -> ExitCode {
    let environment = Environment { root: std::env::var_os("EUCALYPTUS"), path: None };
    tool(&environment, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
}

/// Runs the tool in this process' surroundings. `args` is what follows its name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    in_this_process(|environment, out, err| run(args, environment, out, err))
}

/// Runs the tool. `args` is what follows its name. Returns 0, or 1 after an error was told to
/// `err`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let done = args::parse(args).and_then(|parsed| match parsed {
        Parsed::Help => Ok(out.write_all(USAGE.as_bytes())?),
        Parsed::Version => Ok(writeln!(out, "euca_conf {}", env!("CARGO_PKG_VERSION"))?),
        Parsed::Invocation(invocation) => invoke(&invocation, environment, out, err),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // nobody is left to tell when this fails too
            let _ = match error {
                ToolError::NoArguments => err.write_all(USAGE.as_bytes()),
                error => writeln!(err, "euca_conf: {error}"),
            };
            ExitCode::FAILURE
        }
    }
}

fn invoke(
    invocation: &Invocation,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ToolError> {
    let root = invocation.directory.clone().map(PathBuf::into_os_string);
    let root = root.or_else(|| environment.root.clone()).filter(|root| !root.is_empty());
    let file = invocation.file.clone().unwrap_or_else(|| conf::default_path(root.as_deref()));
    match &invocation.command {
        Command::Edit(edit) => edit::edit(&file, root.as_deref(), edit, out),
        Command::Check => check::check(&file, out, err),
        Command::CheckNetwork => network::check(&file, out),
        Command::ShowNetwork => network::show(&file, out),
        Command::Ignored => ignored::list(&file, out),
        Command::Nodes(command) => nodes::manage(&file, command, out, err),
        Command::Users(command) => users::manage(&file, command, out),
        Command::Clusters(command) => clusters::manage(&users::cloud_socket(&file)?, command, out),
        Command::VmTypes(command) => vm_types::manage(&users::cloud_socket(&file)?, command, out),
        Command::Walrus(command) => walrus::manage(&users::cloud_socket(&file)?, command, out),
        Command::RotateKeys(names) => keys::rotate(&users::cloud_socket(&file)?, names, out),
    }
}
