//! Looking at a cloud from outside.

use super::{SimCloud, Site};
use crate::machine::{BRIDGE, METADATA_PORT, Machine};
use crate::scene::{Host, Planned, Quiet, QuietCluster, Scene, SeenDomain};
use cc::{Network, Placement, Placements};
use hypervisor::Domain;
use netplan::{
    Lease, NodeInput, NodeNic, NodePlan, PublicInput, PublicPlan, RouterInput, RouterPlan,
    SiteBridge, SiteDhcp, SiteNic, node_plan, router_plan, tap_name,
};
use placement::Availability;
use protocol::{Attachment, ClusterApi, ClusterDesired, InstanceDesired, NodeApi, Standing};
use state::{Address, Instance, InstanceFilter, User};
use std::collections::{BTreeMap, BTreeSet};
use types::{
    AddressPool, Clock, ClusterName, GroupId, InstanceId, NodeName, Timestamp, VmType, VnetMode,
};

impl SimCloud {
    /// All that can be seen at this moment.
    pub async fn look(&self) -> Scene {
        let host = |machine: &Machine| host(machine, &self.sites[machine.site].name);
        let hosts = self.machines.iter().map(host).collect();
        let placed = self.sites.iter().map(|site| (site.name.clone(), placed(site))).collect();
        let (instances, public) = self.recorded().await;
        Scene {
            instances,
            hosts,
            clusters: self.registered().await,
            placed,
            reported: self.reported().await,
            public,
            routed: self.sites.iter().map(routed).collect(),
            quiet: None,
        }
    }

    /// Instances, and the addresses that lead to them, as of one moment: what a user has set going
    /// who hung up may be committed between two looks.
    async fn recorded(&self) -> (Vec<(Instance, GroupId)>, Vec<Address>) {
        let mut instances = self.records().await;
        loop {
            let public = self.records.leading_addresses(None).await.expect("the database works");
            let again = self.records().await;
            if again == instances {
                return (instances, public);
            }
            instances = again;
        }
    }

    async fn reported(&self) -> BTreeMap<ClusterName, BTreeMap<NodeName, Standing>> {
        let mut reported = BTreeMap::new();
        for site in &self.sites {
            let Some(cc) = site.wire.target() else { continue };
            let observed = cc.observe(None, 0).await.expect("it answers");
            let nodes = observed.nodes.into_iter().map(|node| (node.name, node.standing));
            reported.insert(site.name.clone(), nodes.collect());
        }
        reported
    }

    /// The same, and what can be seen of a cloud at rest.
    ///
    /// # Panics
    /// When a component does not live.
    pub async fn look_closely(&self) -> Scene {
        let mut scene = self.look().await;
        let mut described = Vec::new();
        for user in &self.users {
            let answer = self.call_as(user, "DescribeInstances", &[]).await;
            described.push(answer.expect("a cloud that lives").states());
        }
        let mut clusters = BTreeMap::new();
        for (at, site) in self.sites.iter().enumerate() {
            if scene.clusters.contains_key(&site.name) {
                clusters.insert(site.name.clone(), self.quiet_cluster(at, &scene).await);
            }
        }
        scene.quiet = Some(Quiet {
            now: self.clock.now(),
            clusters,
            orphans: self.orphans().await,
            shown: self.shown().await,
            described,
        });
        scene
    }

