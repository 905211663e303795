//! `euca_sync_key`: brings the keys of nodes and cluster controllers to their machines over ssh.
//!
//! The running cloud controller issues them; its own key never leaves its machine. A machine gets
//! its component's pair and the authority's certificate, and nothing else.

mod remote;

use crate::error::ToolError;
use crate::{Environment, keys, users};
use conf::{Layout, is_here};
use protocol::admin::{IssuedKeys, KeyOwner};
use remote::{Copied, Remote};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use types::{ClusterName, NodeName};

/// The names under which this tool is called.
pub const NAMES: &[&str] = &["euca_sync_key", "euca-sync-key"];

const USAGE: &str = include_str!("sync/usage.txt");

/// What is asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    file: Option<PathBuf>,
    /// The cluster whose controller is on the hosts; none for nodes.
    cluster: Option<ClusterName>,
    hosts: Vec<NodeName>,
}

enum Parsed {
    Help,
    Asked(Asked),
}

/// Runs the tool in this process' surroundings. `args` is what follows its name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::in_this_process(|environment, out, err| run(args, environment, out, err))
}

/// Runs the tool. Returns 0, or 1 after what failed was told to `err`.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let done = parse(args).and_then(|parsed| match parsed {
        Parsed::Help => Ok(out.write_all(USAGE.as_bytes()).map(|()| true)?),
        Parsed::Asked(asked) => sync(&asked, environment, out, err),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // nobody is left to tell when this fails too
            let _ = writeln!(err, "euca_sync_key: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, ToolError> {
    let mut asked = Asked::default();
    let mut rest = args.into_iter();
    while let Some(arg) = rest.next() {
        let mut value = || {
            let value =
                rest.next().ok_or_else(|| usage(format!("{} needs an argument", arg.display())));
            value?.into_string().map_err(|text| usage(format!("{} is not UTF-8", text.display())))
        };
        let word = arg.to_str().unwrap_or_default();
        match word {
            "-h" | "-help" | "--help" => return Ok(Parsed::Help),
            "-c" => asked.file = Some(value()?.into()),
            "--cluster" => asked.cluster = Some(value()?.parse().map_err(wrong)?),
            "-q" => {
                let text = "-q: no command is run in the background any more; hosts are done one \
                            after the other, so that each can ask for a password";
                return Err(usage(text.to_owned()));
            }
            _ if word.starts_with('-') => return Err(usage(format!("{word} is not known"))),
            _ => asked.hosts.push(word.parse().map_err(wrong)?),
        }
    }
    Ok(Parsed::Asked(asked))
}

fn wrong(name: types::InvalidName) -> ToolError {
    usage(name.to_string())
}

fn usage(text: String) -> ToolError {
    ToolError::SyncUsage(text)
}

/// Does one host after the other; whether all are done.
fn sync(
    asked: &Asked,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<bool, ToolError> {
    let root = environment.root.clone().filter(|root| !root.is_empty());
    let file = asked.file.clone().unwrap_or_else(|| conf::default_path(root.as_deref()));
    let document = conf::read(&file)?;
    let cloud = users::cloud_socket(&file)?;
    let owner = |host: &NodeName| match &asked.cluster {
        Some(cluster) => KeyOwner::Cluster(cluster.clone()),
        None => KeyOwner::Node(host.clone()),
    };
    let hosts = match &asked.cluster {
        _ if !asked.hosts.is_empty() => asked.hosts.clone(),
        Some(cluster) => vec![host_of(&cloud, cluster)?],
        None => nodes(document.get("NODES").unwrap_or_default())?,
    };
    if hosts.is_empty() {
        return Err(usage("no host is named, and NODES is empty".to_owned()));
    }
    let remote_keys = Layout::new(document.get("EUCALYPTUS").unwrap_or_default()).keys();
    let mut all = true;
    for host in &hosts {
        if is_here(host) {
            writeln!(out, "{host}: skipped: it is this machine, to which nothing is copied")?;
            continue;
        }
        let done = match keys::issue(&cloud, &owner(host)) {
            // the next host would fare no better
            Err(error @ (ToolError::CloudAway(_) | ToolError::NotRoot(_))) => return Err(error),
            Err(error) => Err(error.to_string()),
            Ok(IssuedKeys { here: true, .. }) => {
                writeln!(out, "{host}: skipped: it is this machine, to which nothing is copied")?;
                continue;
            }
            Ok(keys) => Remote::new(host, &remote_keys, environment).and_then(|it| it.bring(&keys)),
        };
        match done {
            Ok(Copied::Already) => writeln!(out, "{host}: up to date")?,
            Ok(Copied::With(program)) => writeln!(out, "{host}: copied with {program}")?,
            Err(cause) => {
                all = false;
                writeln!(err, "{host}: failed: {cause}")?;
            }
        }
    }
    Ok(all)
}

/// The host that a cluster was registered with.
fn host_of(cloud: &std::path::Path, cluster: &ClusterName) -> Result<NodeName, ToolError> {
    let issued = keys::issue(cloud, &KeyOwner::Cluster(cluster.clone()))?;
    let host = issued.host.unwrap_or_default();
    host.parse().map_err(wrong)
}

fn nodes(text: &str) -> Result<Vec<NodeName>, ToolError> {
    text.split_ascii_whitespace().map(|name| name.parse().map_err(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Asked, String> {
        match parse(line.split_ascii_whitespace().map(OsString::from)) {
            Ok(Parsed::Asked(asked)) => Ok(asked),
            Ok(Parsed::Help) => panic!("{line}: help"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn hosts_a_file_and_a_cluster_are_understood() {
        let asked = parsed("-c /etc/e.conf --cluster two n1 10.0.0.7 fd00::7").unwrap();
        assert_eq!(asked.file, Some("/etc/e.conf".into()));
        assert_eq!(asked.cluster, Some("two".parse().unwrap()));
        assert_eq!(asked.hosts.len(), 3);
    }

    #[test]
    fn what_could_be_an_option_or_a_path_is_no_host() {
        for (line, expected) in [
            ("-oProxyCommand=reboot", "is not known"),
            ("root@n1", "node name"),
            ("n1;reboot", "node name"),
            ("n1/x", "node name"),
            ("$(reboot)", "node name"),
            ("-c", "-c needs an argument"),
            ("-q nohup n1", "-q: no command is run"),
            ("--cluster ../x n1", "cluster name"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
