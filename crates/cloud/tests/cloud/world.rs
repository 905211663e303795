//! A cloud in a temporary directory.

use crate::cluster::{FakeCluster, FakeClusters, Others};
use axum::body::{Body, to_bytes};
use cloud::{Cloud, Settings};
use conf::Layout;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use placement::Policy;
use signature::client::{Credentials, s3_header_v2};
use state::{ClusterConfig, RunRequest, User};
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt;
use types::{ImageId, SystemClock};

pub(crate) const ZONE: &str = "zone1";

pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) cluster: Arc<FakeCluster>,
    pub(crate) others: Others,
    pub(crate) layout: Layout,
    _dir: tempfile::TempDir,
}

/// The files of a credentials zip, by name.
pub(crate) type Files = std::collections::BTreeMap<String, Vec<u8>>;

impl World {
    pub(crate) async fn new() -> Self {
        Self::at("http://10.0.0.1:8773").await
    }

    pub(crate) async fn at(public_url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        for (path, _) in layout.directories() {
            std::fs::create_dir_all(path).unwrap();
        }
        let cluster = Arc::new(FakeCluster::new());
        let others = Others::default();
        let cloud = open(&layout, public_url, &cluster, &others).await;
        Self { cloud, cluster, others, layout, _dir: dir }
    }

    /// Stops the cloud and starts it again on the same directory.
    pub(crate) async fn restarted(self) -> Self {
        let Self { cloud, cluster, others, layout, _dir } = self;
        drop(cloud);
        let cloud = open(&layout, "http://10.0.0.1:8773", &cluster, &others).await;
        Self { cloud, cluster, others, layout, _dir }
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        self.cloud.create_user(name.parse().unwrap(), false).await.unwrap()
    }

    pub(crate) async fn admin(&self) -> User {
        self.cloud.state().user_by_name("admin").await.unwrap().unwrap()
    }

    /// Downloads credentials and unpacks them.
    pub(crate) async fn credentials(&self, user: &User) -> Files {
        unpacked(&self.cloud.credentials(user.name.clone()).await.unwrap())
    }

    /// Sends a signed S3 request through the front door.
    pub(crate) async fn s3(
        &self,
        user: &User,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> (StatusCode, Vec<u8>) {
        let path = format!("/services/Walrus/{path}");
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("10.0.0.1:8773"));
        headers.insert("content-length", body.len().into());
        let credentials =
            Credentials { access_key: &user.access_key, secret: user.secret_key.expose() };
        s3_header_v2(credentials, (method, &path, ""), &mut headers, self.cloud.now()).unwrap();
        let mut request =
            Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        *request.headers_mut() = headers;
        let response = self.cloud.router().oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec())
    }

    /// Puts the files of a directory into a bucket.
    pub(crate) async fn upload(&self, user: &User, bucket: &str, directory: &Path) {
        let (made, body) = self.s3(user, "PUT", bucket, vec![]).await;
        assert_eq!(made, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            self.put(user, &format!("{bucket}/{name}"), std::fs::read(entry.path()).unwrap()).await;
        }
    }

    pub(crate) async fn put(&self, user: &User, path: &str, bytes: Vec<u8>) {
        let (put, body) = self.s3(user, "PUT", path, bytes).await;
        assert_eq!(put, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
    }

    pub(crate) fn request(&self, user: &User, image: ImageId) -> RunRequest {
        RunRequest {
            account: user.account,
            client_token: None,
            request_digest: String::new(),
            min_count: 1,
            max_count: 1,
            cluster: None,
            image,
            kernel: None,
            ramdisk: None,
            vm_type: "m1.small".into(),
            key: None,
            groups: vec![],
            user_data: vec![],
            tags: types::Tags::new(),
            protected: false,
            monitoring: false,
            metadata: protocol::MetadataOptions::default(),
            public: true,
        }
    }

    /// The names of the files in the directory of images.
    pub(crate) fn image_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.layout.images()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

async fn open(
    layout: &Layout,
    public_url: &str,
    cluster: &Arc<FakeCluster>,
    others: &Others,
) -> Arc<Cloud> {
    let settings = Settings {
        layout: layout.clone(),
        database_url: format!("sqlite:{}", layout.db().join("eucalyptus.db").display()),
        public_url: public_url.into(),
        walrus_url: None,
        walrus_domains: vec!["s3.example".into()],
        image_source: "10.0.0.1:8773".into(),
        signature_v1: false,
        cluster: Some(ClusterConfig {
            name: ZONE.parse().unwrap(),
            endpoint: "10.0.0.1:8774".into(),
            networks: protocol::Networks::Managed {
                subnet: "172.19.0.0/16".parse().unwrap(),
                addrs_per_net: 64,
            },
            policy: Policy::Greedy,
            public_addresses: types::AddressPool::default(),
        }),
    };
    let factory = Arc::new(FakeClusters { here: Arc::clone(cluster), others: Arc::clone(others) });
    Cloud::open(settings, Arc::new(SystemClock), factory).await.unwrap()
}

pub(crate) fn unpacked(zip: &[u8]) -> Files {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = Files::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        assert_eq!(file.unix_mode().unwrap() & 0o777, 0o600, "{name} is private");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    files
}
