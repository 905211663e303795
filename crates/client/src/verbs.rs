//! The tools by name, and what they have in common.

mod bundle_image;
mod console;
mod groups;
mod images;
mod instances;
mod keypairs;
mod power;
mod run_instances;
mod upload_bundle;
mod zones;

use crate::error::Error;
use crate::session::Session;
use crate::{Environment, Streams};
use clap::Parser;
use std::ffi::OsString;

const DONE: u8 = 0;
const FAILED: u8 = 1;
const MISUSED: u8 = 2;

/// A tool: its options, and what it does.
trait Verb: Parser {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error>;
}

type Run = fn(&'static str, Vec<OsString>, &Environment, &mut Streams<'_>) -> u8;

macro_rules! verbs {
    ($($verb:literal => $options:ty,)*) => {
        /// The names of all tools.
        pub const VERBS: &[&str] = &[$(concat!("euca-", $verb), concat!("ec2-", $verb),)*];

        /// The tool of a name: the name as a constant, and the function that runs it.
        fn find(name: &str) -> Option<(&'static str, Run)> {
            $(
                for known in [concat!("euca-", $verb), concat!("ec2-", $verb)] {
                    if name == known {
                        return Some((known, start::<$options>));
                    }
                }
            )*
            None
        }
    };
}

verbs! {
    "add-group" => groups::Add,
    "add-keypair" => keypairs::Add,
    "authorize" => groups::Authorize,
    "bundle-image" => bundle_image::BundleImage,
    "delete-group" => groups::Delete,
    "delete-keypair" => keypairs::Delete,
    "deregister" => images::Deregister,
    "describe-availability-zones" => zones::Describe,
    "describe-group" => groups::Describe,
    "describe-groups" => groups::Describe,
    "describe-images" => images::Describe,
    "describe-instances" => instances::Describe,
    "describe-keypairs" => keypairs::Describe,
    "describe-regions" => zones::DescribeRegions,
    "get-console-output" => console::GetConsoleOutput,
    "reboot-instances" => instances::Reboot,
    "register" => images::Register,
    "revoke" => groups::Revoke,
    "run-instances" => run_instances::RunInstances,
    "start-instances" => power::Start,
    "stop-instances" => power::Stop,
    "terminate-instances" => instances::Terminate,
    "upload-bundle" => upload_bundle::UploadBundle,
}

/// Runs the tool of this name.
pub(crate) fn run(
    name: &str,
    args: Vec<OsString>,
    environment: &Environment,
    streams: &mut Streams<'_>,
) -> u8 {
    match find(name) {
        Some((name, run)) => run(name, args, environment, streams),
        None => {
            let _ = writeln!(streams.err, "{name}: there is no such tool");
            MISUSED
        }
    }
}

fn start<V: Verb>(
    name: &'static str,
    args: Vec<OsString>,
    environment: &Environment,
    streams: &mut Streams<'_>,
) -> u8 {
    let command = V::command().name(name).bin_name(name);
    let parsed = command
        .try_get_matches_from(std::iter::once(OsString::from(name)).chain(args))
        .and_then(|mut matches| V::from_arg_matches_mut(&mut matches));
    let outcome = match parsed {
        Ok(verb) => verb.run(&mut Session { environment, streams: &mut *streams }),
        Err(told) => return explain(&told, streams),
    };
    match outcome {
        Ok(()) => DONE,
        Err(Error::Print(_)) => FAILED,
        Err(error @ Error::Refused { .. }) => {
            // scripts look for the code at the start of the line, as Amazon's tools print it
            let _ = writeln!(streams.err, "{error}");
            FAILED
        }
        Err(error) => {
            let _ = writeln!(streams.err, "{name}: {error}");
            if matches!(error, Error::Option { .. }) { MISUSED } else { FAILED }
        }
    }
}

/// Help that was asked for goes to the output; a misuse is explained on the error stream.
fn explain(told: &clap::Error, streams: &mut Streams<'_>) -> u8 {
    let text = told.render().to_string();
    if told.use_stderr() {
        let _ = write!(streams.err, "{text}");
        return MISUSED;
    }
    let _ = write!(streams.out, "{text}");
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_both_names_and_sound_options() {
        assert!(VERBS.contains(&"euca-run-instances") && VERBS.contains(&"ec2-run-instances"));
        for name in VERBS {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut streams = Streams { out: &mut out, err: &mut err, watched: false };
            let code = run(name, vec!["--help".into()], &Environment::default(), &mut streams);
            let help = String::from_utf8(out).unwrap();
            assert_eq!(code, DONE, "{name}");
            assert!(help.contains(&format!("Usage: {name}")), "{help}");
        }
    }
}
