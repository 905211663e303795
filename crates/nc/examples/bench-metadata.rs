//! How many requests of instances the metadata service answers in a second, beside a server of the
//! same HTTP library that looks nothing up; the end of `make bench-networks`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails should say so"
)]

#[allow(dead_code, reason = "made for the tests")]
#[path = "../src/testing.rs"]
mod testing;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nc::metadata::{Doors, serve};
use nc::{Entry, Phase};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use types::InstanceId;

/// So many instances run on the node, and ask at once.
const INSTANCES: u8 = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const REQUEST: &str = "GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n";

fn main() {
    let home = tempfile::tempdir().unwrap();
    (0..INSTANCES).for_each(|at| store(home.path(), at));
    let (service, bare) = (service(home.path()), bare());
    let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        ours.push(rate(service, |at| id(at).to_string()));
        theirs.push(rate(bare, |_| "nothing".to_owned()));
    }
    show("metadata requests a second of 64 instances (at least 5,000)", ours);
    show("the same of a server that looks nothing up", theirs);
}

fn id(at: u8) -> InstanceId {
    InstanceId::from_bits(u32::from(at) + 1)
}

fn address(at: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, at + 1)
}

fn store(instances: &Path, at: u8) {
    let mut desired = testing::instance(&id(at).to_string());
    desired.nic.attachment = testing::in_group(&address(at).to_string());
    let mut entry = Entry::accepted(desired, "zone".parse().unwrap(), String::new());
    entry.phase = Phase::Started;
    let directory = instances.join("alice").join(id(at).to_string());
    std::fs::create_dir_all(&directory).unwrap();
    durable::store(&directory.join("instance.json"), &entry).unwrap();
}

/// Serves on a thread of its own, as the process of the metadata service does.
fn apart<F: Future<Output = ()>>(
    serve: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> SocketAddr {
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    door.set_nonblocking(true).unwrap();
    let address = door.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { serve(TcpListener::from_std(door).unwrap()).await });
    });
    address
}

fn service(instances: &Path) -> SocketAddr {
    let instances = instances.to_owned();
    apart(async move |group| {
        let control = UnixListener::bind(instances.join("control")).unwrap();
        let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
        serve(Doors { group, site }, control, instances, "bench").await;
    })
}

fn bare() -> SocketAddr {
    apart(async |door| {
        loop {
            let (stream, _) = door.accept().await.unwrap();
            tokio::spawn(async move {
                let answer = service_fn(async |_| {
                    Ok::<_, http::Error>(Response::new(Full::new(Bytes::from_static(b"nothing"))))
                });
                let mut http = http1::Builder::new();
                let _ = http.keep_alive(false).serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    })
}

/// Answers a second, each instance asking again as soon as it was answered.
fn rate(server: SocketAddr, expect: impl Fn(u8) -> String) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let until = Instant::now() + ROUND;
    let answered: usize = runtime.block_on(async {
        let ask = |at| {
            let expect = expect(at);
            tokio::spawn(async move {
                let mut answered = 0;
                while Instant::now() < until {
                    let answer = ask(server, address(at)).await;
                    assert!(answer.ends_with(&format!("\r\n\r\n{expect}")), "{answer}");
                    answered += 1;
                }
                answered
            })
        };
        let guests: Vec<_> = (0..INSTANCES).map(ask).collect();
        let mut answered = 0;
        for guest in guests {
            answered += guest.await.unwrap();
        }
        answered
    });
    answered as f64 / ROUND.as_secs_f64()
}

async fn ask(server: SocketAddr, from: Ipv4Addr) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn show(what: &str, mut rates: Vec<f64>) {
    rates.sort_by(f64::total_cmp);
    let (least, median, most) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
    println!("{what}: {least:.0} {median:.0} {most:.0}");
}
