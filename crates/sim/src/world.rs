//! The simulated cloud: its parts, their deaths and their passes.

mod live;
mod rest;
mod view;

use crate::adapters::FusedNet;
use crate::clock::SimClock;
use crate::fuse::{At, Fuse};
use crate::machine::Machine;
use crate::public::{self, Answer, HOST};
use crate::rng::Rng;
use crate::scene::Scene;
use crate::shape::Shape;
use crate::wire::{Caller, Wire, Wires};
use cc::{Cc, NodeEntry, RouterSettings};
use cloud::Cloud;
use conf::Layout;
use hostnet::SimNet;
pub use live::Live;
use metrics::Watched;
use protocol::{CallError, ClusterApi, ClusterDesired, Digest};
use state::{ClusterConfig, NewImage, State, User};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use types::{Clock, ClusterName, ImageId, ImageKind, InstanceId, NodeName};

/// For how long an instance waits for a node with room.
pub(crate) const GRACE_MS: u64 = 30_000;
/// A file system in memory: the files are real, and syncing them costs nothing.
const MEMORY: &str = "/dev/shm";
/// How often a component's files are tried while a dead one's threads still hold them.
const MOST_TRIES: u32 = 500;

/// A component of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Cloud,
    Cc,
    /// The node controller of this machine.
    Nc(usize),
}

/// The shipped cloud, cluster and node controllers over simulated machines.
///
/// It needs a runtime of one thread, so that it does the same again ([`run_isolated`]).
///
/// [`run_isolated`]: crate::run_isolated
pub struct SimCloud {
    pub(crate) machines: Vec<Machine>,
    /// NODES and DRAINED_NODES of the cluster controller's configuration.
    pub(crate) roster: Vec<NodeEntry>,
    pub(crate) users: Vec<User>,
    pub(crate) clock: Arc<SimClock>,
    /// The network of the machine that cloud and cluster controller run on, and the first node.
    pub(crate) head: Arc<SimNet>,
    pub(crate) cc_wire: Arc<Wire<Cc, ClusterDesired>>,
    cloud_wire: Arc<Wire<Cloud, ()>>,
    cloud_fuse: Arc<Fuse>,
    cc_fuse: Arc<Fuse>,
    settings: cloud::Settings,
    image: ImageId,
    /// A view of the cloud's records of its own, also while no cloud controller lives.
    records: State,
    _homes: [TempDir; 2],
}

impl SimCloud {
    /// A cloud of this shape, all of whose components live and know each other.
    pub async fn new(shape: &Shape, rng: &mut Rng) -> Self {
        Self::with_head_in(new_home(), shape, rng).await
    }

    /// The same with the files of cloud and cluster controller below a directory of a real disk,
    /// where a sync costs what it costs. The nodes' stay in memory: they are other machines.
    pub async fn on_disk(directory: &Path, shape: &Shape, rng: &mut Rng) -> Self {
        let head = tempfile::tempdir_in(directory).expect("a temporary directory");
        Self::with_head_in(head, shape, rng).await
    }

    async fn with_head_in(head_home: TempDir, shape: &Shape, rng: &mut Rng) -> Self {
        let home = new_home();
        let settings = settings(head_home.path(), shape);
        let clock = Arc::new(SimClock::default());
        let nobody = |_: &ClusterName, _: &str| {
            Err::<Arc<dyn ClusterApi>, _>(CallError::Unreachable("simulated: nobody".to_owned()))
        };
        let cloud = Cloud::open(settings.clone(), Arc::<SimClock>::clone(&clock), Arc::new(nobody));
        let cloud = cloud.await.expect("a new cloud");
        let mut users = vec![];
        for user in 0..shape.users {
            let name = format!("user{user}").parse().expect("a user's name");
            users.push(cloud.create_user(name, false).await.expect("a new user"));
        }
        let image = register_images(&cloud, &settings.layout).await;
        drop(cloud);
        let records = State::open(&settings.database_url).await.expect("the database");
        let head = Arc::new(SimNet::default());
        let machines = machines(home.path(), shape, &head, rng);
        let entry = |it: &Machine| NodeEntry { name: it.name.clone(), drained: false };
        let mut world = Self {
            roster: machines.iter().map(entry).collect(),
            machines,
            users,
            clock,
            head,
            cc_wire: Wire::new(rng.fork()),
            cloud_wire: Wire::new(rng.fork()),
            cloud_fuse: Arc::default(),
            cc_fuse: Arc::default(),
            settings,
            image,
            records,
            _homes: [head_home, home],
        };
        world.open_all().await;
        world.come_to_rest().await.expect("a new cloud comes to rest");
        world
    }

