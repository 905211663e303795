//! A cloud to call.

use crate::{Cloud, Settings, ec2};
use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use placement::Policy;
use protocol::{
    Attachment, CallError, ClusterApi, ClusterDesired, ClusterObserved, ConsoleOutput, Digest,
    Goal, InstanceDesired, InstanceObserved, InstancePhase, Networks, NodeStatus, Revision,
    Standing,
};
use signature::client::{Credentials, Target, header_v4, query_v2};
use state::{ClusterConfig, NewImage, User};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use types::{AddressPool, Clock, ClusterName, Figures, ImageId, ImageKind, InstanceId, Timestamp};

pub(super) const HOST: &str = "cloud.example:8773";
pub(super) const PATH: &str = "/services/Eucalyptus";
/// VNET_PUBLICIPS.
const POOL: [[u8; 4]; 6] = [
    [192, 0, 2, 10],
    [192, 0, 2, 11],
    [192, 0, 2, 12],
    [192, 0, 2, 13],
    [192, 0, 2, 14],
    [192, 0, 2, 15],
];
/// What the site's DHCP server gives, where that does.
pub(super) const LENT: &str = "192.168.1.77";
/// The version that SDKs ask for.
pub(super) const NEW: &str = "2016-11-15";

/// A cloud with one cluster, `one`, of one node that holds eight m1.small.
pub(super) struct World {
    pub(super) cloud: Arc<Cloud>,
    pub(super) clock: Arc<StoppedClock>,
    pub(super) admin: User,
    dir: TempDir,
}

/// A clock that moves when told to.
pub(super) struct StoppedClock(AtomicI64);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A cluster controller that has always done what it was told, with one node of so many cores.
struct Obedient {
    desired: Mutex<Option<ClusterDesired>>,
    cores: u32,
}

impl Obedient {
    fn instance(desired: &InstanceDesired) -> InstanceObserved {
        let phase = match desired.goal {
            Goal::Run if desired.should_be_stopped() => InstancePhase::Stopped,
            Goal::Run => InstancePhase::Running,
            Goal::Terminate => InstancePhase::Terminated,
        };
        let node = "node1".parse().ok();
        InstanceObserved {
            id: desired.id,
            node,
            phase,
            reason: None,
            reboots: desired.reboots,
            turn: desired.turn,
            metadata: Some(desired.metadata),
            address: match desired.nic.attachment {
                Attachment::Site { ip: None } => LENT.parse().ok(),
                Attachment::Site { .. } | Attachment::Group { .. } => None,
            },
        }
    }
}

#[async_trait]
impl ClusterApi for Obedient {
    async fn sync(&self, desired: ClusterDesired) -> Result<(), CallError> {
        *self.desired.lock().unwrap() = Some(desired);
        Ok(())
    }

