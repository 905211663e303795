//! Asking the cluster controller of this machine.

use crate::error::ToolError;
use crate::socket::{self, Method};
use crate::users::layout;
use serde::de::DeserializeOwned;
use std::path::Path;

/// What it answers at a path of its socket.
pub(crate) fn ask<T: DeserializeOwned>(file: &Path, path: &str) -> Result<T, ToolError> {
    let cluster = layout(file)?.cluster_socket();
    let asked = socket::json(&cluster, Method::GET, path, None);
    asked.map_err(|error| match error {
        ToolError::CloudAway(socket) => ToolError::Cluster(format!(
            "nothing listens at {}; start it with: eucalyptus start, or run this on the machine \
             where it runs",
            socket.display()
        )),
        ToolError::NotRoot(socket) => {
            ToolError::Cluster(format!("no permission for {}; try sudo", socket.display()))
        }
        ToolError::Conversation(cause) => ToolError::Cluster(format!("{cause}; see cc.log")),
        other => other,
    })
}
