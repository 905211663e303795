//! The tools of the guides, found by the name under which this program was called.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// Every name under which this program is a tool.
pub(crate) fn names() -> Vec<&'static str> {
    let administration = euca_conf::NAMES.iter().chain(euca_conf::sync::NAMES);
    administration.chain(client::VERBS.iter()).copied().collect()
}

/// The tool that is meant by the program's own name or by its first argument, and its arguments.
pub(crate) fn named(args: &[OsString]) -> Option<(String, Vec<OsString>)> {
    let tool = |arg: &OsString| {
        let name = Path::new(arg).file_name().and_then(OsStr::to_str)?;
        names().contains(&name).then(|| name.to_owned())
    };
    args.iter()
        .take(2)
        .enumerate()
        .find_map(|(at, arg)| Some((tool(arg)?, args[at + 1..].to_vec())))
}

/// Runs a tool to its end.
pub(crate) fn run(name: &str, args: Vec<OsString>) -> ExitCode {
    if euca_conf::NAMES.contains(&name) {
        return euca_conf::main(args);
    }
    if euca_conf::sync::NAMES.contains(&name) {
        return euca_conf::sync::main(args);
    }
    client::main(name, args)
}
