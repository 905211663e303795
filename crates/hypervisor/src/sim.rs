//! A hypervisor in memory, with faults on demand.

use crate::{Domain, DomainSpec, DomainState, Ending, Hypervisor, HypervisorError};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{Figures, InstanceId};

/// A simulated machine. Clones are handles on the same one, so its domains outlive a simulated
/// restart of the node controller, as real ones do.
#[derive(Debug, Clone)]
pub struct SimHypervisor {
    machine: Arc<Mutex<Machine>>,
}

#[derive(Debug, Default)]
struct Machine {
    capacity: Figures,
    domains: BTreeMap<String, SimDomain>,
    /// How often a domain of this name was started, stopped ones included.
    starts: BTreeMap<String, u32>,
    failing_starts: VecDeque<String>,
    lost_starts: u32,
    /// Whether guests do nothing when they are asked to shut down or to reboot.
    deaf: bool,
    obstacle: Option<String>,
    /// Whether the host's disk has no room.
    full: bool,
    unreachable: bool,
}

#[derive(Debug)]
struct SimDomain {
    state: DomainState,
    /// None for a domain that is not an instance of ours.
    spec: Option<DomainSpec>,
    /// Whether it stays known after its end.
    lasting: bool,
    resets: u32,
    /// Reboots of the guest's own and those that it was asked for.
    reboots: u32,
}

impl SimDomain {
    const fn started(spec: Option<DomainSpec>) -> Self {
        Self { state: DomainState::Running, spec, lasting: true, resets: 0, reboots: 0 }
    }
}

impl SimHypervisor {
    /// A machine with this capacity and no domains.
    pub fn new(capacity: Figures) -> Self {
        let machine = Machine { capacity, ..Machine::default() };
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// The next start that would do something fails with this reason. Reasons queue up.
    pub fn fail_next_start(&self, reason: &str) {
        self.machine().failing_starts.push_back(reason.to_owned());
    }

    /// The next start happens, but it is cut short: the caller sees
    /// [`HypervisorError::Unreachable`], and the domain has no lasting definition yet.
    pub fn lose_next_start_answer(&self) {
        self.machine().lost_starts += 1;
    }

    /// From now on guests ignore that they are asked to shut down or to reboot, or no longer.
    pub fn set_deaf(&self, deaf: bool) {
        self.machine().deaf = deaf;
    }

    /// From now on the host's disk has no room, and guests that run stand still for it; or it has,
    /// and they go on when they are told to.
    pub fn set_full(&self, full: bool) {
        let mut machine = self.machine();
        machine.full = full;
        let domains = machine.domains.values_mut();
        for domain in domains.filter(|it| full && it.state == DomainState::Running) {
            domain.state = DomainState::NoSpace;
        }
    }

    /// From now on this keeps domains from being started, or nothing does.
    pub fn set_obstacle(&self, obstacle: Option<&str>) {
        self.machine().obstacle = obstacle.map(str::to_owned);
    }

    /// From now on every call fails, or no longer.
    pub fn set_reachable(&self, reachable: bool) {
        self.machine().unreachable = !reachable;
    }

    /// The guest powers itself off.
    pub fn power_off(&self, id: InstanceId) {
        self.end(id, Ending::PoweredOff);
    }

    /// The domain comes to this end. It stays known if it has a lasting definition.
    pub fn end(&self, id: InstanceId, ending: Ending) {
        match self.machine().domains.entry(id.to_string()) {
            Entry::Occupied(it) if !it.get().lasting => drop(it.remove()),
            Entry::Occupied(mut it) => it.get_mut().state = DomainState::Stopped(ending),
            Entry::Vacant(_) => {}
        }
    }

    /// From now on the domain has no lasting definition, as those of earlier versions had none.
    pub fn make_passing(&self, id: InstanceId) {
        if let Some(domain) = self.machine().domains.get_mut(&id.to_string()) {
            domain.lasting = false;
        }
    }

    /// The domain is no longer known, as one that had no lasting definition.
    pub fn vanish(&self, id: InstanceId) {
        self.machine().domains.remove(&id.to_string());
    }

    /// The guest's kernel panics. One that has stopped stays so.
    pub fn crash(&self, id: InstanceId) {
        if self.is_running(id) {
            self.set_state(id, DomainState::Crashed);
        }
    }

    /// The guest reboots of its own accord.
    pub fn reboot_itself(&self, id: InstanceId) {
        if let Some(domain) = self.machine().domains.get_mut(&id.to_string()) {
            domain.reboots += 1;
        }
    }

    /// The domain, which the hypervisor knows, is in this state.
    pub fn set_state(&self, id: InstanceId, state: DomainState) {
        if let Some(domain) = self.machine().domains.get_mut(&id.to_string()) {
            domain.state = state;
        }
    }

    /// Whether the instance's domain runs.
    pub fn is_running(&self, id: InstanceId) -> bool {
        let machine = self.machine();
        let domain = machine.domains.get(&id.to_string());
        domain.is_some_and(|domain| domain.state == DomainState::Running)
    }

    /// The machine loses power: no domain is left.
    pub fn power_cut(&self) {
        self.machine().domains.clear();
    }

    /// Somebody else starts a domain of this name.
    pub fn add_foreign(&self, name: &str) {
        self.machine().domains.insert(name.to_owned(), SimDomain::started(None));
    }

    /// What a running instance was started with.
    pub fn spec(&self, id: InstanceId) -> Option<DomainSpec> {
        self.machine().domains.get(&id.to_string())?.spec.clone()
    }

    /// How often the instance was started since the machine exists.
    pub fn starts(&self, id: InstanceId) -> u32 {
        self.machine().starts.get(&id.to_string()).copied().unwrap_or(0)
    }

    /// The instances that were started since the machine exists.
    pub fn ever_started(&self) -> Vec<InstanceId> {
        self.machine().starts.keys().filter_map(|name| name.parse().ok()).collect()
    }

    /// How often the domain that now runs was reset.
    pub fn resets(&self, id: InstanceId) -> u32 {
        self.machine().domains.get(&id.to_string()).map_or(0, |domain| domain.resets)
    }

    /// How often the guest that now runs has rebooted without a reset.
    pub fn reboots(&self, id: InstanceId) -> u32 {
        self.machine().domains.get(&id.to_string()).map_or(0, |domain| domain.reboots)
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) -> Result<MutexGuard<'_, Machine>, HypervisorError> {
        let machine = self.machine();
        if machine.unreachable { Err(unreachable()) } else { Ok(machine) }
    }
}

