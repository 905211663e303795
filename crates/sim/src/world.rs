//! The simulated cloud: its parts, their deaths and their passes.

mod administer;
mod live;
mod rest;
mod setup;
mod site;
mod view;

use crate::clock::SimClock;
use crate::fuse::{At, Fuse};
use crate::machine::Machine;
use crate::public::{self, Answer};
use crate::rng::Rng;
use crate::scene::Scene;
use crate::shape::Shape;
use crate::wire::Wire;
use cc::NodeEntry;
use cloud::Cloud;
use http::StatusCode;
pub use live::Live;
use metrics::Watched;
use protocol::{CallError, ClusterApi};
pub(crate) use site::Site;
use state::{State, User};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use types::{Clock, ClusterName, ImageId, InstanceId, NodeName};

/// For how long an instance waits for a node with room.
pub(crate) const GRACE_MS: u64 = 30_000;
/// How often a component's files are tried while a dead one's threads still hold them.
const MOST_TRIES: u32 = 500;

/// A component of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Cloud,
    /// The controller of this cluster.
    Cc(usize),
    /// The node controller of this machine.
    Nc(usize),
}

/// The shipped cloud, cluster and node controllers over simulated machines.
///
/// It needs a runtime of one thread, so that it does the same again ([`run_isolated`]).
///
/// [`run_isolated`]: crate::run_isolated
pub struct SimCloud {
    /// The clusters; the first is that of the cloud controller's machine.
    pub(crate) sites: Vec<Site>,
    /// Those of all clusters.
    pub(crate) machines: Vec<Machine>,
    pub(crate) users: Vec<User>,
    pub(crate) clock: Arc<SimClock>,
    cloud_wire: Arc<Wire<Cloud, ()>>,
    cloud_fuse: Arc<Fuse>,
    settings: cloud::Settings,
    image: ImageId,
    /// A view of the cloud's records of its own, also while no cloud controller lives.
    records: State,
    _homes: [TempDir; 2],
}

impl SimCloud {
    /// A cloud of this shape, all of whose components live and know each other.
    pub async fn new(shape: &Shape, rng: &mut Rng) -> Self {
        Self::with_head_in(setup::new_home(), shape, rng).await
    }

    /// The same with the files of cloud and cluster controller below a directory of a real disk,
    /// where a sync costs what it costs. The nodes' stay in memory: they are other machines.
    pub async fn on_disk(directory: &Path, shape: &Shape, rng: &mut Rng) -> Self {
        let head = tempfile::tempdir_in(directory).expect("a temporary directory");
        Self::with_head_in(head, shape, rng).await
    }

    async fn with_head_in(head_home: TempDir, shape: &Shape, rng: &mut Rng) -> Self {
        let home = setup::new_home();
        let mut settings = setup::settings(head_home.path());
        let mut sites = setup::sites(&settings.layout, home.path(), shape, rng);
        settings.cluster = Some(setup::cluster_here(&sites[0]));
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
        let image = setup::register_images(&cloud, &settings.layout).await;
        drop(cloud);
        let records = State::open(&settings.database_url).await.expect("the database");
        let machines = setup::machines(home.path(), shape, &sites, rng);
        for (at, site) in sites.iter_mut().enumerate() {
            let own = machines.iter().filter(|it| it.site == at);
            let entry = |it: &Machine| NodeEntry { name: it.name.clone(), drained: false };
            site.roster = own.map(entry).collect();
        }
        let mut world = Self {
            sites,
            machines,
            users,
            clock,
            cloud_wire: Wire::new(rng.fork()),
            cloud_fuse: Arc::default(),
            settings,
            image,
            records,
            _homes: [head_home, home],
        };
        world.open_all().await;
        for site in &world.sites[1..] {
            let answer = world.register(&site.name, &site.address()).await;
            assert_eq!(answer, Some(StatusCode::OK), "{} is registered", site.name);
        }
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
        let controllers = self.sites.iter().enumerate().filter_map(|(at, site)| {
            let name = if at == 0 { "cc".to_owned() } else { format!("cc of {}", site.name) };
            Some((name, site.wire.target()? as Arc<dyn Watched>))
        });
        let nodes = self.machines.iter().filter_map(|machine| {
            Some((machine.name.to_string(), machine.wire.target()? as Arc<dyn Watched>))
        });
        cloud.into_iter().chain(controllers).chain(nodes).collect()
    }

