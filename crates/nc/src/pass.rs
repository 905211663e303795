//! One look at everything.

use crate::decide::{Action, DESTROYED, DIED, HOST_GOES_DOWN, LOST, Reboot, Sight, Wanted, decide};
use crate::entry::{Entry, Phase};
use crate::hypervise::Survey;
use crate::node::{Nc, Node};
use crate::state::{Concern, Slot};
use crate::work::Work;
use hypervisor::{Domain, DomainState};
use protocol::reason;
use std::collections::BTreeMap;
use types::{Figures, InstanceId, Timestamp};

impl Nc {
    /// The network comes first, because it needs nobody's answer: after a restart it is repaired
    /// before anything above or beside this process is reachable.
    pub(crate) async fn pass_alone(&self) {
        let node = &self.node;
        node.change(|state| state.take_in_desired());
        node.store_what_is_dirty().await;
        node.note_found().await;
        // A failure is noted as a problem of the node.
        let _ = node.repair_network().await;
        self.look_after_instances().await;
        node.bound_consoles().await;
        let metadata = node.adapters.metadata.ensure().await;
        node.concern(Concern::Metadata, metadata.err());
    }

    async fn look_after_instances(&self) {
        let node = &self.node;
        // Taken before the hypervisor is asked: what a task does meanwhile is not judged by an
        // answer that may be older.
        let at_rest = node.at_rest();
        match node.survey().await {
            Err(error) => node.concern(Concern::Hypervisor, Some(error.to_string())),
            Ok(survey) => {
                node.concern(Concern::Hypervisor, None);
                node.concern(Concern::Obstacle, survey.obstacle.clone());
                node.note_capacity(&survey).await;
                node.change(|state| state.orphans = state.find_orphans(&survey.domains));
                self.step_each(at_rest, &survey).await;
            }
        }
    }

    async fn step_each(&self, at_rest: Vec<Resting>, survey: &Survey) {
        let domains: BTreeMap<&str, &Domain> =
            survey.domains.iter().map(|domain| (domain.name.as_str(), domain)).collect();
        for Resting { entry, asked, reboots_before } in at_rest {
            let id = entry.desired.id;
            let domain = domains.get(id.to_string().as_str());
            let state = domain.map(|domain| domain.state);
            self.node.note_standstill(id, state.and_then(standstill));
            if state == Some(DomainState::NoSpace) && entry.phase < Phase::Removing {
                self.node.resume(id).await;
            }
            if domain.is_some_and(|it| !it.lasting) && entry.phase < Phase::Removing {
                self.node.keep(id).await;
            }
            let wanted = self.node.state().wanted(id);
            // Asked for each that has ended, and after its end was seen: it may have ended because
            // the machine goes down.
            let host_goes_down = match has_ended(&entry, wanted, state) {
                true => self.node.host_goes_down().await,
                false => Some(false),
            };
            // How it ended cannot be judged yet.
            let Some(host_goes_down) = host_goes_down else { continue };
            let sight = Sight {
                wanted,
                domain: state,
                asked,
                reboot: match (reboots_before, domain) {
                    (None, _) => Reboot::NotAsked,
                    (Some(before), Some(now)) if now.reboots > before => Reboot::Seen,
                    _ => Reboot::Asked,
                },
                host_goes_down,
                boot_id: &self.node.settings.boot_id,
                now: self.node.adapters.clock.now(),
            };
            self.step(id, decide(&entry, &sight)).await;
        }
    }

    async fn step(&self, id: InstanceId, action: Action) {
        let request = self.node.request(id);
        let node = &self.node;
        match action {
            Action::Rest => {}
            Action::Launch => self.begin(id, Work::Launch),
            Action::Remove(reason) => self.begin(id, Work::Remove(reason.map(str::to_owned))),
            Action::AskToShutDown => self.begin(id, Work::AskToShutDown),
            Action::PowerOff => self.begin(id, Work::PowerOff),
            Action::AskToReboot(count) => self.begin(id, Work::AskToReboot(count)),
            Action::Reset(count) => self.begin(id, Work::Reset(count)),
            Action::NoteRebooted(count) => node.record_rebooted(id, count).await,
            Action::NoteWentDown => {
                tracing::info!(%id, "its virtual machine has ended, for its host goes down");
                node.record(id, |entry| {
                    entry.went_down_with_host = true;
                    entry.reason = Some(HOST_GOES_DOWN.to_owned());
                })
                .await;
            }
            Action::Adopt => {
                tracing::info!(%id, request, "adopting a domain that runs");
                node.record_started(id).await;
            }
            Action::StartAgain(reason) => {
                tracing::info!(%id, reason, request, "starting again from its disks");
                let now = node.adapters.clock.now();
                let revived = matches!(reason, Some(DIED | DESTROYED | LOST));
                node.record(id, |entry| {
                    entry.phase = Phase::Prepared;
                    entry.reason = reason.map(str::to_owned);
                    entry.revived_at = revived.then_some(now).or(entry.revived_at);
                    entry.found_ip = None;
                })
                .await;
                self.begin(id, Work::Launch);
            }
            Action::Forget => node.forget(id).await,
        }
    }
}

