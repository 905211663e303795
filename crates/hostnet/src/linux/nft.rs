//! Our tables, through `nft`: one process and one transaction each time.

use super::generation;
use crate::HostNetError;
use netplan::{Ruleset, Table};
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long `nft` may take; 5,000 rules take a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// One side's tables: what was written last, and what is known of it since.
///
/// A new process knows nothing yet and writes once. That is safe at any time: the transaction
/// replaces the tables whole, and connections outlive them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    written: Option<Written>,
}

#[derive(Debug)]
struct Written {
    rules: Ruleset,
    /// How the kernel showed the tables.
    listing: String,
    /// The number of the host's rules before it did: while that is the same nobody needs to look
    /// again. None where the kernel does not tell.
    generation: Option<u32>,
}

impl Tables {
    /// Makes the tables hold these rules, or not exist. Gives a line for the log when they did not.
    pub(super) async fn ensure(
        &mut self,
        tables: &[Table],
        rules: Option<&Ruleset>,
    ) -> Result<Option<String>, HostNetError> {
        let Some(rules) = rules else { return self.remove(tables).await };
        let mut known = None;
        if let Some(last) = self.written.take() {
            known = last.if_still_there(tables).await;
        }
        if known.as_ref().is_some_and(|known| known.rules == *rules) {
            self.written = known;
            return Ok(None);
        }
        let change = known.and_then(|known| rules.change_from(&known.rules));
        let done = if change.is_some() { "changed" } else { "replaced" };
        nft(change.unwrap_or_else(|| rules.transaction().to_owned())).await?;
        let generation = generation::now().ok();
        let listing = list(tables).await?;
        self.written = Some(Written { rules: rules.clone(), listing, generation });
        Ok(Some(format!("nftables {} {done}", names(tables))))
    }

    async fn remove(&mut self, tables: &[Table]) -> Result<Option<String>, HostNetError> {
        self.written = None;
        let mut present = Vec::new();
        for table in tables {
            present.extend(list(&[*table]).await.is_ok().then_some(*table));
        }
        if present.is_empty() {
            return Ok(None);
        }
        nft(Ruleset::removal(&present)).await?;
        Ok(Some(format!("nftables {} removed", names(&present))))
    }
}

impl Written {
    /// None when somebody has changed the tables since.
    async fn if_still_there(self, tables: &[Table]) -> Option<Self> {
        let generation = generation::now().ok();
        if generation.is_some() && generation == self.generation {
            return Some(self);
        }
        let same = list(tables).await.is_ok_and(|listing| listing == self.listing);
        same.then_some(Self { generation, ..self })
    }
}

fn names(tables: &[Table]) -> String {
    let name = |table: &Table| format!("table {} {}", table.family.as_str(), table.name);
    tables.iter().map(name).collect::<Vec<_>>().join(" and ")
}

/// The tables as the kernel has them, with the handles of rules: what was deleted and added again
/// is told apart. One process for each: nft 1.0.6 finds only one of the tables that it is asked for.
async fn list(tables: &[Table]) -> Result<String, HostNetError> {
    let mut listing = String::new();
    for table in tables {
        listing += &show(table.family.as_str(), table.name).await?;
    }
    Ok(listing)
}

/// Every base chain of the host.
pub(super) async fn base_chains() -> Result<serde_json::Value, HostNetError> {
    let listing = nft(json!({"nftables": [{"list": {"chains": null}}]}).to_string()).await?;
    serde_json::from_str(&listing).map_err(|error| HostNetError::Rules(error.to_string()))
}

/// One table as JSON.
pub(super) async fn show(family: &str, name: &str) -> Result<String, HostNetError> {
    nft(json!({"nftables": [{"list": {"table": {"family": family, "name": name}}}]}).to_string())
        .await
}

async fn nft(commands: String) -> Result<String, HostNetError> {
    let no_nft = |error: std::io::Error| HostNetError::NoNft(error.to_string());
    let path = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin";
    let mut child = Command::new("nft")
        .args(["-j", "-s", "-f", "-"])
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(no_nft)?;
    let stdin = child.stdin.take();
    let feed = async move {
        if let Some(mut stdin) = stdin {
            stdin.write_all(commands.as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let talk = async { tokio::join!(feed, child.wait_with_output()) };
    let (fed, output) = tokio::time::timeout(PATIENCE, talk)
        .await
        .map_err(|_| HostNetError::Rules(format!("no answer within {PATIENCE:?}")))?;
    let output = output.map_err(no_nft)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(HostNetError::Rules(text.lines().take(5).collect::<Vec<_>>().join("; ")));
    }
    fed.map_err(no_nft)?;
    String::from_utf8(output.stdout).map_err(|error| HostNetError::Rules(error.to_string()))
}
