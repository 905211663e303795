//! Who reaches what over one port.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use axum::routing::get;
use protocol::{
    CallError, ConsoleOutput, Digest, ImageRef, ImageSource, NodeApi, NodeDesired, NodeObserved,
    Revision,
};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::{
    Identity, ImageClient, ImageStore, Limits, Listener, NodeClient, Peer, Role, TransportError,
    image_routes, node_routes, pki,
};
use types::{Figures, InstanceId, Timestamp};

struct FakeNode;

#[async_trait]
impl NodeApi for FakeNode {
    async fn sync(&self, desired: NodeDesired) -> Result<(), CallError> {
        match desired.generation {
            7 => Ok(()),
            given => Err(CallError::Stale { given, seen: 7 }),
        }
    }

    async fn observe(&self, since: Option<Revision>, _: u32) -> Result<NodeObserved, CallError> {
        Ok(NodeObserved {
            node: "n1".parse().unwrap(),
            revision: since.unwrap_or_default() + 1,
            generation: 7,
            sequence: 0,
            cluster: None,
            held: false,
            capacity: Figures::default(),
            mode: None,
            overhead: Figures::default(),
            instances: Vec::new(),
            orphans: Vec::new(),
            problems: Vec::new(),
        })
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        match id.bits() {
            1 => Ok(ConsoleOutput { at: Timestamp::from_millis(5), output_base64: String::new() }),
            _ => Err(CallError::NotFound(id.to_string())),
        }
    }
}

struct FakeStore;

#[async_trait]
impl ImageStore for FakeStore {
    async fn open(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<(u64, Box<dyn AsyncRead + Send + Unpin>), CallError> {
        const BYTES: &[u8] = b"0123456789";
        if digest.0 != [1; 32] {
            return Err(CallError::NotFound(digest.to_string()));
        }
        let rest = &BYTES[usize::try_from(offset).unwrap()..];
        Ok((rest.len() as u64, Box::new(rest)))
    }
}

fn cluster() -> Role {
    Role::Cluster("one".parse().unwrap())
}

fn node(name: &str) -> Role {
    Role::Node(name.parse().unwrap())
}

fn keys(dir: &Path) {
    pki::prepare(dir, &[], &[Role::Cloud, cluster(), node("n1")]).unwrap();
}

async fn serve(dir: &Path, role: &Role, public: Option<Router>, internal: Router) -> SocketAddr {
    let identity = Identity::load(dir, role).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(any, &identity, Limits::default()).await.unwrap();
    let address = listener.address().unwrap();
    tokio::spawn(listener.serve(public, internal, std::future::pending()));
    address
}

async fn serve_node(dir: &Path) -> SocketAddr {
    serve(dir, &node("n1"), None, node_routes(Arc::new(FakeNode))).await
}

fn client(dir: &Path, own: &Role, peer: &Role, address: SocketAddr) -> NodeClient {
    let identity = Identity::load(dir, own).unwrap();
    NodeClient::new(&identity, peer, address.to_string()).unwrap()
}

fn desired(generation: u64) -> NodeDesired {
    NodeDesired {
        generation,
        sequence: 0,
        node: "n1".parse().unwrap(),
        cluster: "one".parse().unwrap(),
        image_source: String::new(),
        instances: Vec::new(),
        networks: Vec::new(),
        fabric: None,
    }
}

#[tokio::test]
async fn a_cluster_controller_reaches_its_node() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let address = serve_node(dir.path()).await;
    let node = client(dir.path(), &cluster(), &node("n1"), address);
    assert_eq!(node.sync(desired(7)).await, Ok(()));
    assert_eq!(node.sync(desired(3)).await, Err(CallError::Stale { given: 3, seen: 7 }));
    assert_eq!(node.observe(Some(4), 100).await.unwrap().revision, 5);
    assert!(node.console_output(InstanceId::from_bits(1)).await.is_ok());
    let missing = node.console_output(InstanceId::from_bits(2)).await;
    assert_eq!(missing, Err(CallError::NotFound("i-00000002".into())));
}

