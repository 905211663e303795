//! What the node controller has in memory: its journal, and what it saw last.

use crate::decide::Wanted;
use crate::entry::{Entry, Phase};
use crate::journal::{Order, Told};
use hostnet::Sightings;
use hypervisor::{Domain, DomainState};
use netplan::{NodeNic, Sighting, SiteNic, tap_name};
use protocol::{
    Attachment, CallError, Goal, InstanceDesired, InstanceObserved, InstancePhase, NodeDesired,
    NodeObserved, Revision,
};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;
use types::{ClusterName, Figures, InstanceId, NodeName, Timestamp, VnetMode};

/// One instance.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Its journal entry.
    pub(crate) entry: Entry,
    /// Whether a task works on it; nobody else then changes the entry.
    pub(crate) busy: bool,
    /// Whether the entry on disk is older than this one.
    pub(crate) dirty: bool,
    /// What is being waited for, or went wrong and is tried again.
    pub(crate) note: Option<String>,
    /// When its guest was asked to shut down; none when this process has not asked.
    pub(crate) asked: Option<Timestamp>,
    /// How often its domain had been seen to reboot when its guest was asked to; none when this
    /// process has not asked.
    pub(crate) reboots_before: Option<u64>,
    /// Why its virtual machine was last seen to stand still.
    pub(crate) standstill: Option<&'static str>,
    /// Whether this process started its domain, and so has watched its tap from the beginning.
    pub(crate) started_here: bool,
}

/// Whom a problem belongs to: each part of the node has at most one and clears its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concern {
    Hypervisor,
    /// What keeps domains from being started.
    Obstacle,
    Network,
    /// Firewalls of the host's own.
    Firewalls,
    /// The administrator's bridge.
    Bridge,
    Disks,
    Journal,
    Metadata,
    /// Whether the machine is being shut down.
    Host,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// What the node was told last; none before the first time.
    pub(crate) told: Option<Told>,
    pub(crate) slots: BTreeMap<InstanceId, Slot>,
    /// Instances whose entry cannot be read, with the reason. They are left exactly as they are.
    pub(crate) unreadable: BTreeMap<InstanceId, String>,
    /// VNET_MODE.
    pub(crate) mode: Option<VnetMode>,
    pub(crate) capacity: Figures,
    /// What each instance costs beside the figures of its VM type.
    pub(crate) overhead: Figures,
    pub(crate) orphans: Vec<String>,
    pub(crate) problems: BTreeMap<Concern, String>,
}

impl State {
    /// The last desired state; none before the first.
    pub(crate) fn desired(&self) -> Option<&NodeDesired> {
        self.told.as_ref().map(|told| &told.desired)
    }

    pub(crate) fn desired_instance(&self, id: InstanceId) -> Option<&InstanceDesired> {
        self.desired()?.instances.iter().find(|instance| instance.id == id)
    }

    pub(crate) fn wanted(&self, id: InstanceId) -> Wanted {
        Wanted::of(self.desired_instance(id))
    }

    /// The cluster that has instances here, or may have. Until they are terminated no other one
    /// commands the node.
    fn holder(&self) -> Option<&ClusterName> {
        let mut entries = self.slots.values().map(|slot| &slot.entry);
        let live = entries.find(|entry| entry.phase != Phase::Terminated);
        let kept = || {
            let kept = self.desired()?;
            let is_new =
                |it: &InstanceDesired| it.goal == Goal::Run && !self.slots.contains_key(&it.id);
            let held = !self.unreadable.is_empty() || kept.instances.iter().any(is_new);
            held.then_some(&kept.cluster)
        };
        live.map(|entry| &entry.cluster).or_else(kept)
    }

    /// How far a cluster's desired states have got; none when it has told nothing yet.
    fn order_of(&self, cluster: &ClusterName) -> Option<Order> {
        let told = self.told.as_ref()?;
        let kept = &told.desired;
        if kept.cluster == *cluster {
            return Some((kept.generation, kept.sequence));
        }
        told.before.get(cluster).copied()
    }

    /// What is kept once this was told: a cluster that the node leaves is remembered.
    pub(crate) fn after(&self, desired: NodeDesired) -> Told {
        let mut before = BTreeMap::new();
        if let Some(told) = &self.told {
            let Told { desired: left, before: others } = told;
            before.clone_from(others);
            before.insert(left.cluster.clone(), (left.generation, left.sequence));
        }
        before.remove(&desired.cluster);
        Told { desired, before }
    }