    /// The time.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        let nodes = (0..self.machines.len()).map(Part::Nc);
        let controllers = (0..self.sites.len()).map(Part::Cc);
        std::iter::once(Part::Cloud).chain(controllers).chain(nodes).collect()
    }

    pub(crate) fn lives(&self, part: Part) -> bool {
        match part {
            Part::Cloud => self.cloud_wire.target().is_some(),
            Part::Cc(at) => self.sites[at].wire.target().is_some(),
            Part::Nc(at) => self.machines[at].wire.target().is_some(),
        }
    }

    fn fuse(&self, part: Part) -> &Arc<Fuse> {
        match part {
            Part::Cloud => &self.cloud_fuse,
            Part::Cc(at) => &self.sites[at].fuse,
            Part::Nc(at) => &self.machines[at].fuse,
        }
    }

    /// Lets a component die at one of its next calls.
    pub(crate) fn doom(&self, part: Part, calls: usize, at: At) {
        self.fuse(part).set(calls, at);
    }

    /// Nobody is doomed any more.
    pub(crate) fn spare_all(&self) {
        self.parts().into_iter().for_each(|part| self.fuse(part).spare());
    }

    /// Kills a component.
    pub(crate) async fn kill(&mut self, part: Part) {
        self.fuse(part).blow();
        match part {
            Part::Cloud => bury(self.cloud_wire.unplug()),
            Part::Cc(at) => bury(self.sites[at].wire.unplug()),
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
            Part::Cc(at) => {
                let own = self.machines.iter().filter(|machine| machine.site == at);
                self.sites[at].open(own, &self.clock);
            }
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
            Part::Cc(at) => {
                let Some(cc) = self.sites[at].wire.target() else { return };
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

    /// The machines that are given nothing new from now on, and what was placed on them so far.
    pub(crate) fn closed(&self, scene: &Scene) -> BTreeMap<NodeName, BTreeSet<InstanceId>> {
        let takes = |machine: &&Machine| self.sites[machine.site].takes(&machine.name);
        let closed = self.machines.iter().filter(|machine| !takes(machine));
        closed.map(|machine| (machine.name.clone(), scene.placed_on(&machine.name))).collect()
    }

    /// A machine loses power, with all that runs on it: on the first one of a cluster its
    /// controller, on the very first one the cloud, too.
    pub(crate) async fn power_cut(&mut self, at: usize) {
        self.kill(Part::Nc(at)).await;
        let site = self.machines[at].site;
        if self.machines.iter().position(|machine| machine.site == site) == Some(at) {
            self.kill(Part::Cc(site)).await;
        }
        if at == 0 {
            self.kill(Part::Cloud).await;
        }
        self.machines[at].power_cut();
    }

    /// A machine is shut down in order, under the eyes of its node controller, and comes back.
    pub(crate) async fn shut_down(&mut self, at: usize) {
        self.machines[at].begin_to_shut_down();
        self.pass(Part::Nc(at)).await;
        self.power_cut(at).await;
    }

    /// Sets how bad the ways between the components are.
    pub(crate) fn set_weather(&self, bad_percent: usize) {
        self.sites.iter().for_each(|site| site.wire.set_weather(bad_percent));
        self.cloud_wire.set_weather(bad_percent);
        self.machines.iter().for_each(|machine| machine.wire.set_weather(bad_percent));
    }

    async fn open_cloud(&mut self) {
        self.cloud_fuse = Arc::default();
        let clusters = site::factory(&self.sites, &self.cloud_fuse);
        for _ in 0..MOST_TRIES {
            let clock = Arc::<SimClock>::clone(&self.clock);
            match Cloud::open(self.settings.clone(), clock, Arc::clone(&clusters)).await {
                Ok(cloud) => return self.cloud_wire.plug(cloud),
                // The last one's threads may still have it open.
                Err(cloud::Error::Walrus(_)) => breathe().await,
                Err(other) => panic!("the cloud does not start again: {other}"),
            }
        }
        panic!("Walrus' store stays in use after the death of its cloud");
    }
}

/// The components hold the ways to each other, and these their targets: a circle that must be cut.
impl Drop for SimCloud {
    fn drop(&mut self) {
        self.cloud_wire.unplug();
        self.sites.iter().for_each(|site| drop(site.wire.unplug()));
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