#[tokio::test]
async fn another_component_may_not_make_the_call() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let address = serve_node(dir.path()).await;
    for role in [Role::Cloud, node("n1")] {
        let refused = client(dir.path(), &role, &node("n1"), address).sync(desired(7)).await;
        assert!(matches!(refused, Err(CallError::Failed(_))), "{role:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_cluster_controller_commands_in_the_name_of_its_own_cluster_only() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    // keys of the same cloud, of another cluster's machine
    let other = Role::Cluster("two".parse().unwrap());
    let issued = pki::issued::issue(dir.path(), &other).unwrap();
    let address = serve_node(dir.path()).await;
    let intruder = client(&issued.directory, &other, &node("n1"), address);
    let refused = intruder.sync(desired(7)).await;
    let told = matches!(&refused, Err(CallError::Failed(text)) if text.contains("cluster \"one\""));
    assert!(told, "{refused:?}");
    let own = NodeDesired { cluster: "two".parse().unwrap(), ..desired(7) };
    assert_eq!(intruder.sync(own).await, Ok(()), "the node itself decides whether it may move");
}

#[tokio::test]
async fn a_node_must_prove_the_name_it_is_called_by() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let address = serve_node(dir.path()).await;
    let refused = client(dir.path(), &cluster(), &node("n2"), address).sync(desired(7)).await;
    assert!(matches!(refused, Err(CallError::NotTrusted(_))), "{refused:?}");
}

#[tokio::test]
async fn a_node_that_is_not_there_has_shown_no_certificate() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    // bound and let go of: nothing listens there
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let missing = client(dir.path(), &cluster(), &node("n1"), free).sync(desired(7)).await;
    assert!(matches!(missing, Err(CallError::Unreachable(_))), "{missing:?}");
}

#[tokio::test]
async fn keys_of_another_cloud_are_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    keys(ours.path());
    keys(theirs.path());
    let address = serve_node(ours.path()).await;
    let refused = client(theirs.path(), &cluster(), &node("n1"), address).sync(desired(7)).await;
    assert!(matches!(refused, Err(CallError::NotTrusted(_))), "{refused:?}");

    // A node that has its own keys and the authority of another cloud refuses its own.
    let old = tempfile::tempdir().unwrap();
    keys(old.path());
    let authority = pki::authority_certificate(old.path());
    let identity = Identity::load(old.path(), &cluster()).unwrap();
    let caller = NodeClient::new(&identity, &node("n1"), {
        std::fs::copy(pki::authority_certificate(theirs.path()), authority).unwrap();
        serve_node(old.path()).await.to_string()
    });
    let refused = caller.unwrap().sync(desired(7)).await;
    let Err(CallError::NotTrusted(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.contains("does not accept the certificate of its caller"), "{cause}");
}

/// Sends bytes in the clear and gives back what comes until the connection ends.
async fn plain(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // a reset is as good an end as any
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const CLOSE: &str = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_stranger_reaches_public_routes_only() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let public = Router::new().route("/hello", get(async || "hello"));
    let internal = node_routes(Arc::new(FakeNode));
    let address = serve(dir.path(), &node("n1"), Some(public), internal).await;
    let hello = plain(address, &format!("GET /hello {CLOSE}")).await;
    assert!(hello.starts_with("HTTP/1.1 200") && hello.ends_with("hello"), "{hello}");
    let observe = plain(address, &format!("GET /v1/node/observe?wait_ms=0 {CLOSE}")).await;
    assert!(observe.starts_with("HTTP/1.1 404"), "{observe}");
    let hidden = serve_node(dir.path()).await;
    assert_eq!(plain(hidden, &format!("GET / {CLOSE}")).await, "");
}

#[tokio::test]
async fn a_request_carries_its_peer_and_whether_it_came_by_tls() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = {
        let seen = seen.clone();
        map_request(move |request: Request| {
            let peer: &Peer = request.extensions().get().unwrap();
            seen.lock().unwrap().push((peer.address.ip().is_loopback(), peer.tls));
            std::future::ready(request)
        })
    };
    let public = Router::new().route("/hello", get(async || "hello")).layer(note.clone());
    let internal = node_routes(Arc::new(FakeNode)).layer(note);
    let address = serve(dir.path(), &node("n1"), Some(public), internal).await;
    plain(address, &format!("GET /hello {CLOSE}")).await;
    client(dir.path(), &cluster(), &node("n1"), address).sync(desired(7)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(true, false), (true, true)]);
}

