//! Our tables, through `nft`: one process and one transaction each time.

use super::{generation, tool};
use crate::HostNetError;
use netplan::{Ruleset, Table};
use serde_json::json;
use std::io;
use tokio::task::JoinSet;
use types::crash_point;

/// How setpriv ends when there is no such program.
const NOT_FOUND: i32 = 127;

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
    listing: Listing,
    /// The number of the host's rules before it did: while that is the same nobody needs to look
    /// again. None where the kernel does not tell.
    generation: Option<u32>,
}

/// What the kernel shows of tables, read beside other work: nobody waits for it who does not need
/// it, and that of many rules takes longer than a change of one.
#[derive(Debug)]
enum Listing {
    Coming(JoinSet<Result<String, HostNetError>>),
    Here(String),
}

impl Tables {
    /// Makes the tables hold these rules, or not exist. Gives a line for the log when they did not.
    pub(super) async fn ensure(
        &mut self,
        tables: &'static [Table],
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
        crash_point("hostnet.rules-planned");
        nft(change.unwrap_or_else(|| rules.transaction())).await?;
        crash_point("hostnet.rules-written");
        let generation = generation::now().ok();
        let listing = Listing::begin(tables);
        self.written = Some(Written { rules: rules.clone(), listing, generation });
        Ok(Some(format!("nftables {} {done}", names(tables))))
    }

    /// Whether the tables are as they were written last; none when they were not, or cannot be read.
    pub(super) async fn hold(&mut self, tables: &[Table]) -> Option<bool> {
        let written = self.written.as_mut()?;
        let expected = written.listing.text().await?;
        match list(tables).await {
            Ok(listing) => Some(listing == expected),
            // A table that is gone cannot be listed.
            Err(HostNetError::Rules(_)) => Some(false),
            Err(_) => None,
        }
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
    async fn if_still_there(mut self, tables: &[Table]) -> Option<Self> {
        let generation = generation::now().ok();
        if generation.is_some() && generation == self.generation {
            return Some(self);
        }
        let expected = self.listing.text().await?;
        let same = list(tables).await.is_ok_and(|listing| listing == expected);
        same.then_some(Self { generation, ..self })
    }
}

impl Listing {
    fn begin(tables: &'static [Table]) -> Self {
        let mut reading = JoinSet::new();
        reading.spawn(list(tables));
        Self::Coming(reading)
    }

    /// None when it could not be read.
    async fn text(&mut self) -> Option<&str> {
        if let Self::Coming(reading) = self {
            *self = Self::Here(reading.join_next().await?.ok()?.ok()?);
        }
        match self {
            Self::Here(text) => Some(text),
            Self::Coming(_) => None,
        }
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
    nft(listing(family, name)).await
}

/// The same with what its counters counted.
pub(super) async fn show_counted(family: &str, name: &str) -> Result<String, HostNetError> {
    run(&["-j", "-f", "-"], listing(family, name)).await
}

fn listing(family: &str, name: &str) -> String {
    json!({"nftables": [{"list": {"table": {"family": family, "name": name}}}]}).to_string()
}

async fn nft(commands: String) -> Result<String, HostNetError> {
    run(&["-j", "-s", "-f", "-"], commands).await
}

async fn run(options: &[&str], commands: String) -> Result<String, HostNetError> {
    // A controller that is killed takes its nft with it: the next one must not be overtaken by
    // rules that were on their way.
    let options = [&["--pdeathsig", "KILL", "nft"], options].concat();
    let output =
        tool::run("setpriv", &options, commands).await.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                HostNetError::Rules(format!("no answer within {:?}", tool::PATIENCE))
            }
            _ => HostNetError::NoNft(error.to_string()),
        })?;
    if output.status.code() == Some(NOT_FOUND) {
        return Err(HostNetError::NoNft(tool::complaint(&output)));
    }
    if !output.status.success() {
        return Err(HostNetError::Rules(tool::complaint(&output)));
    }
    String::from_utf8(output.stdout).map_err(|error| HostNetError::Rules(error.to_string()))
}
