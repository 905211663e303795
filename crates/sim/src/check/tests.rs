//! Each rule that is looked at in a scene finds the one thing that breaks it.

use super::{Rule, check};
use crate::ledger::Ledger;
use crate::rng::Rng;
use crate::scene::{Host, Quiet, QuietCluster, Scene};
use crate::shape::{ClusterShape, Shape};
use crate::world::SimCloud;
use crate::{Answer, run_isolated};
use placement::Policy;
use state::Instance;
use std::collections::BTreeSet;
use types::{ClusterName, Figures, InstanceId, InstanceState, NodeName};

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
    /// The first user's two instances in the other cluster.
    far: [InstanceId; 2],
}

fn zone(name: &str) -> ClusterName {
    name.parse().unwrap()
}

impl Sound {
    async fn new() -> Self {
        let cluster = ClusterShape { policy: Policy::RoundRobin, ..ClusterShape::of(2, 4) };
        let shape = Shape { clusters: vec![cluster; 2], users: 2, ..Shape::of(0, 0) };
        let mut world = SimCloud::new(&shape, &mut Rng::new(1)).await;
        let mut ledger = Ledger::default();
        let first = launch(&world, &mut ledger, 0, ("sim", "3")).await;
        let second = launch(&world, &mut ledger, 1, ("sim", "1")).await;
        let far = launch(&world, &mut ledger, 0, ("far", "2")).await;
        let registered = world.registered().await.into_iter();
        ledger.clusters = registered.map(|(name, endpoint)| (name, Some(endpoint))).collect();
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
        Self {
            scene,
            ledger,
            runs: [first[0], *apart],
            ended,
            others: second[0],
            far: [far[0], far[1]],
        }
    }

    fn instance(&mut self, id: InstanceId) -> &mut Instance {
        let mut instances = self.scene.instances.iter_mut().map(|(instance, _)| instance);
        instances.find(|instance| instance.id == id).unwrap()
    }

    fn host_of(&mut self, id: InstanceId) -> &mut Host {
        let name = self.scene.hosts_of(id)[0].clone();
        self.scene.hosts.iter_mut().find(|host| host.name == name).unwrap()
    }

    fn quiet_cluster(&mut self, name: &str) -> &mut QuietCluster {
        self.quiet().clusters.get_mut(&zone(name)).unwrap()
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
    (name, count): (&str, &str),
) -> Vec<InstanceId> {
    let image = world.image();
    let parameters = [
        ("ImageId", &*image),
        ("MinCount", count),
        ("MaxCount", count),
        ("Placement.AvailabilityZone", name),
    ];
    let ids = answered(world, user, "RunInstances", &parameters).await.instances();
    ledger.launched(user, &ids, &zone(name));
    ids
}

/// The one thing that is changed in a sound cloud so that a rule does not hold.
type Breakage = (Rule, fn(&mut Sound));

const BREAKAGES: [Breakage; 48] = [
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
    (Rule::OneOwnerOfAnAddress, |it| it.instance(it.far[0]).ip = it.instance(it.far[1]).ip),
    (Rule::OneOwnerOfAnAddress, |it| it.instance(it.far[0]).mac = it.instance(it.runs[0]).mac),
    (Rule::OneOwnerOfATag, |it| it.instance(it.far[0]).tag = it.instance(it.others).tag),
    (Rule::OneOwnerOfATag, |it| {
        // Of the same group in two clusters.
        let tag = it.instance(it.runs[0]).tag;
        it.far.into_iter().for_each(|id| it.instance(id).tag = tag);
    }),
    (Rule::ClusterKept, |it| drop(it.scene.clusters.remove(&zone("far")))),
    (Rule::ClusterKept, |it| {
        it.scene.clusters.insert(zone("far"), "elsewhere.sim:8774".to_owned());
    }),
    (Rule::ClusterKept, |it| {
        it.ledger.clusters.insert(zone("far"), None);
    }),
    (Rule::ClusterKept, |it| {
        // Nobody knows what was promised, but it has instances.
        it.ledger.clusters.clear();
        it.scene.clusters.remove(&zone("far"));
    }),
    (Rule::ZoneKept, |it| it.instance(it.far[0]).cluster = zone("sim")),
    (Rule::OwnClusterOnly, |it| {
        let name = it.far[0].to_string();
        let host = it.host_of(it.far[0]);
        let at = host.domains.iter().position(|domain| domain.name == name).unwrap();
        let domain = host.domains.remove(at);
        it.host_of(it.runs[0]).domains.push(domain);
    }),
    (Rule::OwnClusterOnly, |it| {
        let id = it.far[0];
        it.host_of(it.runs[0]).disks.insert(id, 0);
    }),
    (Rule::OwnClusterOnly, |it| {
        it.instance(it.far[0]).node = Some(it.host_of(it.runs[0]).name.clone());
    }),
    (Rule::OwnClusterOnly, |it| {
        let name = it.host_of(it.runs[0]).name.clone();
        let placed = it.scene.placed.get_mut(&zone("sim")).unwrap();
        placed.get_mut(&name).unwrap().insert(it.far[0]);
    }),
    (Rule::NoDomainUnwanted, |it| it.instance(it.far[0]).state = InstanceState::Terminated),
    (Rule::Running, |it| {
        let name = it.far[0].to_string();
        it.host_of(it.far[0]).domains.retain(|domain| domain.name != name);
    }),
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
        it.scene.reported.get_mut(&zone("sim")).unwrap().remove(&name);
    }),
    (Rule::NodeKept, |it| {
        // By the controller's own memory, too, before the domain runs.
        let name: NodeName = "elsewhere".parse().unwrap();
        let placed = it.scene.placed.get_mut(&zone("sim")).unwrap();
        placed.insert(name, BTreeSet::from([it.runs[0]]));
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
    (Rule::Networks, |it| it.host_of(it.far[0]).plan.bridges.clear()),
    (Rule::Networks, |it| {
        it.quiet_cluster("far").router = it.quiet_cluster("sim").router.clone();
    }),
    (Rule::Disks, |it| it.host_of(it.runs[0]).disks.clear()),
    (Rule::Capacity, |it| {
        let shown = it.quiet().shown.get_mut(&zone("sim")).unwrap();
        shown[0].1.free += 1;
    }),
    (Rule::Capacity, |it| {
        let shown = it.quiet().shown.get_mut(&zone("far")).unwrap();
        shown[0].1.free += 1;
    }),
    (Rule::Capacity, |it| drop(it.quiet().shown.remove(&zone("far")))),
    (Rule::Reboots, |it| it.quiet_cluster("sim").reboots_done.clear()),
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

#[test]
fn an_address_may_be_given_once_in_each_cluster() {
    run_isolated(1, async {
        let mut sound = Sound::new().await;
        let ip = sound.instance(sound.runs[0]).ip;
        sound.instance(sound.far[0]).ip = ip;
        let found = check(&sound.scene, &sound.ledger);
        assert!(!found.iter().any(|it| it.rule == Rule::OneOwnerOfAnAddress), "{found:?}");
    });
}