fn unreachable() -> HypervisorError {
    HypervisorError::Unreachable("the simulated hypervisor is not reachable".to_owned())
}

impl Hypervisor for SimHypervisor {
    fn capacity(&self) -> Result<Figures, HypervisorError> {
        Ok(Figures { disk_gb: 0, ..self.reached()?.capacity })
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        let machine = self.reached()?;
        let shown = |(name, domain): (&String, &SimDomain)| Domain {
            name: name.clone(),
            state: domain.state,
            lasting: domain.lasting,
            reboots: u64::from(domain.resets) + u64::from(domain.reboots),
        };
        Ok(machine.domains.iter().map(shown).collect())
    }

    fn obstacle(&self) -> Result<Option<String>, HypervisorError> {
        Ok(self.reached()?.obstacle.clone())
    }

    fn start(&self, spec: &DomainSpec) -> Result<(), HypervisorError> {
        let mut machine = self.reached()?;
        let name = spec.id.to_string();
        match machine.domains.get(&name).map(|domain| domain.state) {
            Some(state) if state.is_up() => return Ok(()),
            Some(DomainState::Starting) => {
                let text = format!("{name} is still being started");
                return Err(HypervisorError::NotNow(text));
            }
            _ => {}
        }
        if let Some(obstacle) = &machine.obstacle {
            return Err(HypervisorError::NotNow(obstacle.clone()));
        }
        if let Some(reason) = machine.failing_starts.pop_front() {
            return Err(HypervisorError::Failed(reason));
        }
        let cut_short = machine.lost_starts > 0;
        let domain = SimDomain { lasting: !cut_short, ..SimDomain::started(Some(spec.clone())) };
        machine.domains.insert(name.clone(), domain);
        *machine.starts.entry(name).or_default() += 1;
        if cut_short {
            machine.lost_starts -= 1;
            return Err(unreachable());
        }
        Ok(())
    }