    /// Refuses what is meant for another node, is of another cluster than that whose instances are
    /// here, or is older than what was kept (fencing).
    pub(crate) fn admit(&self, node: &NodeName, desired: &NodeDesired) -> Result<(), CallError> {
        if desired.node != *node {
            let text = format!("this is node {node}, not {}: check NODES", desired.node);
            return Err(CallError::Failed(text));
        }
        let cluster = &desired.cluster;
        if let Some(holder) = self.holder().filter(|holder| *holder != cluster) {
            return Err(CallError::Failed(format!(
                "node {node} has instances of cluster \"{holder}\", so cluster \"{cluster}\" cannot \
                 command it: terminate them, or name the node in NODES of one cluster only"
            )));
        }
        match self.order_of(cluster) {
            Some(kept) if (desired.generation, desired.sequence) < kept => {
                Err(CallError::Stale { given: desired.generation, seen: kept.0 })
            }
            _ => Ok(()),
        }
    }

    /// Brings the entries up to the desired state: new ones for instances not heard of before,
    /// the newest description in those that nobody works on.
    pub(crate) fn take_in_desired(&mut self) {
        let Some(Told { desired, .. }) = &self.told else { return };
        for instance in &desired.instances {
            if self.unreadable.contains_key(&instance.id) {
                continue;
            }
            let (cluster, source) = (desired.cluster.clone(), desired.image_source.clone());
            let mut told = Entry::accepted(instance.clone(), cluster, source);
            match self.slots.get_mut(&instance.id) {
                None => {
                    told.overhead = Some(self.overhead);
                    self.slots.insert(instance.id, Slot::new(told, true));
                }
                Some(slot) if slot.busy || slot.entry.phase == Phase::Terminated => {}
                Some(slot) => slot.dirty |= slot.entry.renew(&told),
            }
        }
    }

    /// The domains with the name of an instance that nobody wants.
    pub(crate) fn find_orphans(&self, domains: &[Domain]) -> Vec<String> {
        let unwanted = |id| match self.slots.get(&id) {
            Some(slot) if slot.busy || slot.entry.phase < Phase::Terminated => {
                self.wanted(id) == Wanted::Unnamed
            }
            _ => true,
        };
        let there = |domain: &&Domain| !matches!(domain.state, DomainState::Stopped(_));
        let names = domains.iter().filter(there).map(|domain| &domain.name);
        names.filter(|name| name.parse().is_ok_and(unwanted)).cloned().collect()
    }

    /// The network interfaces of all that runs or may run here: those in group networks, and those
    /// on the site's own.
    pub(crate) fn nics(&self) -> (Vec<NodeNic>, Vec<SiteNic>) {
        let known = self.slots.values().map(|slot| &slot.entry);
        let known = known.filter(|entry| entry.is_on_the_network());
        let known = known.map(|entry| (&entry.desired, entry.found_ip));
        let unreadable = self.unreadable.keys().filter_map(|id| self.desired_instance(*id));
        let (mut group, mut site) = (Vec::new(), Vec::new());
        for (instance, found) in known.chain(unreadable.map(|instance| (instance, None))) {
            let (tap, mac) = (tap_name(instance.id), instance.nic.mac);
            match instance.nic.attachment {
                Attachment::Group { ip, tag, .. } => group.push(NodeNic { tap, mac, ip, tag }),
                Attachment::Site { ip } => {
                    site.push(SiteNic { tap, mac, ip: ip.or(found), is_watched: ip.is_none() });
                }
            }
        }
        (group, site)
    }

    /// The addresses that the site's DHCP server gave, as far as that is news. Nobody works on
    /// these instances.
    ///
    /// What a guest says of itself counts only where its lease may have been missed, because its
    /// tap was not watched from the beginning, and no other instance here has the address.
    pub(crate) fn found(&self, seen: &Sightings) -> Vec<(InstanceId, Ipv4Addr)> {
        let is_free = |ip| self.slots.values().all(|slot| slot.entry.ip() != Some(ip));
        let found = |(id, slot): (&InstanceId, &Slot)| {
            let entry = &slot.entry;
            let sighting = *seen.get(&tap_name(*id))?;
            let counts = match sighting {
                Sighting::Leased(_) => true,
                Sighting::Claimed(ip) => {
                    entry.found_ip.is_none() && !slot.started_here && is_free(ip)
                }
            };
            let is_sought = !slot.busy && entry.has_to_be_found() && entry.is_on_the_network();
            let is_news = entry.found_ip != Some(sighting.ip());
            (counts && is_sought && is_news).then_some((*id, sighting.ip()))
        };
        self.slots.iter().filter_map(found).collect()
    }

    /// What the live instances hold, with what each costs beside its VM type.
    pub(crate) fn used(&self) -> Figures {
        let live = self.live().map(|it| it.desired.figures.plus(&self.overhead_of(it)));
        live.fold(Figures::default(), |sum, one| sum.plus(&one))
    }

