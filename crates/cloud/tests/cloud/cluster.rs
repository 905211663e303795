//! A cluster controller in memory: it keeps what it is told and reports what a test says.

use crate::world::ZONE;
use async_trait::async_trait;
use cloud::ClusterFactory;
use protocol::{
    CallError, ClusterApi, ClusterDesired, ClusterObserved, ClusterSettings, ConsoleOutput, Goal,
    InstanceObserved, InstancePhase, NodeStatus, Revision, Standing,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use types::{ClusterName, Figures, InstanceId, Timestamp};

/// Registered controllers by `host:port`.
pub(crate) type Others = Arc<Mutex<BTreeMap<String, Arc<FakeCluster>>>>;

/// The ways to all controllers; there is one wherever one is called.
pub(crate) struct FakeClusters {
    pub(crate) here: Arc<FakeCluster>,
    pub(crate) others: Others,
}

impl ClusterFactory for FakeClusters {
    fn cluster(&self, name: &ClusterName, at: &str) -> Result<Arc<dyn ClusterApi>, CallError> {
        if name.as_str() == ZONE {
            return Ok(self.here.clone());
        }
        let mut others = self.others.lock().unwrap();
        let new = || Arc::new(FakeCluster::new());
        Ok(others.entry(at.to_owned()).or_insert_with(new).clone())
    }
}

pub(crate) struct FakeCluster {
    kept: watch::Sender<Option<ClusterDesired>>,
    reachable: watch::Sender<bool>,
    pub(crate) syncs: Mutex<u32>,
    pub(crate) settings: Mutex<ClusterSettings>,
}

impl FakeCluster {
    pub(crate) fn new() -> Self {
        Self {
            kept: watch::Sender::new(None),
            reachable: watch::Sender::new(true),
            syncs: Mutex::new(0),
            settings: Mutex::new(ClusterSettings {
                networks: protocol::Networks::Managed {
                    subnet: "172.19.0.0/16".parse().unwrap(),
                    addrs_per_net: 64,
                },
                policy: "GREEDY".into(),
                public_addresses: None,
            }),
        }
    }

    /// What it was told last.
    pub(crate) fn kept(&self) -> Option<ClusterDesired> {
        self.kept.borrow().clone()
    }

    /// Waits until it has been told something that passes.
    pub(crate) async fn told(&self, passes: impl Fn(&ClusterDesired) -> bool) -> ClusterDesired {
        let mut kept = self.kept.subscribe();
        let wanted = kept.wait_for(|kept| kept.as_ref().is_some_and(&passes));
        let told = tokio::time::timeout(Duration::from_secs(20), wanted).await;
        told.expect("not told within 20 s").unwrap().clone().unwrap()
    }

    pub(crate) fn set_reachable(&self, reachable: bool) {
        self.reachable.send_replace(reachable);
    }

    /// Forgets everything, as one whose disk was replaced.
    pub(crate) fn forget(&self) {
        self.kept.send_replace(None);
    }

    /// It has kept a state of this generation from a record of it that was forgotten.
    pub(crate) fn remember(&self, generation: u64) {
        self.kept.send_modify(|kept| kept.as_mut().unwrap().generation = generation);
    }

    fn check(&self) -> Result<(), CallError> {
        match *self.reachable.borrow() {
            true => Ok(()),
            false => Err(CallError::Unreachable("no route to host".into())),
        }
    }

    /// Every instance runs or is gone, as desired.
    fn observed(&self) -> ClusterObserved {
        let kept = self.kept();
        let node = "node1".parse().unwrap();
        let report = |instance: &protocol::InstanceDesired| InstanceObserved {
            id: instance.id,
            node: Some("node1".parse().unwrap()),
            phase: match instance.goal {
                Goal::Run if instance.should_be_stopped() => InstancePhase::Stopped,
                Goal::Run => InstancePhase::Running,
                Goal::Terminate => InstancePhase::Terminated,
            },
            reason: None,
            reboots: instance.reboots,
            turn: instance.turn,
            metadata: Some(instance.metadata),
            address: None,
        };
        let generation = kept.as_ref().map_or(0, |kept| kept.generation);
        ClusterObserved {
            cluster: kept.as_ref().map(|kept| kept.cluster.clone()),
            revision: generation,
            generation,
            nodes: vec![NodeStatus {
                name: node,
                reachable: true,
                standing: Standing::Accepting,
                certificate_ok: true,
                last_seen: Some(Timestamp::now()),
                capacity: Figures { cores: 8, memory_mb: 8192, disk_gb: 100 },
                overhead: Figures::default(),
                orphans: vec![],
                problems: vec![],
            }],
            instances: kept.iter().flat_map(|kept| &kept.instances).map(report).collect(),
            problems: vec![],
            settings: Some(self.settings.lock().unwrap().clone()),
        }
    }
}

#[async_trait]
impl ClusterApi for FakeCluster {
    async fn sync(&self, desired: ClusterDesired) -> Result<(), CallError> {
        self.check()?;
        *self.syncs.lock().unwrap() += 1;
        let (given, seen) = (desired.generation, self.kept().map_or(0, |kept| kept.generation));
        if given < seen {
            return Err(CallError::Stale { given, seen });
        }
        self.kept.send_replace(Some(desired));
        Ok(())
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<ClusterObserved, CallError> {
        self.check()?;
        let (mut kept, mut reachable) = (self.kept.subscribe(), self.reachable.subscribe());
        let news = kept.wait_for(|kept| since != Some(kept.as_ref().map_or(0, |k| k.generation)));
        tokio::select! {
            _ = news => {}
            _ = reachable.wait_for(|reachable| !reachable) => {}
            () = tokio::time::sleep(Duration::from_millis(wait_ms.into())) => {}
        }
        self.check()?;
        Ok(self.observed())
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        self.check()?;
        Err(CallError::NotFound(format!("{id} has no console")))
    }
}