    /// Calls an action of the public API as one of the users; none while no cloud lives.
    pub async fn call(&self, user: usize, action: &str, pairs: &[(&str, &str)]) -> Option<Answer> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.call_as(&self.users[user], action, &pairs.iter().map(owned).collect::<Vec<_>>()).await
    }

    pub(crate) async fn call_as(
        &self,
        user: &User,
        action: &str,
        pairs: &[(String, String)],
    ) -> Option<Answer> {
        let cloud = self.cloud_wire.target()?;
        Some(public::call(cloud, user, action, pairs, self.clock.now()).await)
    }

    /// The image that everybody may launch.
    pub fn image(&self) -> String {
        self.image.to_string()
    }

    /// Every component that lives, by name, to ask how it is.
    pub fn watched(&self) -> Vec<(String, Arc<dyn Watched>)> {
        let cloud = self.cloud_wire.target().map(|it| ("cloud".to_owned(), it as Arc<dyn Watched>));
        let cc = self.cc_wire.target().map(|it| ("cc".to_owned(), it as Arc<dyn Watched>));
        let nodes = self.machines.iter().filter_map(|machine| {
            Some((machine.name.to_string(), machine.wire.target()? as Arc<dyn Watched>))
        });
        cloud.into_iter().chain(cc).chain(nodes).collect()
    }

    /// The time.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        let nodes = (0..self.machines.len()).map(Part::Nc);
        [Part::Cloud, Part::Cc].into_iter().chain(nodes).collect()
    }

    pub(crate) fn lives(&self, part: Part) -> bool {
        match part {
            Part::Cloud => self.cloud_wire.target().is_some(),
            Part::Cc => self.cc_wire.target().is_some(),
            Part::Nc(at) => self.machines[at].wire.target().is_some(),
        }
    }

    fn fuse(&self, part: Part) -> &Arc<Fuse> {
        match part {
            Part::Cloud => &self.cloud_fuse,
            Part::Cc => &self.cc_fuse,
            Part::Nc(at) => &self.machines[at].fuse,
        }
    }

    /// Lets a component die at one of its next calls.
    pub(crate) fn doom(&self, part: Part, calls: usize, at: At) {
        self.fuse(part).set(calls, at);
    }

    /// Nobody is doomed any more.
    fn spare_all(&self) {
        self.parts().into_iter().for_each(|part| self.fuse(part).spare());
    }

    /// Kills a component.
    pub(crate) async fn kill(&mut self, part: Part) {
        self.fuse(part).blow();
        match part {
            Part::Cloud => bury(self.cloud_wire.unplug()),
            Part::Cc => bury(self.cc_wire.unplug()),
            Part::Nc(at) => bury(self.machines[at].wire.unplug()),
        }
        breathe().await;
    }

    /// Kills what has met its fate.
    pub(crate) async fn bury_the_dead(&mut self) {
        for part in self.parts() {
            if self.fuse(part).is_blown() && self.lives(part) {
                self.kill(part).await;
            }
        }
    }

    /// Starts a component that does not live.
    pub(crate) async fn open(&mut self, part: Part) {
        if self.lives(part) {
            return;
        }
        match part {
            Part::Cloud => self.open_cloud().await,
            Part::Cc => self.open_cc(),
            Part::Nc(at) => self.machines[at].open(&self.clock, &self.cloud_wire),
        }
    }

    pub(crate) async fn open_all(&mut self) {
        for part in self.parts() {
            self.open(part).await;
        }
    }

    /// One pass of a component, which may die in it. A node controller then also does what it
    /// has begun, as far as nothing holds it up.
    pub(crate) async fn pass(&mut self, part: Part) {
        let fuse = Arc::clone(self.fuse(part));
        tokio::select! {
            biased;
            () = fuse.blows() => {}
            () = self.do_pass(part) => {}
        }
        self.bury_the_dead().await;
    }

    async fn do_pass(&self, part: Part) {
        match part {
            Part::Cloud => {
                let Some(cloud) = self.cloud_wire.target() else { return };
                cloud.pass().await.expect("the database works");
            }
            Part::Cc => {
                let Some(cc) = self.cc_wire.target() else { return };
                cc.pass().await;
            }
            Part::Nc(at) => {
                let machine = &self.machines[at];
                let Some(nc) = machine.wire.target() else { return };
                nc.pass().await;
                if machine.shelf.is_quick() { nc.settle().await } else { breathe().await }
            }
        }
    }

    /// NODES is edited: a cluster controller that lives takes it over at once, a dead one when it
    /// starts.
    pub(crate) fn edit_nodes(&mut self, edit: impl FnOnce(&mut Vec<NodeEntry>)) {
        edit(&mut self.roster);
        if let Some(cc) = self.cc_wire.target() {
            cc.set_nodes(self.roster.clone()).expect("there is a way to every machine");
        }
    }

    /// The machines that are given nothing new from now on, and what was placed on them so far.
    pub(crate) fn closed(&self, scene: &Scene) -> BTreeMap<NodeName, BTreeSet<InstanceId>> {
        let takes = |name: &NodeName| self.roster.iter().any(|it| it.name == *name && !it.drained);
        let names = self.machines.iter().map(|machine| &machine.name).filter(|name| !takes(name));
        let placed = |name| scene.placed.get(name).cloned().unwrap_or_default();
        names.map(|name| (name.clone(), placed(name))).collect()
    }

    /// A machine loses power, with all that runs on it.
    pub(crate) async fn power_cut(&mut self, at: usize) {
        self.kill(Part::Nc(at)).await;
        if at == 0 {
            self.kill(Part::Cc).await;
            self.kill(Part::Cloud).await;
        }
        self.machines[at].power_cut();
    }

    /// Sets how bad the ways between the components are.
    pub(crate) fn set_weather(&self, bad_percent: usize) {
        self.cc_wire.set_weather(bad_percent);
        self.cloud_wire.set_weather(bad_percent);
        self.machines.iter().for_each(|machine| machine.wire.set_weather(bad_percent));
    }

    async fn open_cloud(&mut self) {
        self.cloud_fuse = Arc::default();
        let cc = Caller { wire: Arc::clone(&self.cc_wire), fuse: Arc::clone(&self.cloud_fuse) };
        let cc: Arc<dyn ClusterApi> = Arc::new(cc);
        let clusters = Arc::new(move |_: &ClusterName, _: &str| Ok(Arc::clone(&cc)));
        for _ in 0..MOST_TRIES {
            let clock = Arc::<SimClock>::clone(&self.clock);
            match Cloud::open(self.settings.clone(), clock, clusters.clone()).await {
                Ok(cloud) => return self.cloud_wire.plug(cloud),
                // The last one's threads may still have it open.
                Err(cloud::Error::Walrus(_)) => breathe().await,
                Err(other) => panic!("the cloud does not start again: {other}"),
            }
        }
        panic!("Walrus' store stays in use after the death of its cloud");
    }

    fn open_cc(&mut self) {
        self.cc_fuse = Arc::default();
        let wire = |machine: &Machine| (machine.name.clone(), Arc::clone(&machine.wire));
        let wires = self.machines.iter().map(wire).collect();
        let ways = Arc::new(Wires { wires, fuse: Arc::clone(&self.cc_fuse) });
        let net = Arc::new(FusedNet(Arc::clone(&self.head), Arc::clone(&self.cc_fuse)));
        let clock = Arc::<SimClock>::clone(&self.clock);
        let cc = Cc::open(self.cc_settings(), self.roster.clone(), ways, net, clock);
        self.cc_wire.plug(Arc::new(cc.expect("the cluster controller's memory is readable")));
    }

    fn cc_settings(&self) -> cc::Settings {
        let cluster = self.settings.cluster.as_ref().expect("the cluster of the head");
        cc::Settings {
            state_path: self.settings.layout.cc(),
            policy: cluster.policy,
            placement_grace_ms: GRACE_MS,
            addrs_per_net: cluster.addrs_per_net,
            router: RouterSettings {
                vnet_subnet: cluster.subnet,
                dns: vec![],
                public_ports: vec![8773],
                mtu: 1500,
                vxlan: false,
            },
        }
    }
}

