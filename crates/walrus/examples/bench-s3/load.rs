//! The load: workers that each have a connection and ask again as soon as they were answered.

use crate::servers::Server;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use signature::client::{Credentials, Target, header_v4};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use types::Timestamp;

/// What one worker asks for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Below the server's prefix.
    pub(crate) path: String,
    pub(crate) query: &'static str,
    pub(crate) body: Bytes,
}

/// What came of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// The median time of one, milliseconds.
    pub(crate) median_ms: f64,
    /// What the server's process used for one, microseconds.
    pub(crate) cpu_us: f64,
}

pub(crate) struct Connection {
    server: Arc<Server>,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(server: &Arc<Server>) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { server: Arc::clone(server), sender }
    }

    /// Sends one request, signed, and reads its answer to the end.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> (StatusCode, usize) {
        let path = format!("{}{}", self.server.prefix, ask.path);
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&self.server.address.to_string()).unwrap();
        headers.insert(HOST, host);
        let credentials = Credentials { access_key: "ALICE", secret: "alice-secret" };
        let line = (ask.method.as_str(), path.as_str(), ask.query);
        let target = Target { region: "us-east-1", service: "s3" };
        let payload = "UNSIGNED-PAYLOAD";
        header_v4(credentials, target, line, &mut headers, payload, Timestamp::now()).unwrap();
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = format!("{path}?{}", ask.query).trim_end_matches('?').parse().unwrap();
        *request.headers_mut() = headers;
        self.sender.ready().await.unwrap();
        let (parts, mut body) = self.sender.send_request(request).await.unwrap().into_parts();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.unwrap().data_ref().map_or(0, Bytes::len);
        }
        (parts.status, length)
    }

    pub(crate) async fn must(&mut self, ask: &Ask) -> usize {
        let (status, length) = self.ask(ask).await;
        assert!(status.is_success(), "{}: {} {}: {status}", self.server.name, ask.method, ask.path);
        length
    }
}

/// Has so many workers ask for so long; each asks what `next` gives for its number and how often
/// it has asked.
pub(crate) async fn load(
    server: &Arc<Server>,
    workers: usize,
    time: Duration,
    next: impl Fn(usize, usize) -> Option<Ask> + Send + Sync + 'static,
) -> Figures {
    let next = Arc::new(next);
    let mut connections = Vec::new();
    for _ in 0..workers {
        connections.push(Connection::open(server).await);
    }
    let (begun, cpu) = (Instant::now(), server.cpu());
    let until = begun + time;
    let tasks = connections.into_iter().enumerate().map(|(worker, mut connection)| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let mut times = Vec::new();
            while let Some(ask) = next(worker, times.len()).filter(|_| Instant::now() < until) {
                let asked = Instant::now();
                connection.must(&ask).await;
                times.push(asked.elapsed());
            }
            times
        })
    });
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await.unwrap());
    }
    let (took, cpu) = (begun.elapsed(), server.cpu() - cpu);
    times.sort_unstable();
    let count = times.len().max(1) as f64;
    Figures {
        per_second: count / took.as_secs_f64(),
        median_ms: times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0),
        cpu_us: cpu.as_secs_f64() * 1e6 / count,
    }
}
