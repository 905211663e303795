//! New keys for the components.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::admin::{ISSUE_KEYS, IssuedKeys, KeyOwner, ROTATE_KEYS};
use std::io::Write;
use std::path::Path;

/// Has new keys made for these nodes and clusters, or for everybody.
pub(crate) fn rotate(cloud: &Path, names: &str, out: &mut dyn Write) -> Result<(), ToolError> {
    let names: Vec<&str> = names.split_ascii_whitespace().collect();
    let body = serde_json::to_vec(&names).map_err(|e| ToolError::Conversation(e.to_string()))?;
    let rotated: Vec<IssuedKeys> = socket::json(cloud, Method::POST, ROTATE_KEYS, Some(body))?;
    for keys in rotated {
        let (owner, next) = match (keys.owner, keys.here) {
            (KeyOwner::Cloud, _) => ("cloud controller".to_owned(), None),
            (KeyOwner::Cluster(name), true) => (format!("cluster {name}"), None),
            (KeyOwner::Node(name), true) => (format!("node {name}"), None),
            (KeyOwner::Cluster(name), false) => {
                (format!("cluster {name}"), Some(format!("euca_sync_key --cluster {name}")))
            }
            (KeyOwner::Node(name), false) => {
                (format!("node {name}"), Some(format!("euca_sync_key {name}")))
            }
        };
        match next {
            Some(next) => writeln!(out, "{owner}: new keys are made; bring them there: {next}")?,
            None => writeln!(out, "{owner}: new keys are in use within seconds")?,
        }
    }
    Ok(writeln!(out, "the old ones are accepted until they end")?)
}

/// Has the keys of a component issued, if it has none yet.
pub(crate) fn issue(cloud: &Path, owner: &KeyOwner) -> Result<IssuedKeys, ToolError> {
    let body = serde_json::to_vec(owner).map_err(|e| ToolError::Conversation(e.to_string()))?;
    socket::json(cloud, Method::POST, ISSUE_KEYS, Some(body))
}
