//! A state in a temporary directory, with a cluster and what a launch needs.

use placement::Policy;
use protocol::{
    ClusterObserved, Digest, InstanceObserved, InstancePhase, MetadataOptions, Networks,
    NodeStatus, Standing,
};
use state::{
    ClusterConfig, Image, Instance, InstanceFilter, NewImage, NewUser, RunRequest, State, User,
};
use types::{Boot, Figures, ImageFormat, ImageKind, InstanceId, Secret, Tags, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) admin: User,
    pub(crate) kernel: Image,
    pub(crate) image: Image,
    dir: tempfile::TempDir,
}

pub(crate) fn new_user(name: &str, admin: bool) -> NewUser {
    NewUser {
        name: name.parse().unwrap(),
        admin,
        access_key: format!("KEY-{name}"),
        secret_key: Secret::new(format!("secret of {name}")),
    }
}

pub(crate) fn new_image(kind: ImageKind, owner: &User) -> NewImage {
    NewImage {
        kind,
        account: owner.account,
        location: format!("bucket/{}.manifest.xml", kind.as_str()),
        architecture: "x86_64".into(),
        digest: Digest([kind as u8; 32]),
        size: 1 << 20,
        format: ImageFormat::Raw,
        boot: Boot::Kernel,
        kernel: None,
        ramdisk: None,
        public: true,
        tags: types::Tags::new(),
        name: None,
        description: None,
        products: Vec::new(),
    }
}

pub(crate) fn cluster(name: &str, subnet: &str, addrs_per_net: u32) -> ClusterConfig {
    ClusterConfig {
        name: name.parse().unwrap(),
        endpoint: "127.0.0.1:8774".into(),
        networks: Networks::Managed { subnet: subnet.parse().unwrap(), addrs_per_net },
        policy: Policy::Greedy,
        public_addresses: types::AddressPool::default(),
    }
}

pub(crate) fn node(name: &str, cores: u32) -> NodeStatus {
    NodeStatus {
        name: name.parse().unwrap(),
        reachable: true,
        standing: Standing::Accepting,
        certificate_ok: true,
        last_seen: Some(NOW),
        capacity: Figures { cores, memory_mb: 1 << 20, disk_gb: 1 << 20 },
        overhead: Figures::default(),
        orphans: vec![],
        problems: vec![],
    }
}

pub(crate) fn observed(
    nodes: Vec<NodeStatus>,
    instances: Vec<InstanceObserved>,
) -> ClusterObserved {
    ClusterObserved {
        cluster: Some("zone1".parse().unwrap()),
        revision: 1,
        generation: 1,
        nodes,
        instances,
        problems: vec![],
        settings: None,
    }
}

pub(crate) fn report(id: InstanceId, phase: InstancePhase) -> InstanceObserved {
    let node = Some("node1".parse().unwrap());
    InstanceObserved {
        id,
        node,
        phase,
        reason: None,
        reboots: 0,
        turn: 0,
        metadata: None,
        address: None,
    }
}

impl World {
    /// A cluster `zone1` of one node with this many cores, an administrator, a kernel, an image.
    pub(crate) async fn with_cores(cores: u32) -> Self {
        Self::with(cores, cluster("zone1", "172.19.0.0/16", 64)).await
    }

    pub(crate) async fn with(cores: u32, config: ClusterConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&url(&dir)).await.unwrap();
        state.seed_vm_types().await.unwrap();
        state.configure_cluster(config).await.unwrap();
        let admin = state.create_user(new_user("admin", true), NOW).await.unwrap();
        let kernel = state.register_image(new_image(ImageKind::Kernel, &admin), NOW).await.unwrap();
        let mut image = new_image(ImageKind::Machine, &admin);
        image.kernel = Some(kernel.id);
        let image = state.register_image(image, NOW).await.unwrap();
        let world = Self { state, admin, kernel, image, dir };
        world.observe(vec![]).await;
        world.observe_nodes(vec![node("node1", cores)], vec![]).await;
        world
    }

    /// Closes the database and opens it again.
    pub(crate) async fn reopened(self) -> Self {
        let state = State::open(&url(&self.dir)).await.unwrap();
        Self { state, ..self }
    }

    pub(crate) fn url(&self) -> String {
        url(&self.dir)
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        self.state.create_user(new_user(name, false), NOW).await.unwrap()
    }

    pub(crate) fn request(&self, user: &User) -> RunRequest {
        RunRequest {
            account: user.account,
            client_token: None,
            request_digest: String::new(),
            min_count: 1,
            max_count: 1,
            cluster: None,
            image: self.image.id,
            kernel: None,
            ramdisk: None,
            vm_type: "m1.small".into(),
            key: None,
            groups: vec![],
            user_data: vec![],
            tags: Tags::new(),
            protected: false,
            monitoring: false,
            metadata: MetadataOptions::default(),
            public: true,
        }
    }

    /// Launches `count` instances as the administrator.
    pub(crate) async fn launch(&self, count: u32) -> Vec<Instance> {
        self.launch_as(&self.admin, count).await
    }

    pub(crate) async fn launch_as(&self, user: &User, count: u32) -> Vec<Instance> {
        let request = RunRequest { min_count: count, max_count: count, ..self.request(user) };
        self.state.run_instances(request, NOW).await.unwrap().reservation.instances
    }

    /// Reports these instances from a cluster whose nodes are as before.
    pub(crate) async fn observe(&self, instances: Vec<InstanceObserved>) {
        let known = self.state.clusters().await.unwrap().remove(0).nodes;
        self.observe_nodes(known, instances).await;
    }

    pub(crate) async fn observe_nodes(
        &self,
        nodes: Vec<NodeStatus>,
        instances: Vec<InstanceObserved>,
    ) {
        let zone = "zone1".parse().unwrap();
        self.state.record_observed(zone, observed(nodes, instances), NOW).await.unwrap();
    }

    /// The instance as its owner sees it at this time.
    pub(crate) async fn see(&self, id: InstanceId, now: Timestamp) -> Option<Instance> {
        let filter = InstanceFilter { ids: vec![id], ..InstanceFilter::default() };
        let found = self.state.describe_instances(&filter, now).await.unwrap();
        found.into_iter().flat_map(|reservation| reservation.instances).next()
    }

    pub(crate) async fn generation(&self) -> u64 {
        self.state.cluster_generation(&"zone1".parse().unwrap()).await.unwrap()
    }

    pub(crate) async fn desired(&self) -> protocol::ClusterDesired {
        self.state.cluster_desired(&"zone1".parse().unwrap(), "head:8773").await.unwrap()
    }
}

fn url(dir: &tempfile::TempDir) -> String {
    format!("sqlite:{}", dir.path().join("state.db").display())
}