    /// What the node can give, for those who count every instance with what one costs now: less
    /// by what the present ones cost more than that, and more by what they cost less.
    fn offered(&self) -> Figures {
        let live = || self.live().map(|entry| self.overhead_of(entry));
        let counted = self.overhead.times(live().count() as u64);
        let held = live().fold(Figures::default(), |sum, one| sum.plus(&one));
        let offered = self.capacity.plus(&counted).less(&held);
        // nothing at all would say that the capacity is not known yet, and means so when it is not
        let least = self.capacity.disk_gb.min(1);
        match self.capacity == Figures::default() {
            true => self.capacity,
            false => Figures { disk_gb: offered.disk_gb.max(least), ..offered },
        }
    }

    fn live(&self) -> impl Iterator<Item = &Entry> {
        let entries = self.slots.values().map(|slot| &slot.entry);
        entries.filter(|entry| entry.phase < Phase::Terminated)
    }

    fn overhead_of(&self, entry: &Entry) -> Figures {
        entry.overhead.unwrap_or(self.overhead)
    }

    /// What the node reports.
    pub(crate) fn observed(&self, node: &NodeName) -> NodeObserved {
        let shown = |(id, slot): (&InstanceId, &Slot)| {
            let gone = slot.entry.phase == Phase::Terminated && self.wanted(*id) == Wanted::Unnamed;
            (!gone).then(|| self.observed_instance(slot, node))
        };
        let mut observed = NodeObserved {
            node: node.clone(),
            revision: 0,
            generation: self.desired().map_or(0, |desired| desired.generation),
            sequence: self.desired().map_or(0, |desired| desired.sequence),
            cluster: self.holder().or(self.desired().map(|desired| &desired.cluster)).cloned(),
            held: self.holder().is_some(),
            mode: self.mode,
            capacity: self.offered(),
            overhead: self.overhead,
            instances: self.slots.iter().filter_map(shown).collect(),
            orphans: self.orphans.clone(),
            problems: self.problems.values().chain(self.unreadable.values()).cloned().collect(),
        };
        observed.revision = revision(&observed);
        observed
    }

    fn observed_instance(&self, slot: &Slot, node: &NodeName) -> InstanceObserved {
        let entry = &slot.entry;
        let phase = entry.reported_phase();
        // Nothing is begun while the hypervisor is away.
        let held_up = self.problems.get(&Concern::Hypervisor);
        let held_up = held_up.filter(|_| phase == InstancePhase::Pending);
        let reason = slot.note.as_ref().or(held_up).or(entry.reason.as_ref()).cloned();
        let standstill = slot.standstill.filter(|_| phase == InstancePhase::Running);
        let reason = standstill.map(str::to_owned).or(reason);
        InstanceObserved {
            id: entry.desired.id,
            node: Some(node.clone()),
            phase,
            reason,
            reboots: entry.reboots,
            turn: entry.desired.turn,
            // It is read from the disk.
            metadata: (!slot.dirty).then_some(entry.desired.metadata),
            address: entry.found_ip.filter(|_| entry.has_to_be_found()),
        }
    }

    /// Whether this instance should run.
    pub(crate) fn should_run(&self, id: InstanceId) -> bool {
        matches!(self.wanted(id), Wanted::Run { .. })
    }

    /// Marks as to be removed what `desired` wants removed, and nothing else of it.
    pub(crate) fn take_in_ends(&mut self, desired: &NodeDesired) {
        let Some(Told { desired: kept, .. }) = &mut self.told else { return };
        for instance in desired.instances.iter().filter(|it| it.goal == Goal::Terminate) {
            if let Some(kept) = kept.instances.iter_mut().find(|kept| kept.id == instance.id) {
                kept.goal = Goal::Terminate;
            }
        }
    }
}

impl Slot {
    pub(crate) const fn new(entry: Entry, dirty: bool) -> Self {
        Self {
            entry,
            busy: false,
            dirty,
            note: None,
            asked: None,
            reboots_before: None,
            standstill: None,
            started_here: false,
        }
    }
}

fn revision(observed: &NodeObserved) -> Revision {
    let mut hash = DefaultHasher::new();
    let NodeObserved {
        node,
        revision: _,
        generation,
        sequence,
        cluster,
        held,
        mode,
        capacity,
        overhead,
        instances,
        orphans,
        problems,
    } = observed;
    (node, generation, sequence, cluster, held, mode, capacity, overhead).hash(&mut hash);
    (instances, orphans, problems).hash(&mut hash);
    hash.finish()
}