    async fn observe(&self, _: Option<Revision>, _: u32) -> Result<ClusterObserved, CallError> {
        let desired = self.desired.lock().unwrap().clone();
        let instances = desired.iter().flat_map(|desired| &desired.instances);
        Ok(ClusterObserved {
            cluster: desired.as_ref().map(|desired| desired.cluster.clone()),
            revision: 1,
            generation: desired.as_ref().map_or(0, |desired| desired.generation),
            nodes: vec![NodeStatus {
                name: "node1".parse().unwrap(),
                reachable: true,
                standing: Standing::Accepting,
                certificate_ok: true,
                last_seen: Some(Timestamp::from_millis(1_231_082_010_000)),
                capacity: Figures { cores: self.cores, memory_mb: 4096, disk_gb: 200 },
                overhead: Figures::default(),
                orphans: Vec::new(),
                problems: Vec::new(),
            }],
            instances: instances.map(Self::instance).collect(),
            problems: Vec::new(),
            settings: None,
        })
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        let desired = self.desired.lock().unwrap().clone();
        let known = desired.is_some_and(|all| all.instances.iter().any(|i| i.id == id));
        let console = ConsoleOutput {
            at: Timestamp::from_millis(1_231_243_200_000),
            output_base64: "aGVsbG8K".to_owned(),
        };
        known.then_some(console).ok_or_else(|| CallError::NotFound(id.to_string()))
    }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_signature_v1(false).await
    }

    /// A cloud whose cluster has networks of another kind, and no pool.
    pub(super) async fn with_networks(networks: Networks) -> Self {
        Self::with(false, networks, AddressPool::default(), 8).await
    }

    /// The same with more room than networks.
    pub(super) async fn with_few_networks(networks: Networks) -> Self {
        Self::with(false, networks, AddressPool::default(), 16).await
    }

    /// A cloud whose administrator lets signature version 1 in, or not.
    pub(super) async fn with_signature_v1(signature_v1: bool) -> Self {
        let subnet = "10.5.0.0/16".parse().unwrap();
        let networks = Networks::Managed { subnet, addrs_per_net: 64 };
        let pool = POOL.into_iter().map(Ipv4Addr::from).collect();
        Self::with(signature_v1, networks, pool, 8).await
    }

    async fn with(signature_v1: bool, networks: Networks, pool: AddressPool, cores: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = conf::Layout::new(dir.path());
        for (path, _) in layout.directories() {
            std::fs::create_dir_all(path).unwrap();
        }
        let settings = Settings {
            database_url: format!("sqlite:{}", layout.db().join("cloud.db").display()),
            layout,
            public_url: format!("http://{HOST}"),
            walrus_url: None,
            walrus_domains: Vec::new(),
            image_source: HOST.to_owned(),
            signature_v1,
            cluster: Some(ClusterConfig {
                name: "one".parse().unwrap(),
                endpoint: "front-end:8774".to_owned(),
                networks,
                policy: Policy::Greedy,
                public_addresses: pool,
            }),
        };
        let clock = Arc::new(StoppedClock(AtomicI64::new(1_800_000_000_000)));
        let cluster: Arc<dyn ClusterApi> = Arc::new(Obedient { desired: Mutex::default(), cores });
        let clusters = move |_: &ClusterName, _: &str| Ok(Arc::clone(&cluster));
        let cloud = Cloud::open(settings, Arc::<StoppedClock>::clone(&clock), Arc::new(clusters));
        let cloud = cloud.await.unwrap();
        let admin = cloud.state().user_by_name("admin").await.unwrap().unwrap();
        cloud.pass().await.unwrap();
        Self { cloud, clock, admin, dir }
    }

    /// The bytes of the database, which differ once anything is written.
    pub(super) fn database(&self) -> Vec<Vec<u8>> {
        let directory = conf::Layout::new(self.dir.path()).db();
        let mut files: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        // The shared memory of the log also changes when it is read.
        files.retain(|file| !file.to_string_lossy().ends_with("-shm"));
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    pub(super) async fn user(&self, name: &str) -> User {
        self.cloud.create_user(name.parse().unwrap(), false).await.unwrap()
    }

    /// Lets the cluster do what it is told, and report it.
    pub(super) async fn settle(&self) {
        self.cloud.pass().await.unwrap();
        self.cloud.pass().await.unwrap();
    }

    pub(super) fn pass_time(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// A registered image and its kernel, both for everybody.
    pub(super) async fn image(&self) -> ImageId {
        let kernel = self.register(&self.admin, ImageKind::Kernel, None, true).await;
        self.register(&self.admin, ImageKind::Machine, Some(kernel), true).await
    }

    pub(super) async fn register(
        &self,
        owner: &User,
        kind: ImageKind,
        kernel: Option<ImageId>,
        public: bool,
    ) -> ImageId {
        let image = NewImage {
            kind,
            account: owner.account,
            location: format!("bucket/{}.manifest.xml", kind.as_str()),
            architecture: "x86_64".to_owned(),
            digest: Digest([kind as u8; 32]),
            size: 64,
            format: types::ImageFormat::Raw,
            boot: types::Boot::Kernel,
            kernel,
            ramdisk: None,
            public,
            tags: types::Tags::new(),
            name: None,
            description: None,
            products: Vec::new(),
        };
        self.cloud.state().register_image(image, self.cloud.now()).await.unwrap().id
    }

    /// Calls an action in today's version with GET and signature version 2.
    pub(super) async fn call(
        &self,
        user: &User,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Answer {
        self.call_in(NEW, user, action, parameters).await
    }

    /// Calls an action in this version.
    pub(super) async fn call_in(
        &self,
        version: &str,
        user: &User,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Answer {
        let mut all = vec![("Action", action), ("Version", version)];
        all.extend_from_slice(parameters);
        let form = self.sign_v2(user, "POST", &all);
        self.send(post(form, HeaderMap::new())).await
    }

    /// All parameters with a signature, encoded.
    pub(super) fn sign_v2(&self, user: &User, method: &str, pairs: &[(&str, &str)]) -> String {
        self.sign_v2_at(user, method, PATH, pairs)
    }

    /// The same for another service than EC2.
    pub(super) fn sign_v2_at(
        &self,
        user: &User,
        method: &str,
        path: &str,
        pairs: &[(&str, &str)],
    ) -> String {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        query_v2(credentials(user), method, HOST, path, &pairs, self.clock.now())
    }

    /// The headers that sign a form with version 4.
    pub(super) fn sign_v4(&self, user: &User, form: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", HOST.parse().unwrap());
        let target = Target { region: "eucalyptus", service: "ec2" };
        let digest = signature::sha256_hex(form.as_bytes());
        let request = ("POST", PATH, "");
        let now = self.clock.now();
        header_v4(credentials(user), target, request, &mut headers, &digest, now).unwrap();
        headers
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = ec2::handle(&self.cloud, request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}

fn credentials(user: &User) -> Credentials<'_> {
    Credentials { access_key: &user.access_key, secret: user.secret_key.expose() }
}

pub(super) fn post(form: String, mut headers: HeaderMap) -> Request<Body> {
    headers.entry("host").or_insert_with(|| HOST.parse().unwrap());
    let mut request = Request::post(PATH).body(Body::from(form)).unwrap();
    *request.headers_mut() = headers;
    request
}

pub(super) fn get(query: &str) -> Request<Body> {
    get_at(PATH, query)
}

pub(super) fn get_at(path: &str, query: &str) -> Request<Body> {
    let uri = format!("{path}?{query}");
    Request::get(uri).header("host", HOST).body(Body::empty()).unwrap()
}

/// What the cloud answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

impl Answer {
    /// The text of every element of this name, in order.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let after = self.body.split(open.as_str()).skip(1);
        after.map(|rest| rest.split(close.as_str()).next().unwrap()).collect()
    }

    /// The text of the first element of this name.
    pub(super) fn text(&self, name: &str) -> &str {
        let all = self.all(name);
        all.first().copied().unwrap_or_else(|| panic!("no <{name}> in {}", self.body))
    }

    /// The error's code, with the status; the answer must be a well-formed error of EC2, or of
    /// STS or IAM.
    pub(super) fn refusal(&self) -> (u16, &str) {
        assert!(!self.status.is_success(), "{}", self.body);
        let (start, id) = match self.body.contains("<ErrorResponse ") {
            true => ("/\"><Error><Type>Sender</Type><Code>", "RequestId"),
            false => ("<Response><Errors><Error><Code>", "RequestID"),
        };
        assert!(self.body.contains(start), "{}", self.body);
        assert!(!self.text(id).is_empty() && !self.text("Message").is_empty());
        (self.status.as_u16(), self.text("Code"))
    }

    /// The error's code, in whichever service's document.
    pub(super) fn code(&self) -> &str {
        assert!(!self.status.is_success(), "{}", self.body);
        self.text("Code")
    }

    /// The answer, which must be a success.
    pub(super) fn good(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self
    }
}
