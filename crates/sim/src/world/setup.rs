//! What a simulated cloud is made of before anything runs.

use super::site::Site;
use crate::machine::Machine;
use crate::public::HOST;
use crate::rng::Rng;
use crate::shape::Shape;
use cloud::Cloud;
use conf::Layout;
use protocol::Digest;
use state::{ClusterConfig, NewImage};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use types::{ClusterName, ImageId, ImageKind};

/// A file system in memory: the files are real, and syncing them costs nothing.
const MEMORY: &str = "/dev/shm";
/// The clusters' names, that of the cloud controller's machine first.
const NAMES: [&str; 2] = ["sim", "far"];

pub(super) fn new_home() -> TempDir {
    let memory = Path::new(MEMORY);
    let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    home.expect("a temporary directory")
}

/// The cloud's settings, without a cluster.
pub(super) fn settings(home: &Path) -> cloud::Settings {
    let layout = Layout::new(home);
    for (directory, _) in layout.directories() {
        fs::create_dir_all(directory).expect("a directory");
    }
    cloud::Settings {
        database_url: format!("sqlite:{}", layout.db().join("cloud.db").display()),
        layout,
        public_url: format!("http://{HOST}"),
        walrus_url: None,
        walrus_domains: Vec::new(),
        image_source: HOST.to_owned(),
        signature_v1: false,
        cluster: None,
    }
}

/// What the configuration of the cloud controller's machine says of its cluster.
pub(super) fn cluster_here(site: &Site) -> ClusterConfig {
    ClusterConfig {
        name: site.name.clone(),
        endpoint: site.address(),
        networks: site.shape.networks.clone(),
        policy: site.shape.policy,
        public_addresses: site.shape.public_addresses.clone(),
    }
}

/// The clusters; the first one's memory lies with the cloud's files.
pub(super) fn sites(layout: &Layout, home: &Path, shape: &Shape, rng: &mut Rng) -> Vec<Site> {
    assert!((1..=NAMES.len()).contains(&shape.clusters.len()), "one or two clusters");
    let named = NAMES.iter().zip(&shape.clusters).enumerate();
    let site = |(at, (name, shape)): (usize, (&&str, &crate::ClusterShape))| {
        let path = if at == 0 { layout.cc() } else { home.join(name) };
        fs::create_dir_all(&path).expect("a directory");
        let name: ClusterName = name.parse().expect("a cluster's name");
        Site::new((name, shape.clone()), path, rng.fork())
    };
    named.map(site).collect()
}

/// All machines, those of the first cluster first. A cluster's controller runs on its first node.
pub(super) fn machines(home: &Path, shape: &Shape, sites: &[Site], rng: &mut Rng) -> Vec<Machine> {
    let mut machines: Vec<Machine> = Vec::new();
    for (site, cluster) in sites.iter().enumerate() {
        for (at, capacity) in cluster.shape.nodes.iter().enumerate() {
            let name = format!("node{}", machines.len());
            let net = if at == 0 { Arc::clone(&cluster.head) } else { Arc::default() };
            let path = home.join(&name);
            let name = name.parse().expect("a node's name");
            let mut made = Machine::new(
                (name, *capacity, site),
                net,
                path,
                shape.concurrent_launches,
                rng.fork(),
            );
            made.mode = cluster.shape.networks.mode();
            machines.push(made);
        }
    }
    machines
}

/// A kernel and a machine image that everybody may launch, with a few bytes each.
pub(super) async fn register_images(cloud: &Cloud, layout: &Layout) -> ImageId {
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
