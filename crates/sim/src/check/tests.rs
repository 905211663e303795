//! Each rule that is looked at in a scene finds the one thing that breaks it.

use super::{Rule, check};
use crate::ledger::Ledger;
use crate::rng::Rng;
use crate::scene::{Host, Quiet, Scene};
use crate::shape::Shape;
use crate::world::SimCloud;
use crate::{Answer, run_isolated};
use placement::Policy;
use state::Instance;
use std::collections::BTreeSet;
use types::{Figures, InstanceId, InstanceState, NodeName};

/// A name that only an instance has.
const ORPHAN: &str = "i-FFFF0001";

/// A cloud at rest in which nothing is broken.
#[derive(Clone)]
struct Sound {
    scene: Scene,
    ledger: Ledger,
    /// Two of the first user's instances that run, on two nodes.
    runs: [InstanceId; 2],
    /// The first user's instance that is terminated.
    ended: InstanceId,
    /// The second user's instance, which was rebooted.
    others: InstanceId,
}

impl Sound {
    async fn new() -> Self {
        let shape = Shape { users: 2, policy: Policy::RoundRobin, ..Shape::of(2, 4) };
        let mut world = SimCloud::new(&shape, &mut Rng::new(1)).await;
        let mut ledger = Ledger::default();
        let first = launch(&world, &mut ledger, 0, "3").await;
        let second = launch(&world, &mut ledger, 1, "1").await;
        world.machines[0].add_foreign(ORPHAN);
        world.come_to_rest().await.unwrap();
        let scene = world.look().await;
        let node = |id: &InstanceId| scene.instance(*id).unwrap().node.clone();
        let apart = first.iter().find(|id| node(id) != node(&first[0])).unwrap();
        let ended = *first[1..].iter().find(|id| *id != apart).unwrap();
        answered(&world, 0, "TerminateInstances", &[("InstanceId.1", &ended.to_string())]).await;
        ledger.asked.get_mut(&ended).unwrap().terminate = true;
        answered(&world, 1, "RebootInstances", &[("InstanceId.1", &second[0].to_string())]).await;
        ledger.asked.get_mut(&second[0]).unwrap().reboots = 1;
        world.come_to_rest().await.unwrap();
        let scene = world.look_closely().await;
        Self { scene, ledger, runs: [first[0], *apart], ended, others: second[0] }
    }

    fn instance(&mut self, id: InstanceId) -> &mut Instance {
        let mut instances = self.scene.instances.iter_mut().map(|(instance, _)| instance);
        instances.find(|instance| instance.id == id).unwrap()
    }

    fn host_of(&mut self, id: InstanceId) -> &mut Host {
        let name = self.scene.hosts_of(id)[0].clone();
        self.scene.hosts.iter_mut().find(|host| host.name == name).unwrap()
    }

    fn quiet(&mut self) -> &mut Quiet {
        self.scene.quiet.as_mut().unwrap()
    }
}

async fn answered(
    world: &SimCloud,
    user: usize,
    action: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    let answer = world.call(user, action, parameters).await.unwrap();
    assert_eq!(answer.refusal(), None, "{}", answer.body);
    answer
}

async fn launch(
    world: &SimCloud,
    ledger: &mut Ledger,
    user: usize,
    count: &str,
) -> Vec<InstanceId> {
    let image = world.image();
    let parameters = [("ImageId", &*image), ("MinCount", count), ("MaxCount", count)];
    let ids = answered(world, user, "RunInstances", &parameters).await.instances();
    ledger.launched(user, &ids);
    ids
}

/// The one thing that is changed in a sound cloud so that a rule does not hold.
type Breakage = (Rule, fn(&mut Sound));

