//! The node commands: NODES and DRAINED_NODES are edited, and the running cluster controller,
//! which notices that by itself, is asked what its nodes have.

mod table;

use crate::cluster;
use crate::edit::refuse_wrong;
use crate::error::ToolError;
use conf::NodeLists;
use protocol::admin::{NODES, NodeReport};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use types::NodeName;

/// What is to be done about nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeCommand {
    List,
    Change { change: Change, names: Vec<NodeName>, force: bool },
}

/// A change of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Register,
    Deregister,
    Drain,
    Undrain,
}

/// The change that a flag asks for.
pub(crate) fn change_of(flag: &str) -> Option<Change> {
    match flag {
        "--register-nodes" => Some(Change::Register),
        "--deregister-nodes" => Some(Change::Deregister),
        "--drain-nodes" => Some(Change::Drain),
        "--undrain-nodes" => Some(Change::Undrain),
        _ => None,
    }
}

/// The nodes that a flag's argument names, each once.
pub(crate) fn names(flag: &str, text: &str) -> Result<Vec<NodeName>, ToolError> {
    let name = |word: &str| {
        word.parse().map_err(|wrong: types::InvalidName| ToolError::Usage(wrong.to_string()))
    };
    let mut names: Vec<NodeName> = text.split_whitespace().map(name).collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    match names.is_empty() {
        false => Ok(names),
        true => Err(ToolError::Usage(format!("{flag} names no node"))),
    }
}

pub(crate) fn manage(
    file: &Path,
    command: &NodeCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ToolError> {
    match command {
        NodeCommand::List => list(file, out, err),
        NodeCommand::Change { change, names, force } => edit(file, *change, names, *force, out),
    }
}

fn edit(
    file: &Path,
    change: Change,
    names: &[NodeName],
    force: bool,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let before = conf::read(file)?;
    let mut lists = NodeLists::of(file, &before)?;
    if change != Change::Register
        && let Some(name) = names.iter().find(|name| !lists.nodes.contains(name))
    {
        return Err(ToolError::NoSuchNode { name: name.clone(), file: file.to_owned() });
    }
    let mut told = Vec::new();
    for name in names {
        told.push(apply(&mut lists, change, name));
    }
    if lists.nodes.is_empty() {
        return Err(ToolError::LastNode);
    }
    if change == Change::Deregister && !force {
        refuse_occupied(file, names)?;
    }
    let mut after = before.clone();
    lists.write(&mut after)?;
    refuse_wrong(file, &before, &after)?;
    if after != before {
        conf::save(file, &after)?;
    }
    told.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(())
}

/// Changes the lists for one node; says what came of it.
fn apply(lists: &mut NodeLists, change: Change, name: &NodeName) -> String {
    let (listed, drained) = (lists.nodes.contains(name), lists.drained.contains(name));
    match change {
        Change::Register if listed => format!("node {name} is registered already"),
        Change::Register => {
            lists.nodes.push(name.clone());
            format!("node {name} is registered; give it its keys with: euca_sync_key {name}")
        }
        Change::Deregister => {
            lists.nodes.retain(|other| other != name);
            lists.drained.retain(|other| other != name);
            format!("node {name} is deregistered")
        }
        Change::Drain if drained => format!("node {name} is drained already"),
        Change::Drain => {
            lists.drained.push(name.clone());
            format!("node {name} gets no new instances")
        }
        Change::Undrain if !drained => format!("node {name} is not drained"),
        Change::Undrain => {
            lists.drained.retain(|other| other != name);
            format!("node {name} gets new instances again")
        }
    }
}

/// Refuses to deregister nodes that have instances, or of which that cannot be known.
fn refuse_occupied(file: &Path, names: &[NodeName]) -> Result<(), ToolError> {
    let asked = cluster::ask::<Vec<NodeReport>>(file, NODES);
    let reports = asked.map_err(|cause| ToolError::Unasked(Box::new(cause)))?;
    let occupied =
        |report: &&NodeReport| names.contains(&report.status.name) && !report.instances.is_empty();
    match reports.iter().find(occupied) {
        None => Ok(()),
        Some(NodeReport { status, instances, .. }) => {
            let ids: Vec<String> = instances.iter().map(ToString::to_string).collect();
            Err(ToolError::Occupied { name: status.name.clone(), instances: ids.join(" ") })
        }
    }
}

fn list(file: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), ToolError> {
    match cluster::ask::<Vec<NodeReport>>(file, NODES) {
        Ok(reports) => table::write(&reports, out),
        Err(cause @ ToolError::Cluster(_)) => {
            let NodeLists { nodes, .. } = NodeLists::of(file, &conf::read(file)?)?;
            nodes.iter().try_for_each(|name| writeln!(out, "{name}"))?;
            writeln!(err, "euca_conf: only the names: {cause}")?;
            Ok(())
        }
        Err(other) => Err(other),
    }
}
