//! The cluster commands: each is one request to the cloud controller.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::Networks;
use protocol::admin::{CLUSTERS, ClusterStanding, ClusterStatus, NewCluster};
use std::io::Write;
use std::path::Path;
use types::ClusterName;

/// What is asked of the clusters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClusterCommand {
    List,
    Register { name: ClusterName, endpoint: String },
    Deregister { name: ClusterName, lost: bool },
}

pub(crate) fn manage(
    cloud: &Path,
    command: &ClusterCommand,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    match command {
        ClusterCommand::List => list(cloud, out),
        ClusterCommand::Register { name, endpoint } => register(cloud, name, endpoint, out),
        ClusterCommand::Deregister { name, lost } => {
            let path = format!("{CLUSTERS}/{name}?lost={lost}");
            socket::call(cloud, Method::DELETE, &path, None)?;
            Ok(writeln!(out, "cluster {name} is deregistered")?)
        }
    }
}

fn register(
    cloud: &Path,
    name: &ClusterName,
    endpoint: &str,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let body = serde_json::to_vec(&NewCluster { endpoint: endpoint.to_owned() })
        .map_err(|error| ToolError::Conversation(error.to_string()))?;
    let path = format!("{CLUSTERS}/{name}");
    let status: ClusterStatus = socket::json(cloud, Method::PUT, &path, Some(body))?;
    writeln!(out, "cluster {} is registered, its controller at {}", status.name, status.endpoint)?;
    Ok(writeln!(out, "keys for that machine: euca_sync_key --cluster {name}")?)
}

fn list(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let clusters: Vec<ClusterStatus> = socket::json(cloud, Method::GET, CLUSTERS, None)?;
    for cluster in &clusters {
        show(cluster, out)?;
    }
    Ok(())
}

/// A line for the cluster, one for its private addresses, one for its public ones and one for each
/// problem.
fn show(cluster: &ClusterStatus, out: &mut dyn Write) -> Result<(), ToolError> {
    let ClusterStatus { name, endpoint, reachable, nodes, instances, .. } = cluster;
    let since = match (cluster.since, reachable) {
        (Some(since), true) => format!("up since {since}"),
        (Some(since), false) => format!("down since {since}"),
        (None, _) => "not reached yet".to_owned(),
    };
    let up = nodes.iter().filter(|node| node.reachable).count();
    let lag = match cluster.lag {
        Some(0) => "up to date".to_owned(),
        Some(lag) => format!("{lag} changes behind"),
        None => "lag unknown".to_owned(),
    };
    let standing = match cluster.standing {
        ClusterStanding::Here => "this machine's",
        ClusterStanding::Registered => "registered",
        ClusterStanding::Left => "not configured any more",
    };
    let nodes = format!("{up} of {} nodes", nodes.len());
    writeln!(
        out,
        "{name}  {endpoint}  {since}  {nodes}, {instances} instances, {lag}  ({standing})"
    )?;
    match &cluster.settings {
        Some(it) => {
            writeln!(out, "    {}, {}", addresses(&it.networks), it.policy)?;
            let pool = it.public_addresses.as_ref().filter(|pool| !pool.is_empty());
            if let Some(pool) = pool {
                writeln!(out, "    public addresses: {pool}")?;
            }
        }
        None => {
            writeln!(out, "    takes no launches: its controller has not told its VNET_SUBNET")?
        }
    }
    for problem in &cluster.problems {
        writeln!(out, "    problem: {problem}")?;
    }
    Ok(())
}

/// Where the addresses of instances are from.
fn addresses(networks: &Networks) -> String {
    match networks {
        Networks::Managed { subnet, addrs_per_net } => {
            format!("{subnet}, {addrs_per_net} addresses a group")
        }
        Networks::Static { subnet, pairs } => {
            format!("STATIC, {subnet}, {} address pairs", pairs.len())
        }
        Networks::System => "SYSTEM, addresses of the site".to_owned(),
    }
}
