//! Looking at a cloud from outside.

use super::SimCloud;
use crate::machine::{METADATA_PORT, Machine};
use crate::scene::{Host, Planned, Quiet, Scene, SeenDomain};
use cc::{Placement, Placements};
use hypervisor::{Domain, DomainState};
use netplan::{Lease, NodeInput, NodeNic, NodePlan, RouterInput, node_plan, router_plan};
use placement::Availability;
use protocol::{ClusterApi, ClusterDesired, NodeApi, Standing};
use state::{Instance, InstanceFilter, User};
use std::collections::{BTreeMap, BTreeSet};
use types::{Clock, GroupId, InstanceId, NodeName, Timestamp, VmType};

impl SimCloud {
    /// All that can be seen at this moment.
    pub async fn look(&self) -> Scene {
        let hosts = self.machines.iter().map(host).collect();
        Scene {
            instances: self.records().await,
            hosts,
            placed: self.placed(),
            reported: self.reported().await,
            quiet: None,
        }
    }

    /// What the cluster controller has decided, as it would be known after its death.
    fn placed(&self) -> BTreeMap<NodeName, BTreeSet<InstanceId>> {
        let path = self.settings.layout.cc().join("placements.json");
        let kept: Placements = durable::load(&path).expect("it is readable").unwrap_or_default();
        let mut placed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (id, placement) in kept.of {
            if let Placement::On { node, .. } = placement {
                placed.entry(node).or_default().insert(id);
            }
        }
        placed
    }

    async fn reported(&self) -> Option<BTreeMap<NodeName, Standing>> {
        let observed = self.cc_wire.target()?.observe(None, 0).await.expect("it answers");
        Some(observed.nodes.into_iter().map(|node| (node.name, node.standing)).collect())
    }

    /// The same, and what can be seen of a cloud at rest.
    ///
    /// # Panics
    /// When a component does not live.
    pub async fn look_closely(&self) -> Scene {
        let mut scene = self.look().await;
        let cluster = &self.settings.cluster.as_ref().expect("the cluster of the head").name;
        let desired = self.records.cluster_desired(cluster, &self.settings.image_source).await;
        let desired = desired.expect("the database works");
        let cc = self.cc_wire.target().expect("a cluster controller that lives");
        let observed = cc.observe(None, 0).await.expect("it answers");
        let mut described = Vec::new();
        for user in &self.users {
            let answer = self.call_as(user, "DescribeInstances", &[]).await;
            described.push(answer.expect("a cloud that lives").states());
        }
        scene.quiet = Some(Quiet {
            now: self.clock.now(),
            router: self.head.router(),
            planned: self.planned(&desired, &scene),
            orphans: self.orphans().await,
            reboots_done: observed.instances.iter().map(|it| (it.id, it.reboots)).collect(),
            shown: self.shown().await,
            described,
            desired,
        });
        scene
    }

    /// Every instance that the cloud has a record of, shown or not.
    pub(crate) async fn records(&self) -> Vec<(Instance, GroupId)> {
        // Asked as of long ago, nothing has been terminated for too long.
        let long_ago = Timestamp::from_millis(0);
        let found = self.records.describe_instances(&InstanceFilter::default(), long_ago).await;
        let found = found.expect("the database works");
        let with_group = |it: state::Reservation| {
            let group = it.groups[0].0;
            it.instances.into_iter().map(move |instance| (instance, group))
        };
        found.into_iter().flat_map(with_group).collect()
    }

    fn planned(&self, desired: &ClusterDesired, scene: &Scene) -> Planned {
        let settings = self.cc_settings().router;
        let leases: Vec<_> = desired.instances.iter().map(Lease::of).collect();
        let router = router_plan(&RouterInput {
            networks: &desired.networks,
            leases: &leases,
            vnet_subnet: settings.vnet_subnet,
            dns: &settings.dns,
            public_ports: &settings.public_ports,
            mtu: settings.mtu,
            machines: &BTreeSet::new(),
            overlay: None,
        });
        let on = |id: InstanceId| scene.instance(id).and_then(|instance| instance.node.clone());
        let plan = |machine: &Machine| {
            let here =
                desired.instances.iter().filter(|it| on(it.id).as_ref() == Some(&machine.name));
            let nics: Vec<_> = here.map(NodeNic::of).collect();
            node_plan(&NodeInput { nics: &nics, metadata_port: METADATA_PORT, fabric: None })
        };
        let nodes: Vec<NodePlan> = self.machines.iter().map(plan).collect();
        Planned { router, nodes }
    }

    async fn orphans(&self) -> BTreeMap<NodeName, Vec<String>> {
        let mut orphans = BTreeMap::new();
        for machine in &self.machines {
            let nc = machine.wire.target().expect("a node controller that lives");
            let observed = nc.observe(None, 0).await.expect("it answers");
            orphans.insert(machine.name.clone(), observed.orphans);
        }
        orphans
    }

    /// The `free / max` of each VM type, as `describe-availability-zones verbose` shows them.
    async fn shown(&self) -> Vec<(VmType, Availability)> {
        let admin: Option<User> =
            self.records.user_by_name("admin").await.expect("the database works");
        let verbose = [("ZoneName.1".to_owned(), "verbose".to_owned())];
        let admin = admin.expect("the administrator");
        let answer = self.call_as(&admin, "DescribeAvailabilityZones", &verbose).await;
        let answer = answer.expect("a cloud that lives");
        let lines: BTreeMap<_, _> =
            answer.all("zoneName").into_iter().zip(answer.all("zoneState")).collect();
        let types = self.records.vm_types().await.expect("the database works");
        let shown = |vm_type: VmType| {
            let line = lines[format!("|- {}", vm_type.name).as_str()];
            let mut words = line.split_whitespace().filter_map(|word| word.parse().ok());
            let mut number = || words.next().expect("free / max");
            let room = Availability { free: number(), max: number() };
            (vm_type, room)
        };
        types.into_iter().map(shown).collect()
    }
}

fn host(machine: &Machine) -> Host {
    Host {
        name: machine.name.clone(),
        capacity: machine.capacity,
        domains: domains(machine),
        disks: disks(machine),
        started: machine.hypervisor.ever_started().into_iter().collect(),
        foreign: machine.foreign.clone(),
        plan: machine.net.node(),
    }
}

/// The domains, seen with the hypervisor's own eyes, whether or not it can be reached.
fn domains(machine: &Machine) -> Vec<SeenDomain> {
    let seen = |Domain { name, state, .. }: Domain| {
        let id = name.parse::<InstanceId>().ok();
        let hypervisor = &machine.hypervisor;
        let reboots = |id| hypervisor.resets(id) + hypervisor.reboots(id);
        SeenDomain {
            spec: id.and_then(|id| hypervisor.spec(id)),
            starts_and_reboots: id
                .map(|id| (hypervisor.starts(id), reboots(id)))
                .unwrap_or_default(),
            is_up: matches!(state, DomainState::Running | DomainState::Crashed),
            name,
        }
    };
    machine.domains().into_iter().map(seen).collect()
}

fn disks(machine: &Machine) -> BTreeMap<InstanceId, u64> {
    let disks = &machine.shelf.disks;
    let size = |id: InstanceId| Some((id, disks.request(id)?.disk_gb));
    disks.held().into_iter().filter_map(size).collect()
}
