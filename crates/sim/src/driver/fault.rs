//! Taking a step.

use super::Driver;
use super::step::Step;
use super::user::Patience;
use crate::check::Rule;
use crate::wire::{Desired, Order};
use cc::NodeEntry;
use disks::DiskError;
use hostnet::HostNetError;
use hypervisor::Ending;
use protocol::{CallError, ClusterApi, NodeApi};
use types::InstanceId;

impl Driver {
    /// Takes a step; says what came of it.
    pub(super) async fn take(&mut self, step: Step) -> String {
        match step {
            Step::Launch { user, count, vm_type, zone, token, patience } => {
                return self.launch(user, (count, &vm_type, zone), token, patience).await;
            }
            Step::Repeat(at) => return self.ask_to_launch(at, Patience::Waits).await,
            Step::Terminate { user, ids, patience } => {
                return self.terminate(user, &ids, patience).await;
            }
            Step::Reboot { user, ids, patience } => return self.reboot(user, &ids, patience).await,
            Step::Power { user, ids, power, patience } => {
                return self.power(user, &ids, power, patience).await;
            }
            Step::Egress { user, open, patience } => {
                return self.egress(user, open, patience).await;
            }
            Step::Address { user, deed, at, patience } => {
                return self.address(user, deed, at, patience).await;
            }
            Step::Trespass { user, id } => return self.trespass(user, id).await,
            Step::LateToNode(at) => return self.late_to_node(at).await,
            Step::LateToCluster(at) => return self.late_to_cluster(at).await,
            Step::Pass(part) => self.world.pass(part).await,
            Step::Round => self.pass_all().await,
            Step::Kill(part) => self.world.kill(part).await,
            Step::Doom(part, calls, at) => self.world.doom(part, calls, at),
            Step::Open(part) => self.world.open(part).await,
            Step::PowerCut(at) => self.world.power_cut(at).await,
            Step::ShutDown(at) => self.world.shut_down(at).await,
            Step::Register(at, listed) => self.register(at, listed),
            Step::Drain(at, drained) => self.drain(at, drained),
            Step::Admit { site, endpoint, patience } => {
                return self.admit(site, &endpoint, patience).await;
            }
            Step::Dismiss { site, patience } => return self.dismiss(site, patience).await,
            Step::Vacate(site) => self.vacate(site).await,
            Step::Relocate(site) => self.world.sites[site].relocate(),
            Step::Silence(site, silent) => self.world.sites[site].wire.silence(silent),
            Step::Wait(millis) => self.world.clock.advance(millis),
            Step::Weather(bad_percent) => self.world.set_weather(bad_percent),
            fault => self.disturb(fault),
        }
        String::new()
    }

    /// Disturbs a machine or a guest.
    fn disturb(&mut self, step: Step) {
        let machines = &mut self.world.machines;
        match step {
            Step::FailStart(at) => machines[at].hypervisor.fail_next_start("simulated: no memory"),
            Step::LoseStart(at) => machines[at].hypervisor.lose_next_start_answer(),
            Step::Hypervisor(at, reachable) => machines[at].set_reachable(reachable),
            Step::FailDisk(at) => {
                let error = DiskError::Failed("simulated: the disk is broken".to_owned());
                machines[at].shelf.disks.fail_next_prepare(error);
            }
            Step::Disks(at, quick) => machines[at].shelf.set_quick(quick),
            Step::Net(at, works) => {
                let error = HostNetError::Rules("simulated: no rules".to_owned());
                machines[at].net.fail_with((!works).then_some(error));
            }
            Step::Foreign(at, name) => machines[at].add_foreign(&name),
            Step::Guests(at, obedient) => machines[at].hypervisor.set_deaf(!obedient),
            Step::End(id, ending) => self.end_guest(id, ending),
            Step::Crash(id) => machines.iter().for_each(|it| it.hypervisor.crash(id)),
            other => unreachable!("{other:?} is no fault of a machine"),
        }
    }

    /// Takes a machine into NODES as an ordinary node, in any place, or out of it.
    fn register(&mut self, at: usize, listed: bool) {
        let machine = &self.world.machines[at];
        let (name, site) = (machine.name.clone(), &mut self.world.sites[machine.site]);
        let known = site.roster.iter().any(|entry| entry.name == name);
        let place = self.rng.below(site.roster.len() + 1);
        site.edit_nodes(|nodes| match listed {
            true if known => {}
            true => nodes.insert(place, NodeEntry { name, drained: false }),
            false => nodes.retain(|entry| entry.name != name),
        });
    }

    fn drain(&mut self, at: usize, drained: bool) {
        let machine = &self.world.machines[at];
        let (name, site) = (machine.name.clone(), &mut self.world.sites[machine.site]);
        site.edit_nodes(|nodes| {
            let entry = nodes.iter_mut().find(|entry| entry.name == name);
            entry.into_iter().for_each(|entry| entry.drained = drained);
        });
    }

    /// Only a guest's own end may end its instance; one that nobody can tell from it does not.
    fn end_guest(&mut self, id: InstanceId, ending: Option<Ending>) {
        for machine in self.world.machines.iter().filter(|it| it.hypervisor.is_running(id)) {
            if ending == Some(Ending::PoweredOff) {
                self.ledger.powered_off.insert(id);
            }
            match ending {
                Some(ending) => machine.hypervisor.end(id, ending),
                None => machine.hypervisor.vanish(id),
            }
        }
    }

    async fn pass_all(&mut self) {
        for part in self.world.parts() {
            self.world.pass(part).await;
        }
    }

    async fn late_to_node(&mut self, at: usize) -> String {
        let wire = &self.world.machines[at].wire;
        let (Some(message), Some(nc)) = (wire.old_message(&mut self.rng), wire.target()) else {
            return String::new();
        };
        let (order, newest) = (message.order(), wire.newest());
        let answer = nc.sync(message).await;
        self.judge_late(order, newest, answer)
    }

    async fn late_to_cluster(&mut self, at: usize) -> String {
        let wire = &self.world.sites[at].wire;
        let (Some(message), Some(cc)) = (wire.old_message(&mut self.rng), wire.target()) else {
            return String::new();
        };
        let (order, newest) = (message.order(), wire.newest());
        let answer = cc.sync(message).await;
        self.judge_late(order, newest, answer)
    }

    fn judge_late(
        &mut self,
        order: Order,
        newest: Option<Order>,
        answer: Result<(), CallError>,
    ) -> String {
        let told = format!("{order:?} after {newest:?}: {answer:?}");
        let refused = matches!(answer, Err(CallError::Stale { .. }));
        if Some(order) < newest && !refused {
            self.break_rule(Rule::OlderRefused, told.clone());
        }
        told
    }
}
