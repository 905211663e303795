//! One look at everything.

use crate::decide::{Action, Sight, decide};
use crate::entry::{Entry, Phase};
use crate::hypervise::Survey;
use crate::node::{Nc, Node};
use crate::state::Concern;
use crate::work::Work;
use hypervisor::DomainState;
use std::collections::BTreeMap;
use types::{Figures, InstanceId, Timestamp};

impl Nc {
    /// The network comes first, because it needs nobody's answer: after a restart it is repaired
    /// before anything above or beside this process is reachable.
    pub(crate) async fn pass_alone(&self) {
        let node = &self.node;
        node.change(|state| state.take_in_desired());
        node.store_what_is_dirty().await;
        // A failure is noted as a problem of the node.
        let _ = node.repair_network().await;
        self.look_after_instances().await;
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
                node.note_capacity(&survey).await;
                node.change(|state| state.orphans = state.find_orphans(&survey.domains));
                self.step_each(at_rest, &survey).await;
            }
        }
    }

    async fn step_each(&self, at_rest: Vec<Resting>, survey: &Survey) {
        let domains: BTreeMap<&str, DomainState> =
            survey.domains.iter().map(|domain| (domain.name.as_str(), domain.state)).collect();
        for Resting { entry, asked } in at_rest {
            let id = entry.desired.id;
            let sight = Sight {
                wanted: self.node.state().wanted(id),
                domain: domains.get(id.to_string().as_str()).copied(),
                asked,
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
            Action::Reboot(count) => self.begin(id, Work::Reboot(count)),
            Action::Adopt => {
                tracing::info!(%id, request, "adopting a domain that runs");
                node.record_started(id).await;
            }
            Action::StartAgain => {
                tracing::info!(%id, request, "starting again from its disks");
                node.record(id, |entry| entry.phase = Phase::Prepared).await;
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
}

impl Node {
    fn at_rest(&self) -> Vec<Resting> {
        let state = self.state();
        let idle = state.slots.values().filter(|slot| !slot.busy);
        idle.map(|slot| Resting { entry: slot.entry.clone(), asked: slot.asked }).collect()
    }

    async fn note_capacity(&self, survey: &Survey) {
        let disk = self.adapters.disks.capacity_gb().await;
        let known = self.state().capacity.disk_gb;
        let disk_gb = *disk.as_ref().unwrap_or(&known);
        let capacity = Figures { disk_gb, ..survey.capacity };
        self.change(|state| state.capacity = self.settings.limits.apply(&capacity));
        self.concern(Concern::Disks, disk.err().map(|error| error.to_string()));
    }
}
