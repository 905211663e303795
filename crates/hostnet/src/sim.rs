//! The simulated twin: a host's network that only remembers.

use crate::{Applied, HostNet, HostNetError, Passage, Path, Sightings};
use async_trait::async_trait;
use netplan::{NodePlan, RouterPlan, Sighting, SiteBridge};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use types::MacAddr;

/// A host's network without a kernel. It starts empty and keeps what was applied.
#[derive(Debug, Default)]
pub struct SimNet {
    host: Mutex<SimHost>,
    seen: watch::Sender<Sightings>,
}

#[derive(Debug, Default)]
struct SimHost {
    router: RouterPlan,
    node: NodePlan,
    failure: Option<HostNetError>,
    problem: Option<(Passage, String)>,
    paths: BTreeMap<String, Result<Path, HostNetError>>,
    taken: BTreeMap<Ipv4Addr, String>,
    bridges: BTreeMap<String, MacAddr>,
}

impl SimNet {
    /// The router's side as it is now.
    pub fn router(&self) -> RouterPlan {
        self.host().router.clone()
    }

    /// The node's side as it is now.
    pub fn node(&self) -> NodePlan {
        self.host().node.clone()
    }

    /// Makes every later change fail with this error, until it is called with none.
    pub fn fail_with(&self, failure: Option<HostNetError>) {
        self.host().failure = failure;
    }

    /// What [`HostNet::check`] finds from now on when it looks at this passage.
    pub fn set_problem(&self, passage: Passage, problem: &str) {
        self.host().problem = Some((passage, problem.to_owned()));
    }

    /// Lets [`HostNet::check`] find nothing any more.
    pub fn clear_problem(&self) {
        self.host().problem = None;
    }

    /// The addresses that are somebody else's from now on, and whose.
    pub fn set_taken(&self, taken: BTreeMap<Ipv4Addr, String>) {
        self.host().taken = taken;
    }

    /// What [`HostNet::path_to`] answers for a machine from now on; every other one is this one.
    pub fn set_path(&self, host: &str, path: Result<Path, HostNetError>) {
        self.host().paths.insert(host.to_owned(), path);
    }

    /// The administrator makes a bridge, or with none removes it.
    pub fn set_bridge(&self, name: &str, mac: Option<MacAddr>) {
        let bridges = &mut self.host().bridges;
        match mac {
            Some(mac) => _ = bridges.insert(name.to_owned(), mac),
            None => _ = bridges.remove(name),
        }
    }

    /// A frame passes a tap. It is seen only where the tap is watched.
    pub fn pass_by(&self, tap: &str, sighting: Sighting) {
        if self.host().node.site.watched.contains_key(tap) {
            self.seen.send_modify(|seen| _ = seen.insert(tap.to_owned(), sighting));
        }
    }

    /// The process that watched is gone, with what it had seen.
    pub fn forget_sightings(&self) {
        self.seen.send_modify(BTreeMap::clear);
    }

    /// All is gone, as after a reboot of the host.
    pub fn reboot(&self) {
        self.forget_sightings();
        let mut host = self.host();
        host.router = RouterPlan::default();
        host.node = NodePlan::default();
    }

    fn host(&self) -> MutexGuard<'_, SimHost> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace<P: Clone + PartialEq>(
    kept: &mut P,
    plan: &P,
    failure: Option<&HostNetError>,
    what: &str,
) -> Result<Applied, HostNetError> {
    if kept == plan {
        return Ok(Applied::default());
    }
    if let Some(failure) = failure {
        return Err(failure.clone());
    }
    kept.clone_from(plan);
    Ok(Applied { changes: vec![format!("{what} replaced")] })
}

#[async_trait]
impl HostNet for SimNet {
    async fn apply_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError> {
        let mut host = self.host();
        let SimHost { router, failure, .. } = &mut *host;
        replace(router, plan, failure.as_ref(), "router")
    }

    async fn apply_node(&self, plan: &NodePlan) -> Result<Applied, HostNetError> {
        let mut host = self.host();
        let SimHost { node, failure, .. } = &mut *host;
        let done = replace(node, plan, failure.as_ref(), "node");
        if done.is_ok() {
            let watched = &plan.site.watched;
            self.seen.send_modify(|seen| seen.retain(|tap, _| watched.contains_key(tap)));
        }
        done
    }

    async fn site_bridge(&self, name: &str) -> Result<Option<SiteBridge>, HostNetError> {
        let mac = self.host().bridges.get(name).copied();
        Ok(mac.map(|mac| SiteBridge { name: name.to_owned(), mac }))
    }

    fn sightings(&self) -> watch::Receiver<Sightings> {
        self.seen.subscribe()
    }

    async fn refused(
        &self,
        wanted: &BTreeSet<Ipv4Addr>,
        _interface: Option<&str>,
    ) -> Result<BTreeMap<Ipv4Addr, String>, HostNetError> {
        let host = self.host();
        let is_new = |ip: &Ipv4Addr| !host.router.public.leads.contains_key(ip);
        let taken = wanted.iter().filter(|ip| is_new(ip));
        Ok(taken.filter_map(|ip| Some((*ip, host.taken.get(ip)?.clone()))).collect())
    }

    async fn path_to(&self, host: &str) -> Result<Path, HostNetError> {
        self.host().paths.get(host).cloned().unwrap_or(Ok(Path::Here))
    }

    async fn router_rules_hold(&self) -> Option<bool> {
        self.host().router.rules.as_ref().map(|_| true)
    }

    async fn check(&self, passages: &[Passage]) -> Vec<String> {
        let host = self.host();
        let found = host.problem.iter().filter(|(passage, _)| passages.contains(passage));
        found.map(|(_, problem)| problem.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_plan_changes_the_host_once_and_a_failure_not_at_all() {
        let net = SimNet::default();
        let plan = netplan::node_plan(&netplan::NodeInput {
            metadata_port: 8776,
            ..netplan::NodeInput::default()
        });
        let failure = HostNetError::Rules("no".to_owned());
        net.fail_with(Some(failure.clone()));
        assert_eq!(net.apply_node(&plan).await, Err(failure));
        assert_eq!(net.node(), NodePlan::default());
        net.fail_with(None);
        assert_eq!(net.apply_node(&plan).await.unwrap().changes.len(), 1);
        assert_eq!(net.apply_node(&plan).await, Ok(Applied::default()));
        assert_eq!(net.node(), plan);
    }
}
