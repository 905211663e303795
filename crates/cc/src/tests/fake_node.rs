//! A node controller that starts and ends at once what it is told to, and fails on demand.

use async_trait::async_trait;
use protocol::{
    CallError, ConsoleOutput, Goal, InstanceObserved, InstancePhase, NodeApi, NodeDesired,
    NodeObserved, Revision,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use types::{ClusterName, Figures, InstanceId, NodeName, Timestamp, VnetMode};

pub(super) struct FakeNode {
    pub(super) name: NodeName,
    told: Mutex<Told>,
    changes: watch::Sender<Revision>,
}

#[derive(Default)]
struct Told {
    desired: Option<NodeDesired>,
    /// Another cluster that commands it, and whether that has instances on it.
    other: Option<(ClusterName, bool)>,
    phases: BTreeMap<InstanceId, (InstancePhase, Option<String>)>,
    capacity: Figures,
    overhead: Figures,
    mode: Option<VnetMode>,
    /// The address that each of its instances was lent by the site.
    address: Option<Ipv4Addr>,
    syncs: u32,
    orphans: Vec<String>,
    fault: Fault,
}

/// How a node misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    None,
    /// It cannot be reached.
    Away,
    /// Its keys are those of another cloud.
    Stranger,
    /// It never answers.
    Hangs,
    /// It does what it is told, but its answers to that are lost.
    AnswersLost,
    /// Its disk is full.
    Refuses,
}

impl FakeNode {
    pub(super) fn new(name: &str, capacity: Figures) -> Self {
        Self {
            name: name.parse().unwrap(),
            told: Mutex::new(Told { capacity, ..Told::default() }),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn set(&self, fault: Fault) {
        self.told().fault = fault;
    }

    /// Another cluster takes it over.
    pub(super) fn becomes_of(&self, cluster: &str, held: bool) {
        self.told().other = Some((cluster.parse().unwrap(), held));
        self.changed();
    }

    pub(super) fn set_overhead(&self, overhead: Figures) {
        self.told().overhead = overhead;
        self.changed();
    }

    pub(super) fn set_mode(&self, mode: Option<VnetMode>) {
        self.told().mode = mode;
        self.changed();
    }

    /// The site's DHCP server lends its instances an address.
    pub(super) fn lend(&self, address: Ipv4Addr) {
        self.told().address = Some(address);
        self.changed();
    }

    pub(super) fn set_capacity(&self, capacity: Figures) {
        self.told().capacity = capacity;
        self.changed();
    }

    /// An instance reaches a phase by itself.
    pub(super) fn becomes(&self, id: &str, phase: InstancePhase, reason: &str) {
        let reason = Some(reason.to_owned());
        self.told().phases.insert(id.parse().unwrap(), (phase, reason));
        self.changed();
    }

    pub(super) fn set_orphans(&self, orphans: &[&str]) {
        self.told().orphans = orphans.iter().map(|&name| name.to_owned()).collect();
        self.changed();
    }

    /// The instances that it has and that are not terminated.
    pub(super) fn live(&self) -> Vec<String> {
        let told = self.told();
        let live = told.phases.iter().filter(|(_, it)| it.0 != InstancePhase::Terminated);
        live.map(|(id, _)| id.to_string()).collect()
    }

    pub(super) fn desired(&self) -> Option<NodeDesired> {
        self.told().desired.clone()
    }

    /// How often it was told something.
    pub(super) fn syncs(&self) -> u32 {
        self.told().syncs
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    fn changed(&self) {
        self.changes.send_modify(|revision| *revision += 1);
    }

    async fn fault(&self) -> Result<Fault, CallError> {
        let fault = self.told().fault;
        match fault {
            Fault::Away => Err(CallError::Unreachable("no route to host".to_owned())),
            Fault::Stranger => Err(CallError::NotTrusted("a:8775: UnknownIssuer".to_owned())),
            Fault::Hangs => std::future::pending().await,
            fault => Ok(fault),
        }
    }
}

impl Told {
    /// The turn that it was told of an instance.
    fn turn(&self, id: InstanceId) -> u32 {
        let desired = self.desired.iter().flat_map(|desired| &desired.instances);
        desired.filter(|it| it.id == id).map(|it| it.turn).next().unwrap_or(0)
    }

    fn obey(&mut self, desired: NodeDesired) {
        for instance in &desired.instances {
            let now = self.phases.entry(instance.id);
            let now = now.or_insert((InstancePhase::Running, None));
            match (now.0, instance.should_be_stopped()) {
                (InstancePhase::Running, true) => now.0 = InstancePhase::Stopped,
                (InstancePhase::Stopped, false) => now.0 = InstancePhase::Running,
                _ => {}
            }
            if instance.goal == Goal::Terminate {
                now.0 = InstancePhase::Terminated;
            }
        }
        self.phases.retain(|id, (phase, _)| {
            *phase != InstancePhase::Terminated || desired.instances.iter().any(|it| it.id == *id)
        });
        self.desired = Some(desired);
    }
}

#[async_trait]
impl NodeApi for FakeNode {
    async fn sync(&self, desired: NodeDesired) -> Result<(), CallError> {
        let fault = self.fault().await?;
        assert_eq!(desired.node, self.name);
        {
            let mut told = self.told();
            told.syncs += 1;
            let order = |it: &NodeDesired| (it.generation, it.sequence);
            if let Some(kept) = &told.desired
                && order(&desired) < order(kept)
            {
                return Err(CallError::Stale { given: desired.generation, seen: kept.generation });
            }
            if let Some((other, true)) = &told.other {
                return Err(CallError::Failed(format!("it has instances of {other}")));
            }
            told.other = None;
            if fault == Fault::Refuses {
                return Err(CallError::Failed("the disk is full".to_owned()));
            }
            told.obey(desired);
        }
        self.changed();
        match fault {
            Fault::AnswersLost => Err(CallError::Unreachable("connection reset".to_owned())),
            _ => Ok(()),
        }
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<NodeObserved, CallError> {
        let mut changes = self.changes.subscribe();
        let changed = changes.wait_for(|revision| Some(*revision) != since);
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms.into()), changed).await;
        self.fault().await?;
        let told = self.told();
        let shown = |(id, (phase, reason)): (&InstanceId, &(InstancePhase, Option<String>))| {
            InstanceObserved {
                id: *id,
                node: Some(self.name.clone()),
                phase: *phase,
                reason: reason.clone(),
                reboots: 0,
                turn: told.turn(*id),
                metadata: None,
                address: told.address,
            }
        };
        Ok(NodeObserved {
            node: self.name.clone(),
            revision: *self.changes.borrow(),
            generation: told.desired.as_ref().map_or(0, |it| it.generation),
            sequence: told.desired.as_ref().map_or(0, |it| it.sequence),
            cluster: match (&told.other, &told.desired) {
                (Some((other, _)), _) => Some(other.clone()),
                (None, desired) => desired.as_ref().map(|it| it.cluster.clone()),
            },
            held: match &told.other {
                Some((_, held)) => *held,
                None => told.phases.values().any(|it| it.0 != InstancePhase::Terminated),
            },
            mode: told.mode,
            capacity: told.capacity,
            overhead: told.overhead,
            instances: told.phases.iter().map(shown).collect(),
            orphans: told.orphans.clone(),
            problems: Vec::new(),
        })
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        self.fault().await?;
        let output_base64 = format!("{} on {}", id, self.name);
        Ok(ConsoleOutput { at: Timestamp::from_millis(0), output_base64 })
    }
}