    fn keep(&self, id: InstanceId) -> Result<(), HypervisorError> {
        if let Some(domain) = self.reached()?.domains.get_mut(&id.to_string()) {
            domain.lasting = true;
        }
        Ok(())
    }

    fn shutdown(&self, id: InstanceId) -> Result<(), HypervisorError> {
        let machine = self.reached()?;
        let listens = !machine.deaf;
        drop(machine);
        if listens && self.is_running(id) {
            self.power_off(id);
        }
        Ok(())
    }

    fn reboot(&self, id: InstanceId) -> Result<(), HypervisorError> {
        let machine = self.reached()?;
        let listens = !machine.deaf;
        drop(machine);
        if listens && self.is_running(id) {
            self.reboot_itself(id);
        }
        Ok(())
    }

    fn destroy(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.reached()?.domains.remove(&id.to_string());
        Ok(())
    }

    fn resume(&self, id: InstanceId) -> Result<(), HypervisorError> {
        let mut machine = self.reached()?;
        let full = machine.full;
        if let Some(domain) = machine.domains.get_mut(&id.to_string())
            && domain.state == DomainState::NoSpace
            && !full
        {
            domain.state = DomainState::Running;
        }
        Ok(())
    }

    fn reset(&self, id: InstanceId) -> Result<(), HypervisorError> {
        let mut machine = self.reached()?;
        match machine.domains.get_mut(&id.to_string()) {
            Some(domain) if domain.state.is_up() => {
                domain.state = DomainState::Running;
                domain.resets += 1;
                Ok(())
            }
            _ => Err(HypervisorError::Failed(format!("{id} does not run, so it cannot be reset"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NicModel;
    use types::{DiskBus, MacAddr};

    const CAPACITY: Figures = Figures { cores: 4, memory_mb: 4096, disk_gb: 100 };

    fn spec(bits: u32) -> DomainSpec {
        let id = InstanceId::from_bits(bits);
        DomainSpec {
            id,
            figures: CAPACITY,
            root: "/r".into(),
            further_disks: vec![],
            bus: DiskBus::Virtio,
            kernel: None,
            ramdisk: None,
            vm_type: "m1.small".into(),
            root_device: "/dev/vda1".into(),
            uefi: None,
            nic: NicModel::Virtio,
            mac: MacAddr::of_instance(id),
            bridge: "eucabr10".into(),
            tap: "tap0".into(),
            console: "/c".into(),
        }
    }

    #[test]
    fn starting_and_destroying_twice_is_the_same_as_once() {
        let sim = SimHypervisor::new(CAPACITY);
        let spec = spec(1);
        assert_eq!((sim.start(&spec), sim.start(&spec)), (Ok(()), Ok(())));
        assert_eq!((sim.starts(spec.id), sim.spec(spec.id)), (1, Some(spec.clone())));
        assert_eq!((sim.destroy(spec.id), sim.destroy(spec.id)), (Ok(()), Ok(())));
        assert_eq!(sim.domains(), Ok(vec![]));
        assert!(sim.reset(spec.id).is_err());
    }

    #[test]
    fn domains_outlive_one_of_the_handles() {
        let sim = SimHypervisor::new(CAPACITY);
        sim.clone().start(&spec(1)).unwrap();
        sim.add_foreign("somebody-elses");
        let names: Vec<_> = sim.domains().unwrap().into_iter().map(|d| d.name).collect();
        assert_eq!(names, ["i-00000001", "somebody-elses"]);
        sim.vanish(InstanceId::from_bits(1));
        assert_eq!(sim.domains().unwrap().len(), 1);
        sim.power_cut();
        assert_eq!(sim.domains().unwrap(), []);
    }

    #[test]
    fn a_fault_hits_once_and_the_next_start_goes_well() {
        let sim = SimHypervisor::new(CAPACITY);
        sim.fail_next_start("no memory");
        assert_eq!(sim.start(&spec(1)), Err(HypervisorError::Failed("no memory".into())));
        assert_eq!(sim.domains(), Ok(vec![]));
        sim.lose_next_start_answer();
        assert_eq!(sim.start(&spec(1)), Err(unreachable()));
        assert_eq!(sim.start(&spec(1)), Ok(()));
        let id = InstanceId::from_bits(1);
        assert_eq!(sim.starts(id), 1, "the lost start had happened");
        assert!(!sim.domains().unwrap()[0].lasting, "but not all of it");
        sim.keep(id).unwrap();
        sim.power_off(id);
        assert_eq!(sim.domains().unwrap()[0].state, DomainState::Stopped(Ending::PoweredOff));
        sim.start(&spec(1)).unwrap();
        sim.make_passing(id);
        sim.power_off(id);
        assert_eq!(sim.domains(), Ok(vec![]));
    }

    #[test]
    fn guests_do_as_they_are_asked_unless_they_are_deaf() {
        let (sim, id) = (SimHypervisor::new(CAPACITY), InstanceId::from_bits(1));
        sim.start(&spec(1)).unwrap();
        sim.set_deaf(true);
        assert_eq!((sim.shutdown(id), sim.reboot(id)), (Ok(()), Ok(())));
        assert!(sim.is_running(id) && sim.reboots(id) == 0);
        sim.set_deaf(false);
        sim.reboot(id).unwrap();
        assert_eq!((sim.reboots(id), sim.domains().unwrap()[0].reboots), (1, 1));
        sim.shutdown(id).unwrap();
        assert_eq!(sim.domains().unwrap()[0].state, DomainState::Stopped(Ending::PoweredOff));
        assert_eq!((sim.shutdown(id), sim.reboot(id)), (Ok(()), Ok(())));
        assert_eq!(sim.reboots(id), 1);
    }

    #[test]
    fn a_crashed_guest_hears_nothing_and_runs_again_after_a_reset() {
        let (sim, id) = (SimHypervisor::new(CAPACITY), InstanceId::from_bits(1));
        sim.start(&spec(1)).unwrap();
        sim.crash(id);
        assert_eq!((sim.shutdown(id), sim.reboot(id)), (Ok(()), Ok(())));
        assert_eq!(sim.domains().unwrap()[0].state, DomainState::Crashed);
        assert_eq!((sim.start(&spec(1)), sim.starts(id)), (Ok(()), 1), "its memory is there");
        sim.reset(id).unwrap();
        assert!(sim.is_running(id));
    }

    #[test]
    fn a_guest_without_room_goes_on_when_there_is_some() {
        let (sim, id) = (SimHypervisor::new(CAPACITY), InstanceId::from_bits(1));
        sim.start(&spec(1)).unwrap();
        sim.set_full(true);
        sim.resume(id).unwrap();
        assert_eq!(sim.domains().unwrap()[0].state, DomainState::NoSpace);
        sim.set_full(false);
        assert_eq!((sim.resume(id), sim.is_running(id), sim.starts(id)), (Ok(()), true, 1));
    }

    #[test]
    fn a_stopped_leftover_is_replaced() {
        let (sim, id) = (SimHypervisor::new(CAPACITY), InstanceId::from_bits(1));
        sim.start(&spec(1)).unwrap();
        sim.end(id, Ending::Unknown);
        sim.start(&spec(1)).unwrap();
        assert_eq!(sim.domains().unwrap()[0].state, DomainState::Running);
        assert_eq!(sim.starts(id), 2);
    }

    #[test]
    fn nothing_is_started_behind_an_obstacle_or_while_it_is_being_started() {
        let (sim, id) = (SimHypervisor::new(CAPACITY), InstanceId::from_bits(1));
        sim.set_obstacle(Some("no KVM"));
        assert_eq!(sim.start(&spec(1)), Err(HypervisorError::NotNow("no KVM".into())));
        sim.set_obstacle(None);
        sim.start(&spec(1)).unwrap();
        sim.set_state(id, DomainState::Starting);
        assert!(matches!(sim.start(&spec(1)), Err(HypervisorError::NotNow(_))));
        assert_eq!(sim.starts(id), 1);
    }

    #[test]
    fn nothing_answers_while_it_is_unreachable() {
        let sim = SimHypervisor::new(CAPACITY);
        sim.set_reachable(false);
        assert_eq!(sim.capacity(), Err(unreachable()));
        assert_eq!(sim.destroy(InstanceId::from_bits(1)), Err(unreachable()));
        sim.set_reachable(true);
        assert_eq!(sim.capacity().unwrap(), Figures { disk_gb: 0, ..CAPACITY });
    }
}
