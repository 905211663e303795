//! The VM types that users launch.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::admin::VM_TYPES;
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use types::VmType;

/// What is asked of the VM types.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum VmTypeCommand {
    List,
    SetAll(Vec<VmType>),
    Set(VmType),
    Delete(String),
}

pub(crate) fn manage(
    cloud: &Path,
    command: &VmTypeCommand,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    match command {
        VmTypeCommand::List => {}
        VmTypeCommand::SetAll(types) => put(cloud, VM_TYPES, types)?,
        VmTypeCommand::Set(vm_type) => {
            put(cloud, &format!("{VM_TYPES}/{}", vm_type.name), &vm_type.figures)?;
        }
        VmTypeCommand::Delete(name) => {
            socket::call(cloud, Method::DELETE, &format!("{VM_TYPES}/{name}"), None)?;
        }
    }
    list(cloud, out)
}

fn put(cloud: &Path, path: &str, value: &impl Serialize) -> Result<(), ToolError> {
    let body = serde_json::to_vec(value).map_err(|e| ToolError::Conversation(e.to_string()))?;
    socket::call(cloud, Method::PUT, path, Some(body)).map(drop)
}

fn list(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let types: Vec<VmType> = socket::json(cloud, Method::GET, VM_TYPES, None)?;
    let width = types.iter().map(|it| it.name.len()).max().unwrap_or(0).max(4);
    writeln!(out, "{:width$}  CORES        MB        GB", "NAME")?;
    for VmType { name, figures } in types {
        let (cores, memory_mb, disk_gb) = (figures.cores, figures.memory_mb, figures.disk_gb);
        writeln!(out, "{name:width$}  {cores:5}  {memory_mb:8}  {disk_gb:8}")?;
    }
    Ok(())
}
