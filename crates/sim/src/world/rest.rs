//! A cloud that nobody disturbs any more.

use super::{Part, SimCloud};
use crate::scene::{Quiet, Scene};
use protocol::ClusterApi;
use std::fmt::Write;
use types::InstanceState;

/// So many rounds are enough for everything to come to rest.
const MOST_ROUNDS: u32 = 60;
/// How much time passes in a round: less than an instance may wait for a node.
const ROUND_MS: u32 = 7_000;
/// Rest is when so many rounds in a row change nothing.
const QUIET_ROUNDS: u32 = 2;

impl SimCloud {
    /// Ends all faults, starts what is dead, and lets everybody pass until nothing changes.
    ///
    /// # Errors
    /// With what still changes after so many rounds that it will never end.
    pub async fn come_to_rest(&mut self) -> Result<(), String> {
        self.spare_all();
        self.bury_the_dead().await;
        self.set_weather(0);
        for site in &self.sites {
            site.wire.silence(false);
            site.head.fail_with(None);
        }
        self.machines.iter_mut().for_each(super::Machine::repair);
        self.open_all().await;
        let (mut before, mut quiet) = (String::new(), 0);
        for _ in 0..MOST_ROUNDS {
            self.round().await;
            let now = self.fingerprint().await;
            quiet = if now == before { quiet + 1 } else { 0 };
            if quiet >= QUIET_ROUNDS && !self.is_anything_under_way().await {
                return Ok(());
            }
            before = now;
            self.clock.advance(ROUND_MS);
        }
        Err(format!("no rest after {MOST_ROUNDS} rounds: {before}"))
    }

    /// Everybody passes once, from the cloud down and up again.
    pub(crate) async fn round(&mut self) {
        self.open_all().await;
        self.pass(Part::Cloud).await;
        self.pass_controllers().await;
        for at in 0..self.machines.len() {
            self.pass(Part::Nc(at)).await;
        }
        self.pass_controllers().await;
        self.pass(Part::Cloud).await;
    }

    async fn pass_controllers(&mut self) {
        for at in 0..self.sites.len() {
            self.pass(Part::Cc(at)).await;
        }
    }

    /// An instance that runs by the records and has no domain that is up is started again: its host
    /// was rebooted or its virtual machine died a moment ago, and a start that fails is repeated at
    /// every pass, which changes nothing else. A guest that was asked to reboot has its time.
    async fn is_anything_under_way(&self) -> bool {
        let scene = self.look_closely().await;
        let mut instances = scene.instances.iter().map(|(instance, _)| instance);
        let moves = instances.any(|it| match it.state {
            InstanceState::Stopping if scene.may_wait(it) => false,
            InstanceState::Pending | InstanceState::Stopping | InstanceState::ShuttingDown => true,
            InstanceState::Running => !scene.is_up(it.id),
            _ => false,
        });
        moves || scene.quiet.as_ref().is_some_and(|quiet| reboots(&scene, quiet))
    }

    /// Names the whole state, but for times of last sight.
    async fn fingerprint(&self) -> String {
        let mut text = String::new();
        for (it, _) in self.records().await {
            let known = (it.id, it.state, &it.node, &it.reason, it.impaired);
            write!(text, "{known:?} ").expect("a text takes text");
        }
        for cc in self.sites.iter().filter_map(|site| site.wire.target()) {
            let observed = cc.observe(None, 0).await.map(|it| (it.revision, it.generation));
            write!(text, "{observed:?} ").expect("a text takes text");
        }
        for machine in &self.machines {
            write!(text, "{}: {:?} ", machine.name, machine.domains()).expect("a text takes text");
        }
        text
    }
}

/// Whether an instance that runs has yet to be rebooted.
fn reboots(scene: &Scene, quiet: &Quiet) -> bool {
    let runs = |it: &state::Instance| it.state == InstanceState::Running;
    quiet.clusters.values().any(|cluster| {
        cluster.desired.instances.iter().any(|wanted| {
            let done = cluster.reboots_done.get(&wanted.id).copied();
            scene.instance(wanted.id).is_some_and(runs) && done.unwrap_or(0) < wanted.reboots
        })
    })
}