/// The components hold the ways to each other, and these their targets: a circle that must be cut.
impl Drop for SimCloud {
    fn drop(&mut self) {
        self.cloud_wire.unplug();
        self.cc_wire.unplug();
        self.machines.iter().for_each(|machine| drop(machine.wire.unplug()));
    }
}

/// Lets go of a component. Nobody else may hold it, or it would live on.
fn bury<T>(part: Option<Arc<T>>) {
    if let Some(part) = part {
        assert!(Arc::into_inner(part).is_some(), "somebody still holds a dead component");
    }
}

/// Lets everything go on that can go on.
///
/// There is one thread for what blocks, so what was given to it before is done when it has done
/// what is given to it here; work of several such steps needs several rounds.
pub(crate) async fn breathe() {
    const ROUNDS: u32 = 32;
    const YIELDS: u32 = 4;
    for _ in 0..ROUNDS {
        tokio::task::spawn_blocking(|| ()).await.expect("nothing panics");
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
    }
}

fn new_home() -> TempDir {
    let memory = Path::new(MEMORY);
    let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    home.expect("a temporary directory")
}

fn settings(home: &Path, shape: &Shape) -> cloud::Settings {
    let layout = Layout::new(home);
    for (directory, _) in layout.directories() {
        fs::create_dir_all(directory).expect("a directory");
    }
    cloud::Settings {
        database_url: format!("sqlite:{}", layout.db().join("cloud.db").display()),
        layout,
        public_url: format!("http://{HOST}"),
        image_source: HOST.to_owned(),
        public_addresses: std::collections::BTreeSet::new(),
        signature_v1: false,
        cluster: Some(ClusterConfig {
            name: "sim".parse().expect("a cluster's name"),
            endpoint: "head.sim:8774".to_owned(),
            subnet: shape.subnet,
            addrs_per_net: shape.addrs_per_net,
            policy: shape.policy,
        }),
    }
}