    async fn quiet_cluster(&self, at: usize, scene: &Scene) -> QuietCluster {
        let site = &self.sites[at];
        let desired = self.records.cluster_desired(&site.name, &self.settings.image_source).await;
        let desired = desired.expect("the database works");
        let cc = site.wire.target().expect("a cluster controller that lives");
        let observed = cc.observe(None, 0).await.expect("it answers");
        QuietCluster {
            router: site.head.router(),
            planned: self.planned(at, &desired, scene),
            reboots_done: observed.instances.iter().map(|it| (it.id, it.reboots)).collect(),
            desired,
        }
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

    fn planned(&self, at: usize, desired: &ClusterDesired, scene: &Scene) -> Planned {
        let site = &self.sites[at];
        let router = planned_router(site.network(), &site.shape.public_addresses, desired);
        let on = |id: InstanceId| scene.instance(id).and_then(|instance| instance.node.clone());
        let plan = |machine: &Machine| {
            let here =
                desired.instances.iter().filter(|it| on(it.id).as_ref() == Some(&machine.name));
            let (mut nics, mut site_nics) = (Vec::new(), Vec::new());
            for it in here {
                let (tap, mac) = (tap_name(it.id), it.nic.mac);
                match it.nic.attachment {
                    Attachment::Group { tag, ip, .. } => nics.push(NodeNic { tap, mac, ip, tag }),
                    Attachment::Site { ip } => {
                        let shown = scene.instance(it.id).map(|instance| instance.ip);
                        let found = shown.filter(|ip| !ip.is_unspecified());
                        let is_watched = ip.is_none();
                        site_nics.push(SiteNic { tap, mac, ip: ip.or(found), is_watched });
                    }
                }
            }
            let bridge = SiteBridge { name: BRIDGE.0.to_owned(), mac: BRIDGE.1 };
            let input = NodeInput {
                nics: &nics,
                site_nics: &site_nics,
                site_bridge: Some(&bridge).filter(|_| machine.mode != VnetMode::Managed),
                metadata_port: METADATA_PORT,
                fabric: None,
                interface: "",
            };
            (machine.name.clone(), node_plan(&input))
        };
        let own = self.machines.iter().filter(|machine| machine.site == at);
        let nodes: BTreeMap<NodeName, NodePlan> = own.map(plan).collect();
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

    /// The `free / max` of each VM type in each zone, as `describe-availability-zones verbose`
    /// shows them.
    async fn shown(&self) -> BTreeMap<ClusterName, Vec<(VmType, Availability)>> {
        let admin: Option<User> =
            self.records.user_by_name("admin").await.expect("the database works");
        let verbose = [("ZoneName.1".to_owned(), "verbose".to_owned())];
        let admin = admin.expect("the administrator");
        let answer = self.call_as(&admin, "DescribeAvailabilityZones", &verbose).await;
        let answer = answer.expect("a cloud that lives");
        let types = self.records.vm_types().await.expect("the database works");
        let mut shown: Vec<(ClusterName, Vec<(VmType, Availability)>)> = Vec::new();
        for (name, state) in answer.all("zoneName").into_iter().zip(answer.all("zoneState")) {
            let Some(name) = name.strip_prefix("|- ") else {
                shown.push((name.parse().expect("a cluster's name"), Vec::new()));
                continue;
            };
            let Some(vm_type) = types.iter().find(|it| it.name == name) else { continue };
            let mut words = state.split_whitespace().filter_map(|word| word.parse().ok());
            let mut number = || words.next().expect("free / max");
            let room = Availability { free: number(), max: number() };
            let (_, zone) = shown.last_mut().expect("a zone comes before its types");
            zone.push((vm_type.clone(), room));
        }
        shown.into_iter().collect()
    }
}

fn routed(site: &Site) -> (ClusterName, PublicPlan) {
    (site.name.clone(), site.head.router().public)
}

/// What a cluster controller has decided, as it would be known after its death.
fn placed(site: &Site) -> BTreeMap<NodeName, BTreeSet<InstanceId>> {
    let path = site.state_path.join("placements.json");
    let kept: Placements = durable::load(&path).expect("it is readable").unwrap_or_default();
    let mut placed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (id, placement) in kept.of {
        if let Placement::On { node, .. } = placement {
            placed.entry(node).or_default().insert(id);
        }
    }
    placed
}

fn host(machine: &Machine, cluster: &ClusterName) -> Host {
    Host {
        name: machine.name.clone(),
        cluster: cluster.clone(),
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
            is_up: state.is_up(),
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

/// What the host of a cluster controller should hold.
fn planned_router(network: Network, pool: &AddressPool, desired: &ClusterDesired) -> RouterPlan {
    let associated = |it: &InstanceDesired| Some((it.nic.public_ip()?, it.nic.ip()?));
    let associations: Vec<_> = desired.instances.iter().filter_map(associated).collect();
    let leases = desired.instances.iter().filter_map(|it| Some((it, it.nic.ip()?)));
    let leases = leases.map(|(it, ip)| (it.nic.tag(), Lease::new(it.nic.mac, ip)));
    match network {
        Network::Managed(settings) => {
            let leases: Vec<_> = leases.filter_map(|(tag, lease)| Some((tag?, lease))).collect();
            router_plan(&RouterInput {
                networks: &desired.networks,
                leases: &leases,
                vnet_subnet: settings.vnet_subnet,
                dns: &settings.dns,
                public_ports: &settings.public_ports,
                mtu: settings.mtu,
                machines: &BTreeSet::new(),
                trunk: None,
                public: PublicInput { pool, interface: None, associations: &associations },
            })
        }
        Network::Static(site) => RouterPlan::of_site(SiteDhcp {
            device: site.device,
            subnet: site.subnet,
            broadcast: site.broadcast,
            router: site.router,
            dns: site.dns,
            mtu: site.mtu,
            leases: leases.map(|(_, lease)| (lease.mac, lease)).collect(),
        }),
        Network::System => RouterPlan::default(),
    }
}
