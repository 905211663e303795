//! Running the system's own network tools.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long a tool may take; `nft` writes 5,000 rules in a tenth of a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin";

/// Runs a tool to its end, with this as its input.
///
/// # Errors
/// When it cannot be run, does not take the whole input although it succeeds, or is too slow
/// ([`io::ErrorKind::TimedOut`]).
pub(super) async fn run(program: &str, options: &[&str], input: String) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(options)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let feed = async move {
        if let Some(mut stdin) = stdin {
            stdin.write_all(input.as_bytes()).await?;
        }
        Ok::<_, io::Error>(())
    };
    let talk = async { tokio::join!(feed, child.wait_with_output()) };
    let (fed, output) =
        tokio::time::timeout(PATIENCE, talk).await.map_err(|_| io::ErrorKind::TimedOut)?;
    let output = output?;
    if output.status.success() {
        fed?;
    }
    Ok(output)
}

/// The first lines of what a tool says against its input.
pub(super) fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().take(5).collect::<Vec<_>>().join("; ")
}