const BREAKAGES: [Breakage; 29] = [
    (Rule::NothingLost, |it| {
        let lost = it.runs[0];
        it.scene.instances.retain(|(instance, _)| instance.id != lost);
    }),
    (Rule::ForwardOnly, |it| {
        it.ledger.furthest.insert(it.runs[0], (0, InstanceState::Terminated));
    }),
    (Rule::ForwardOnly, |it| {
        it.ledger.furthest.insert(it.runs[0], (1, InstanceState::Stopped));
    }),
    (Rule::OneOwnerOfAnAddress, |it| it.instance(it.runs[0]).ip = it.instance(it.runs[1]).ip),
    (Rule::OneOwnerOfAnAddress, |it| it.instance(it.runs[0]).mac = it.instance(it.runs[1]).mac),
    (Rule::OneOwnerOfATag, |it| it.instance(it.runs[0]).tag = it.instance(it.others).tag),
    (Rule::NeverOverCommitted, |it| {
        it.host_of(it.runs[0]).capacity = Figures::default();
    }),
    (Rule::OneDomain, |it| {
        let name = it.runs[0].to_string();
        let domains = &it.host_of(it.runs[0]).domains;
        let twin = domains.iter().find(|domain| domain.name == name).unwrap().clone();
        it.host_of(it.runs[1]).domains.push(twin);
    }),
    (Rule::NoDomainUnwanted, |it| it.instance(it.runs[0]).state = InstanceState::Terminated),
    (Rule::StoppedIsOff, |it| it.instance(it.runs[0]).state = InstanceState::Stopped),
    (Rule::PowerKept, |it| it.ledger.asked.get_mut(&it.runs[0]).unwrap().stopped = Some(true)),
    (Rule::PowerKept, |it| it.instance(it.runs[0]).turn = 1),
    (Rule::ForeignLeftAlone, |it| {
        it.scene.hosts[0].domains.retain(|domain| domain.name != ORPHAN);
    }),
    (Rule::ClosedGetsNothing, |it| {
        let name = it.host_of(it.runs[0]).name.clone();
        it.ledger.closed.insert(name, BTreeSet::new());
    }),
    (Rule::NodeKept, |it| {
        let name = it.host_of(it.runs[0]).name.clone();
        it.scene.reported.as_mut().unwrap().remove(&name);
    }),
    (Rule::NodeKept, |it| {
        // By the controller's own memory, too, before the domain runs.
        let name: NodeName = "elsewhere".parse().unwrap();
        it.scene.placed.insert(name, BTreeSet::from([it.runs[0]]));
    }),
    (Rule::Rest, |it| it.instance(it.runs[0]).state = InstanceState::Pending),
    (Rule::Running, |it| {
        let name = it.runs[0].to_string();
        it.host_of(it.runs[0]).domains.retain(|domain| domain.name != name);
    }),
    (Rule::Running, |it| {
        it.host_of(it.runs[0]).domains.iter_mut().for_each(|domain| domain.is_up = false);
    }),
    (Rule::Running, |it| it.instance(it.runs[0]).impaired = true),
    (Rule::EndedWithReason, |it| it.instance(it.ended).reason = None),
    (Rule::EndedWithReason, |it| {
        it.ledger.asked.get_mut(&it.ended).unwrap().terminate = false;
    }),
    (Rule::EndKept, |it| it.ledger.asked.get_mut(&it.runs[0]).unwrap().terminate = true),
    (Rule::Networks, |it| it.host_of(it.runs[0]).plan.bridges.clear()),
    (Rule::Disks, |it| it.host_of(it.runs[0]).disks.clear()),
    (Rule::Capacity, |it| it.quiet().shown[0].1.free += 1),
    (Rule::Reboots, |it| it.quiet().reboots_done.clear()),
    (Rule::Orphans, |it| it.quiet().orphans.clear()),
    (Rule::Shown, |it| it.quiet().described[0].clear()),
];

#[test]
fn each_rule_finds_what_breaks_it() {
    run_isolated(1, async {
        let sound = Sound::new().await;
        assert_eq!(check(&sound.scene, &sound.ledger), []);
        for (at, (rule, break_it)) in BREAKAGES.into_iter().enumerate() {
            let mut broken = sound.clone();
            break_it(&mut broken);
            let found = check(&broken.scene, &broken.ledger);
            assert!(found.iter().any(|it| it.rule == rule), "{at}: {rule:?} not in {found:?}");
        }
    });
}

#[test]
fn nobody_is_shown_what_is_anothers() {
    run_isolated(1, async {
        let mut sound = Sound::new().await;
        let others = sound.others;
        sound.quiet().described[0].push((others, InstanceState::Running));
        let found = check(&sound.scene, &sound.ledger);
        assert_eq!(found.iter().map(|it| it.rule).collect::<Vec<_>>(), [Rule::OwnOnly]);
    });
}
