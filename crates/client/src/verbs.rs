//! The tools by name, and what they have in common.

mod account;
mod addresses;
mod attributes;
mod bundle_image;
mod console;
mod groups;
mod identity;
mod image_attributes;
mod images;
mod install_image;
mod instances;
mod keypairs;
mod metadata;
mod monitoring;
mod power;
mod rules;
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
    ($($verb:literal $(| $alias:literal)* => $options:ty,)*) => {
        /// The names of all tools, Amazon's short names among them.
        pub const VERBS: &[&str] =
            &[$(concat!("euca-", $verb), concat!("ec2-", $verb), $($alias,)*)*];

        /// The tool of a name: the name as a constant, and the function that runs it.
        fn find(name: &str) -> Option<(&'static str, Run)> {
            $(
                for known in [concat!("euca-", $verb), concat!("ec2-", $verb), $($alias),*] {
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
    "add-group" | "ec2addgrp" => groups::Add,
    "add-keypair" | "ec2addkey" => keypairs::Add,
    "allocate-address" | "ec2allocaddr" => addresses::Allocate,
    "associate-address" | "ec2assocaddr" => addresses::Associate,
    "authorize" | "ec2auth" => groups::Authorize,
    "bundle-image" => bundle_image::BundleImage,
    "confirm-product-instance" | "ec2cpi" => image_attributes::ConfirmProductInstance,
    "create-tags" | "ec2addtag" => tags::Create,
    "delete-group" | "ec2delgrp" => groups::Delete,
    "delete-keypair" | "ec2delkey" => keypairs::Delete,
    "delete-tags" | "ec2deltag" => tags::Delete,
    "deregister" | "ec2dereg" => images::Deregister,
    "describe-account-attributes" => account::DescribeAttributes,
    "describe-addresses" | "ec2daddr" => addresses::Describe,
    "describe-availability-zones" | "ec2daz" => zones::Describe,
    "describe-group" | "ec2dgrp" => groups::Describe,
    "describe-groups" => groups::Describe,
    "describe-image-attribute" | "ec2datt" | "ec2dimatt" => image_attributes::Describe,
    "describe-images" | "ec2dim" => images::Describe,
    "describe-instance-attribute" | "ec2dinatt" => attributes::Describe,
    "describe-instance-status" | "ec2dis" => monitoring::DescribeStatus,
    "describe-instance-type-offerings" => account::DescribeOfferings,
    "describe-instance-types" => account::DescribeTypes,
    "describe-instances" | "ec2din" => instances::Describe,
    "describe-internet-gateways" | "ec2digw" => vpc::DescribeInternetGateways,
    "describe-keypairs" | "ec2dkey" => keypairs::Describe,
    "describe-network-interfaces" | "ec2dnic" => vpc::DescribeNetworkInterfaces,
    "describe-regions" | "ec2dre" => zones::DescribeRegions,
    "describe-route-tables" | "ec2drtb" => vpc::DescribeRouteTables,
    "describe-security-group-rules" => rules::Describe,
    "describe-subnets" | "ec2dsubnet" => vpc::DescribeSubnets,
    "describe-tags" | "ec2dtag" => tags::Describe,
    "describe-vpc-attribute" => vpc::DescribeVpcAttribute,
    "describe-vpcs" | "ec2dvpc" => vpc::DescribeVpcs,
    "disassociate-address" | "ec2disaddr" => addresses::Disassociate,
    "get-caller-identity" => identity::GetCallerIdentity,
    "get-console-output" | "ec2gcons" => console::GetConsoleOutput,
    "get-password" | "ec2gpass" => console::GetPassword,
    "get-user" => identity::GetUser,
    "import-keypair" | "ec2ikey" => keypairs::Import,
    "install-image" => install_image::InstallImage,
    "modify-image-attribute" | "ec2matt" | "ec2mimatt" => image_attributes::Modify,
    "modify-instance-attribute" | "ec2minatt" => attributes::Modify,
    "modify-instance-metadata-options" => metadata::ModifyOptions,
    "modify-security-group-rule" => rules::Modify,
    "monitor-instances" | "ec2mon" => monitoring::Monitor,
    "reboot-instances" | "ec2reboot" => instances::Reboot,
    "register" | "ec2reg" => images::Register,
    "release-address" | "ec2reladdr" => addresses::Release,
    "reset-image-attribute" | "ec2ratt" | "ec2rimatt" => image_attributes::Reset,
    "reset-instance-attribute" | "ec2rinatt" => attributes::Reset,
    "revoke" | "ec2revoke" => groups::Revoke,
    "run-instances" | "ec2run" => run_instances::RunInstances,
    "start-instances" | "ec2start" => power::Start,
    "stop-instances" | "ec2stop" => power::Stop,
    "terminate-instances" | "ec2kill" => instances::Terminate,
    "unmonitor-instances" | "ec2unmon" => monitoring::Unmonitor,
    "update-security-group-rule-description" => rules::UpdateDescription,
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
        assert!(["ec2run", "ec2din", "ec2kill", "ec2matt"].iter().all(|name| VERBS.contains(name)));
        let different: std::collections::BTreeSet<_> = VERBS.iter().collect();
        assert_eq!(different.len(), VERBS.len());
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
