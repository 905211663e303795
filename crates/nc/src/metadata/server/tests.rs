use super::*;
use crate::entry::Phase;
use crate::journal::Journal;
use crate::testing::instance;
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
        let home = tempfile::tempdir().unwrap();
        let mut guest = instance("i-00000001");
        guest.nic.ip = "127.0.0.2".parse().unwrap();
        let mut entry = Entry::accepted(guest, "zone".parse().unwrap(), String::new());
        entry.phase = Phase::Started;
        Journal::new(home.path().to_owned()).store(&entry).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guests = listener.local_addr().unwrap();
        let control = UnixListener::bind(home.path().join("control")).unwrap();
        let path = home.path().to_owned();
        let service = tokio::spawn(async move { serve(listener, control, path, "build-1").await });
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
    assert_eq!(other, (200, "meta-data/".to_owned()));
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
