//! The tools by name, and what they have in common.

mod account;
mod addresses;
mod attributes;
mod bundle_image;
mod console;
mod groups;
mod images;
mod instances;
mod keypairs;
mod monitoring;
mod run_instances;
mod tags;
mod upload_bundle;
mod vpc;
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
    "allocate-address" => addresses::Allocate,
    "associate-address" => addresses::Associate,
    "authorize" => groups::Authorize,
    "bundle-image" => bundle_image::BundleImage,
    "create-tags" => tags::Create,
    "delete-group" => groups::Delete,
    "delete-keypair" => keypairs::Delete,
    "delete-tags" => tags::Delete,
    "deregister" => images::Deregister,
    "describe-account-attributes" => account::DescribeAttributes,
    "describe-addresses" => addresses::Describe,
    "describe-availability-zones" => zones::Describe,
    "describe-group" => groups::Describe,
    "describe-groups" => groups::Describe,
    "describe-images" => images::Describe,
    "describe-instance-attribute" => attributes::Describe,
    "describe-instance-status" => monitoring::DescribeStatus,
    "describe-instance-types" => account::DescribeTypes,
    "describe-instances" => instances::Describe,
    "describe-internet-gateways" => vpc::DescribeInternetGateways,
    "describe-keypairs" => keypairs::Describe,
    "describe-network-interfaces" => vpc::DescribeNetworkInterfaces,
    "describe-regions" => zones::DescribeRegions,
    "describe-route-tables" => vpc::DescribeRouteTables,
    "describe-subnets" => vpc::DescribeSubnets,
    "describe-tags" => tags::Describe,
    "describe-vpcs" => vpc::DescribeVpcs,
    "disassociate-address" => addresses::Disassociate,
    "get-console-output" => console::GetConsoleOutput,
    "get-password" => console::GetPassword,
    "modify-instance-attribute" => attributes::Modify,
    "monitor-instances" => monitoring::Monitor,
    "reboot-instances" => instances::Reboot,
    "register" => images::Register,
    "release-address" => addresses::Release,
    "reset-instance-attribute" => attributes::Reset,
    "revoke" => groups::Revoke,
    "run-instances" => run_instances::RunInstances,
    "terminate-instances" => instances::Terminate,
    "unmonitor-instances" => monitoring::Unmonitor,
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