fn machines(home: &Path, shape: &Shape, head: &Arc<SimNet>, rng: &mut Rng) -> Vec<Machine> {
    let machine = |(at, capacity): (usize, &types::Figures)| {
        let name = format!("node{at}");
        let net = if at == 0 { Arc::clone(head) } else { Arc::default() };
        let path = home.join(&name);
        let name = name.parse().expect("a node's name");
        Machine::new((name, *capacity), net, path, shape.concurrent_launches, rng.fork())
    };
    shape.nodes.iter().enumerate().map(machine).collect()
}

/// A kernel and a machine image that everybody may launch, with a few bytes each.
async fn register_images(cloud: &Cloud, layout: &Layout) -> ImageId {
    let admin = cloud.state().user_by_name("admin").await.expect("the database works");
    let account = admin.expect("the administrator").account;
    let mut kernel = None;
    for kind in [ImageKind::Kernel, ImageKind::Machine] {
        let bytes = format!("the bytes of a simulated {}", kind.as_str());
        let digest: Digest = signature::sha256_hex(bytes.as_bytes()).parse().expect("a digest");
        fs::write(layout.images().join(digest.to_string()), &bytes).expect("an image file");
        let new = NewImage {
            kind,
            account,
            location: format!("sim/{}.manifest.xml", kind.as_str()),
            architecture: "x86_64".to_owned(),
            digest,
            size: bytes.len() as u64,
            format: types::ImageFormat::Raw,
            boot: types::Boot::Kernel,
            kernel,
            ramdisk: None,
            public: true,
            tags: types::Tags::new(),
            name: None,
            description: None,
            products: Vec::new(),
        };
        let image = cloud.state().register_image(new, cloud.now()).await;
        kernel = Some(image.expect("a new image").id);
    }
    kernel.expect("the image that was registered last")
}
