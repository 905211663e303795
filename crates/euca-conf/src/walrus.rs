//! What users hold in Walrus, and what they may.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::admin::{WALRUS_LIMITS, WALRUS_USAGE, WalrusUsage};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use types::WalrusLimits;

/// What is asked of Walrus.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WalrusCommand {
    Limits,
    /// The limits to change; it has been seen that they can be read.
    SetLimits(String),
    Usage,
}

pub(crate) fn manage(
    cloud: &Path,
    command: &WalrusCommand,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    match command {
        WalrusCommand::Limits => show_limits(cloud, out),
        WalrusCommand::SetLimits(text) => {
            let limits = limits(cloud)?.with(text);
            let limits = limits.map_err(|wrong| ToolError::Usage(wrong.to_string()))?;
            let body = serde_json::to_vec(&limits);
            let body = body.map_err(|error| ToolError::Conversation(error.to_string()))?;
            socket::call(cloud, Method::PUT, WALRUS_LIMITS, Some(body))?;
            show_limits(cloud, out)
        }
        WalrusCommand::Usage => show_usage(cloud, out),
    }
}

fn limits(cloud: &Path) -> Result<WalrusLimits, ToolError> {
    socket::json(cloud, Method::GET, WALRUS_LIMITS, None)
}

fn show_limits(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    writeln!(out, "{}", limits(cloud)?)?;
    Ok(())
}

fn show_usage(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let usage: WalrusUsage = socket::json(cloud, Method::GET, WALRUS_USAGE, None)?;
    let mut names = BTreeMap::new();
    for user in &usage.users {
        let name = user.name.as_ref().map_or_else(|| user.account.to_string(), ToString::to_string);
        names.insert(user.account, name);
    }
    let owner = |account| names.get(account).map_or("", String::as_str);
    let wide =
        |widths: &mut dyn Iterator<Item = usize>, least| widths.max().unwrap_or(0).max(least);
    let users = wide(&mut names.values().map(String::len), 5);
    let buckets = wide(&mut usage.buckets.iter().map(|it| it.name.len()), 6);
    writeln!(out, "{:users$}  BUCKETS     OBJECTS             BYTES", "USER")?;
    for user in &usage.users {
        let (name, count) = (owner(&user.account), user.buckets);
        writeln!(out, "{name:users$}  {count:7}  {:10}  {:16}", user.objects, user.bytes)?;
    }
    writeln!(out, "\n{:buckets$}  {:users$}     OBJECTS             BYTES", "BUCKET", "OWNER")?;
    for bucket in &usage.buckets {
        let (name, owner) = (&bucket.name, owner(&bucket.owner));
        let (objects, bytes) = (bucket.objects, bucket.bytes);
        writeln!(out, "{name:buckets$}  {owner:users$}  {objects:10}  {bytes:16}")?;
    }
    Ok(())
}
