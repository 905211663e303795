//! The administrator's own iptables rules (the guide's `iptables-preload`): what of them is absent
//! is added, and nothing is ever taken away.

mod saved;

use super::tool;
use saved::Saved;
use std::io;
use std::path::{Path, PathBuf};

/// Why rules were not loaded. Then none of the file's were.
#[derive(Debug, thiserror::Error)]
pub enum PreloadError {
    /// The file cannot be read.
    #[error("{} cannot be read: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// iptables cannot be used.
    #[error("the rules of {} are not loaded: {cause}; install the package iptables", path.display())]
    NoIptables {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// iptables does not take the rules.
    #[error(
        "the rules of {} are not loaded, none of them: {cause}; mend the file (its form is that of \
         iptables-save) and restart the cluster controller", path.display()
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// What iptables says, with the line of the file.
        cause: String,
    },
}

/// Adds the rules of a file that the host does not have yet, each at the end of its chain; gives
/// these. A rule that is in the file several times is there as often afterwards. No file, no rules.
///
/// # Errors
/// See [`PreloadError`].
pub async fn preload(path: &Path) -> Result<Vec<String>, PreloadError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(PreloadError::Read { path: path.to_owned(), cause }),
    };
    let there = Saved::parse(&iptables(path, "iptables-save", &[], String::new(), 0).await?);
    let wanted = Saved::parse(&normal_form(path, &text, &there).await?);
    let absent = there.lacks(&wanted);
    if !absent.rules.is_empty() || !absent.input.is_empty() {
        iptables(path, "iptables-restore", &["--noflush"], absent.input, 0).await?;
    }
    Ok(absent.rules)
}

/// The rules as iptables itself would write them, so that they can be compared. It loads them where
/// nobody else has rules: in a network namespace that ends with the command. What is wrong with
/// them shows there. They may name the chains that this host has.
async fn normal_form(path: &Path, text: &str, there: &Saved) -> Result<String, PreloadError> {
    const TRIAL: [&str; 4] =
        ["--net", "sh", "-c", "iptables-restore --noflush && exec iptables-save"];
    let chains = there.chains();
    let before = chains.lines().count();
    iptables(path, "unshare", &TRIAL, chains + text, before).await
}

async fn iptables(
    path: &Path,
    program: &str,
    options: &[&str],
    input: String,
    lines_before: usize,
) -> Result<String, PreloadError> {
    let output = tool::run(program, options, input).await;
    let output =
        output.map_err(|cause| PreloadError::NoIptables { path: path.to_owned(), cause })?;
    if !output.status.success() {
        let cause = saved::renumbered(&tool::complaint(&output), lines_before);
        return Err(PreloadError::Refused { path: path.to_owned(), cause });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
