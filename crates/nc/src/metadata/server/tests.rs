use super::*;
use crate::entry::Phase;
use crate::journal::Journal;
use crate::testing::{in_group, instance};
use protocol::MetadataOptions;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;

/// A service over a journal with one instance whose address is 127.0.0.2.
struct World {
    home: TempDir,
    guests: SocketAddr,
    service: JoinHandle<()>,
}

impl World {
    async fn start() -> Self {
        Self::start_with(MetadataOptions::default()).await
    }

    async fn start_with(options: MetadataOptions) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut guest = instance("i-00000001");
        guest.nic.attachment = in_group("127.0.0.2");
        guest.metadata = options;
        let mut entry = Entry::accepted(guest, "zone".parse().unwrap(), String::new());
        entry.phase = Phase::Started;
        Journal::new(home.path().to_owned()).store(&entry).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guests = listener.local_addr().unwrap();
        let control = UnixListener::bind(home.path().join("control")).unwrap();
        let path = home.path().to_owned();
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let doors = Doors { group: listener, site };
        let service = tokio::spawn(async move { serve(doors, control, path, "build-1").await });
        Self { home, guests, service }
    }

    fn control(&self) -> impl AsRef<Path> {
        self.home.path().join("control")
    }

    async fn connect(&self, from: &str) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(self.guests).await.unwrap()
    }

    /// Status and body of a request that comes from this address.
    async fn ask(&self, from: &str, request: &str) -> (u16, String) {
        let mut stream = self.connect(from).await;
        stream.write_all(format!("{request}\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

#[tokio::test]
async fn guests_read_what_is_theirs_and_nothing_else() {
    let world = World::start().await;
    let id = "/latest/meta-data/instance-id";
    let table = [
        ("127.0.0.2", format!("GET {id} HTTP/1.1"), 200, "i-00000001"),
        ("127.0.0.2", format!("GET http://169.254.169.254{id} HTTP/1.1"), 200, "i-00000001"),
        ("127.0.0.2", format!("HEAD {id} HTTP/1.1"), 200, ""),
        ("127.0.0.2", "GET /latest/user-data HTTP/1.1".to_owned(), 404, ""),
        ("127.0.0.2", format!("PUT {id} HTTP/1.1"), 405, ""),
        ("127.0.0.2", format!("GET {id} HTTP/1.1\r\nX-Forwarded-For: 127.0.0.2"), 403, ""),
        ("127.0.0.3", format!("GET {id} HTTP/1.1"), 404, ""),
    ];
    for (from, request, status, body) in table {
        let answer = world.ask(from, &request).await;
        assert_eq!(answer, (status, body.to_owned()), "{request} from {from}");
    }
}

const ID: &str = "GET /latest/meta-data/instance-id HTTP/1.1";
const GUEST: &str = "127.0.0.2";

fn ask_token(seconds: &str) -> String {
    format!("PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: {seconds}")
}

fn with_token(token: &str) -> String {
    format!("{ID}\r\nX-aws-ec2-metadata-token: {token}")
}

#[tokio::test]
async fn a_token_opens_what_needs_one_for_its_own_guest_only() {
    for tokens_required in [true, false] {
        let options = MetadataOptions { tokens_required, ..MetadataOptions::default() };
        let world = World::start_with(options).await;
        let without = if tokens_required { 401 } else { 200 };
        assert_eq!(world.ask(GUEST, ID).await.0, without);
        let (status, token) = world.ask(GUEST, &ask_token("21600")).await;
        assert_eq!(status, 200);
        let found = (200, "i-00000001".to_owned());
        assert_eq!(world.ask(GUEST, &with_token(&token)).await, found);
        assert_eq!(world.ask(GUEST, &with_token("forged")).await.0, 401, "even if none is needed");
        assert_eq!(world.ask("127.0.0.3", &with_token(&token)).await.0, 404);
        assert_eq!(world.ask("127.0.0.3", &ask_token("60")).await.0, 404);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_as_ec2_wants_it() {
    let world = World::start().await;
    for seconds in ["0", "21601", "", "soon", "-1"] {
        assert_eq!(world.ask(GUEST, &ask_token(seconds)).await.0, 400, "{seconds}");
    }
    let plain = "PUT /latest/api/token HTTP/1.1";
    assert_eq!(world.ask(GUEST, plain).await.0, 400, "its life must be given");
    let forwarded = format!("{}\r\nX-Forwarded-For: 127.0.0.2", ask_token("60"));
    assert_eq!(world.ask(GUEST, &forwarded).await.0, 403);
    assert_eq!(world.ask(GUEST, "POST /latest/api/token HTTP/1.1").await.0, 405);
    assert_eq!(world.ask(GUEST, "GET /latest/api/token HTTP/1.1").await.0, 404);
}

#[tokio::test]
async fn a_disabled_service_tells_nothing() {
    let options = MetadataOptions { enabled: false, ..MetadataOptions::default() };
    let world = World::start_with(options).await;
    for request in [ID, "GET / HTTP/1.1", &ask_token("60")] {
        assert_eq!(world.ask(GUEST, request).await, (403, String::new()), "{request}");
    }
}

/// Asks for a token over a connection that refuses packets with a smaller time to live than this
/// (Linux's IP_MINTTL, which the standard library does not set).
async fn token_from_afar(world: &World, least: u32) -> bool {
    const CLIENT: &str = "
import socket, sys
s = socket.socket()
s.setsockopt(socket.IPPROTO_IP, 21, int(sys.argv[2]))
s.bind(('127.0.0.2', 0))
s.settimeout(2)
s.connect(('127.0.0.1', int(sys.argv[1])))
s.sendall(b'PUT /latest/api/token HTTP/1.1\\r\\nHost: x\\r\\n'
    b'X-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n')
sys.exit(0 if s.recv(12) == b'HTTP/1.1 200' else 1)
";
    let port = world.guests.port().to_string();
    let mut client = tokio::process::Command::new("python3");
    let output = client.args(["-c", CLIENT, &port, &least.to_string()]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || said.contains("timed out"), "{said}");
    output.status.success()
}

#[tokio::test]
async fn a_token_travels_as_many_hops_as_the_instance_allows() {
    let options = MetadataOptions { hops: 3, ..MetadataOptions::default() };
    let world = World::start_with(options).await;
    assert!(token_from_afar(&world, 3).await);
    assert!(!token_from_afar(&world, 4).await);
}

#[tokio::test]
async fn one_guests_idle_connections_do_not_keep_others_out() {
    let world = World::start().await;
    let mut idle = Vec::new();
    for _ in 0..MOST_PER_GUEST {
        idle.push(world.connect("127.0.0.9").await);
    }
    let mut refused = world.connect("127.0.0.9").await;
    let mut nothing = Vec::new();
    let _ = refused.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty(), "one too many is closed unanswered");
    let other = world.ask("127.0.0.2", "GET /latest/ HTTP/1.1").await;
    assert_eq!(other, (200, "dynamic/\nmeta-data/".to_owned()));
}

#[tokio::test]
async fn the_control_socket_tells_the_build_and_ends_the_service() {
    let world = World::start().await;
    for told in ["", "something else\n", "quit\n"] {
        assert!(!world.service.is_finished());
        let mut control = UnixStream::connect(world.control()).await.unwrap();
        control.write_all(told.as_bytes()).await.unwrap();
        control.shutdown().await.unwrap();
        let mut answer = String::new();
        control.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "build-1\n");
    }
    world.service.await.unwrap();
}
