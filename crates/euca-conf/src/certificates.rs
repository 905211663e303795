//! The certificates that users sign bundles and SOAP messages with.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::admin::{CERTIFICATES, Certificate, NewCertificate, USERS};
use std::io::{Read, Write};
use std::path::Path;
use types::UserName;

/// The longest file that can be a certificate, in bytes.
const LONGEST_FILE: u64 = 32 << 10;

pub(crate) fn list(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let all: Vec<Certificate> = socket::json(cloud, Method::GET, CERTIFICATES, None)?;
    writeln!(out, "{:40}  {:24}  USER", "FINGERPRINT", "SINCE")?;
    for Certificate { fingerprint, user, created } in all {
        writeln!(out, "{fingerprint:40}  {created}  {user}")?;
    }
    Ok(())
}

pub(crate) fn add(
    cloud: &Path,
    pem: &Path,
    user: &UserName,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let body = serde_json::to_vec(&NewCertificate { pem: read(pem)? })
        .map_err(|error| ToolError::Conversation(error.to_string()))?;
    let path = format!("{USERS}/{user}/certificates");
    let added: Certificate = socket::json(cloud, Method::POST, &path, Some(body))?;
    Ok(writeln!(out, "{} is a certificate of {user}", added.fingerprint)?)
}

fn read(path: &Path) -> Result<String, ToolError> {
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
    read.map_err(|source| ToolError::ReadCertificate { path: path.to_owned(), source })?;
    Ok(text)
}

pub(crate) fn delete(cloud: &Path, print: &str, out: &mut dyn Write) -> Result<(), ToolError> {
    socket::call(cloud, Method::DELETE, &format!("{CERTIFICATES}/{print}"), None)?;
    Ok(writeln!(out, "certificate {print} is refused from now on")?)
}