/// An instance that nobody works on.
struct Resting {
    entry: Entry,
    /// When its guest was asked to shut down.
    asked: Option<Timestamp>,
    /// How often its domain had rebooted when its guest was asked to.
    reboots_before: Option<u64>,
}

/// Whether an instance had a virtual machine that has ended, and not because its owner wants so.
fn has_ended(entry: &Entry, wanted: Wanted, domain: Option<DomainState>) -> bool {
    match domain {
        _ if matches!(wanted, Wanted::Terminate | Wanted::Stop { .. }) => false,
        None => entry.phase == Phase::Started,
        Some(DomainState::Stopped(_)) => entry.phase <= Phase::Started,
        Some(_) => false,
    }
}

impl Node {
    /// None when it cannot be told.
    async fn host_goes_down(&self) -> Option<bool> {
        let told = self.adapters.host.goes_down().await;
        self.concern(Concern::Host, told.as_ref().err().cloned());
        told.ok()
    }

    fn at_rest(&self) -> Vec<Resting> {
        let state = self.state();
        let idle = state.slots.values().filter(|slot| !slot.busy);
        let resting = |slot: &Slot| Resting {
            entry: slot.entry.clone(),
            asked: slot.asked,
            reboots_before: slot.reboots_before,
        };
        idle.map(resting).collect()
    }

    fn note_standstill(&self, id: InstanceId, standstill: Option<&'static str>) {
        let known = self.state().slots.get(&id).map(|slot| slot.standstill);
        if known.is_none_or(|known| known == standstill) {
            return;
        }
        match standstill {
            Some(reason) => tracing::warn!(%id, reason, "its virtual machine stands still"),
            None => tracing::info!(%id, "its virtual machine does not stand still any more"),
        }
        self.change(|state| {
            if let Some(slot) = state.slots.get_mut(&id) {
                slot.standstill = standstill;
            }
        });
    }

    /// Lets a guest whose writing found no room try again. That costs nothing while there is none,
    /// so nobody needs to know how much it wants.
    async fn resume(&self, id: InstanceId) {
        if let Err(problem) = self.ask(move |hypervisor| hypervisor.resume(id)).await {
            tracing::warn!(%id, %problem, "it cannot be let go on");
        }
    }

    /// Sees to it that the end of a domain can be told, whichever version started it and however
    /// that was interrupted. A domain for which that fails is tried again by the next pass.
    async fn keep(&self, id: InstanceId) {
        match self.ask(move |hypervisor| hypervisor.keep(id)).await {
            Ok(()) => tracing::info!(%id, "its domain was given a lasting definition"),
            Err(problem) => tracing::warn!(%id, %problem, "how its domain ends cannot be known"),
        }
    }

    async fn note_capacity(&self, survey: &Survey) {
        let disk = self.adapters.disks.capacity_gb().await;
        let known = self.state().capacity.disk_gb;
        let found = Figures { disk_gb: disk.clone().unwrap_or_default(), ..survey.capacity };
        let capacity = self.settings.limits.apply(&found);
        // what was offered is no finding: the factors have been applied to it
        let disk_gb = if disk.is_ok() { capacity.disk_gb } else { known };
        let capacity = Figures { disk_gb, ..capacity };
        let starts = survey.obstacle.is_none() && self.bridge_problem().is_none();
        let capacity = if starts { capacity } else { nothing_but_disk(&capacity) };
        self.change(|state| state.capacity = capacity);
        self.concern(Concern::Disks, disk.err().map(|error| error.to_string()));
    }
}

/// Why a virtual machine in this state stands still, if it does.
const fn standstill(state: DomainState) -> Option<&'static str> {
    match state {
        DomainState::Crashed => Some(reason::GUEST_CRASHED),
        DomainState::NoSpace => Some(reason::NO_SPACE),
        DomainState::Starting | DomainState::Running | DomainState::Stopped(_) => None,
    }
}

/// A node that can start nothing has nothing to give; what it gave stays given. Its disk is told
/// nevertheless, because nothing at all says that the capacity is not known yet.
fn nothing_but_disk(capacity: &Figures) -> Figures {
    Figures { disk_gb: capacity.disk_gb.max(1), ..Figures::default() }
}