#[tokio::test]
async fn images_are_streamed_from_any_offset() {
    let dir = tempfile::tempdir().unwrap();
    keys(dir.path());
    let address = serve(dir.path(), &Role::Cloud, None, image_routes(Arc::new(FakeStore))).await;
    let source = ImageClient::new(&Identity::load(dir.path(), &node("n1")).unwrap()).unwrap();
    let mut image = ImageRef {
        id: "emi-00000001".parse().unwrap(),
        location: "bucket/image.manifest.xml".into(),
        digest: Digest([1; 32]),
        size: 10,
        format: types::ImageFormat::Raw,
        boot: types::Boot::Kernel,
    };
    let mut text = String::new();
    let mut bytes = source.open(&address.to_string(), &image, 4).await.unwrap();
    bytes.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "456789");
    image.digest = Digest([2; 32]);
    let missing = source.open(&address.to_string(), &image, 0).await.err();
    assert!(matches!(missing, Some(CallError::NotFound(_))), "{missing:?}");
}

fn copy_keys(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

const NODE_FILES: [&str; 3] = ["ca-cert.pem", "node-cert.pem", "node-pk.pem"];

#[tokio::test]
async fn new_keys_are_used_for_new_connections_without_a_restart() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    keys(dir.path());
    keys(new.path());
    let identity = Identity::load(dir.path(), &node("n1")).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(any, &identity, Limits::default()).await.unwrap();
    let address = listener.address().unwrap();
    let routes = node_routes(Arc::new(FakeNode));
    tokio::spawn(listener.serve(None, routes, std::future::pending()));

    let held = Identity::load(dir.path(), &cluster()).unwrap();
    let called =
        |identity: &Identity| NodeClient::new(identity, &node("n1"), address.to_string()).unwrap();
    let open = called(&held);
    assert_eq!(open.sync(desired(7)).await, Ok(()));
    assert!(!identity.refresh().unwrap(), "nothing is new");

    let all = [&NODE_FILES[..], &["cluster-cert.pem", "cluster-pk.pem"]].concat();
    copy_keys(new.path(), dir.path(), &all);
    assert!(identity.refresh().unwrap());
    let refused = called(&held).sync(desired(7)).await;
    assert!(matches!(refused, Err(CallError::NotTrusted(_))), "{refused:?}");
    assert_eq!(open.sync(desired(7)).await, Ok(()), "an open connection goes on");
    assert!(held.refresh().unwrap());
    assert_eq!(called(&held).sync(desired(7)).await, Ok(()));
}

#[tokio::test]
async fn keys_that_cannot_be_used_leave_the_old_ones_in_use() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    keys(dir.path());
    pki::prepare(other.path(), &[], &[node("n2")]).unwrap();
    let identity = Identity::load(dir.path(), &node("n1")).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(any, &identity, Limits::default()).await.unwrap();
    let address = listener.address().unwrap();
    let routes = node_routes(Arc::new(FakeNode));
    tokio::spawn(listener.serve(None, routes, std::future::pending()));

    let caller = client(dir.path(), &cluster(), &node("n1"), address);
    // as while a copy is under way
    copy_keys(other.path(), dir.path(), &["node-pk.pem"]);
    assert!(matches!(identity.refresh(), Err(TransportError::Mismatch { .. })));
    copy_keys(other.path(), dir.path(), &NODE_FILES);
    let another = identity.refresh().unwrap_err().to_string();
    assert!(another.contains("not the certificate of Eucalyptus node controller n1"), "{another}");
    std::fs::write(dir.path().join("node-cert.pem"), "nonsense").unwrap();
    assert!(matches!(identity.refresh(), Err(TransportError::Key { .. })));
    std::fs::remove_file(dir.path().join("node-cert.pem")).unwrap();
    assert!(matches!(identity.refresh(), Err(TransportError::File { .. })));

    assert_eq!(caller.sync(desired(7)).await, Ok(()), "the old ones still serve");
}
