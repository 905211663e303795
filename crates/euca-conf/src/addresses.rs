//! How many public addresses a user may have.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::admin::ADDRESSES_PER_USER;
use std::io::Write;
use std::path::Path;

/// Prints the number.
pub(crate) fn show(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let most: u32 = socket::json(cloud, Method::GET, ADDRESSES_PER_USER, None)?;
    writeln!(out, "{most}")?;
    Ok(())
}

/// Sets the number, and prints it.
pub(crate) fn set(cloud: &Path, most: u32, out: &mut dyn Write) -> Result<(), ToolError> {
    let body = most.to_string().into_bytes();
    socket::call(cloud, Method::PUT, ADDRESSES_PER_USER, Some(body))?;
    show(cloud, out)
}
