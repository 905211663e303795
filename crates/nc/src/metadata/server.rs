//! The metadata service's process: HTTP for guests, a control socket for the node controller.

use super::answer::{Answer, answer};
use super::lookup::Lookup;
use super::token::{MOST_SECONDS, Tokens};
use crate::entry::Entry;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A guest that takes longer for a whole exchange is cut off.
const EXCHANGE: Duration = Duration::from_secs(10);

/// More connections at once from one address are closed unanswered.
const MOST_PER_GUEST: usize = 8;

/// The word that ends the service, on its control socket.
pub(super) const QUIT: &str = "quit";

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a session token is got, and the headers that carry it and its life in seconds (AWS, "Use
/// the Instance Metadata Service").
const TOKEN_PATH: &str = "/latest/api/token";
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TOKEN_SECONDS: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");

/// Why the metadata service cannot run.
#[derive(Debug, thiserror::Error)]
#[error("the metadata service cannot listen on {place}: {cause}")]
pub struct MetadataError {
    pub(super) place: String,
    #[source]
    pub(super) cause: io::Error,
}

/// Where guests are listened to.
#[derive(Debug)]
pub struct Doors {
    /// Those in group networks.
    pub group: TcpListener,
    /// Those on the site's own network, who may have the same addresses.
    pub site: TcpListener,
}

/// Answers guests at `doors` from the journal under `instance_path`, until the control socket is
/// told to quit. Whoever connects to that is told `build` in one line.
pub async fn serve(doors: Doors, control: UnixListener, instance_path: PathBuf, build: &str) {
    let tokens = match Tokens::new() {
        Ok(tokens) => tokens,
        Err(error) => {
            tracing::error!(%error, "no randomness from the operating system for session tokens");
            return;
        }
    };
    let lookup = Lookup::new(instance_path);
    let service = Arc::new(Service { lookup, tokens, connected: Mutex::default() });
    tokio::select! {
        () = answer_guests(&doors.group, false, &service) => {}
        () = answer_guests(&doors.site, true, &service) => {}
        () = answer_control(&control, build) => {}
    }
}

struct Service {
    lookup: Lookup,
    tokens: Tokens,
    connected: Mutex<HashMap<IpAddr, usize>>,
}

async fn answer_guests(door: &TcpListener, on_site: bool, service: &Arc<Service>) {
    loop {
        match door.accept().await {
            Ok((stream, from)) => {
                if let Some(place) = Place::take(service, from.ip()) {
                    tokio::spawn(exchange(stream, Guest { ip: from.ip(), on_site }, place));
                }
            }
            // Out of descriptors or memory: give the open ones time to end.
            Err(error) => {
                tracing::warn!(%error, "accepting a guest's connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Guest {
    ip: IpAddr,
    /// Whether it is on the site's own network.
    on_site: bool,
}

/// A guest's place among its connections, free again when dropped.
struct Place {
    service: Arc<Service>,
    guest: IpAddr,
}

impl Place {
    fn take(service: &Arc<Service>, guest: IpAddr) -> Option<Self> {
        let mut connected = service.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let count = connected.entry(guest).or_default();
        (*count < MOST_PER_GUEST).then(|| {
            *count += 1;
            Self { service: Arc::clone(service), guest }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connected = self.service.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connected.get_mut(&self.guest) {
            *count -= 1;
            if *count == 0 {
                connected.remove(&self.guest);
            }
        }
    }
}

async fn exchange(stream: TcpStream, guest: Guest, place: Place) {
    let Ok((stream, wire)) = twice(stream) else { return };
    let service = service_fn(|request| {
        let (service, wire) = (Arc::clone(&place.service), Arc::clone(&wire));
        async move { respond(service, request, guest, &wire).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(EXCHANGE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A guest that goes away or is too slow is nobody's error.
    let _ = tokio::time::timeout(EXCHANGE, connection).await;
}

/// The connection, and a second handle by which its options are set.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, Arc<std::net::TcpStream>)> {
    let wire = stream.into_std()?;
    let stream = TcpStream::from_std(wire.try_clone()?)?;
    Ok((stream, Arc::new(wire)))
}

type Reply = Result<Response<Full<Bytes>>, http::Error>;

async fn respond(
    service: Arc<Service>,
    request: Request<Incoming>,
    guest: Guest,
    wire: &std::net::TcpStream,
) -> Reply {
    let asks_for_token = *request.method() == Method::PUT && request.uri().path() == TOKEN_PATH;
    if !asks_for_token && !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refused = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED);
        return refused.header(ALLOW, "GET, HEAD").body(Full::default());
    }
    // Nobody may read on behalf of another (AWS: the service refuses X-Forwarded-For, which a
    // misused proxy inside the guest would add).
    if request.headers().contains_key(&FORWARDED) {
        return empty(StatusCode::FORBIDDEN);
    }
    let lookup = Arc::clone(&service);
    let found = tokio::task::spawn_blocking(move || match guest.ip {
        IpAddr::V4(ip) => lookup.lookup.by_address(ip, guest.on_site),
        IpAddr::V6(_) => None,
    });
    let Some(entry) = found.await.ok().flatten() else { return empty(StatusCode::NOT_FOUND) };
    if !entry.desired.metadata.enabled {
        return empty(StatusCode::FORBIDDEN);
    }
    if asks_for_token {
        return give_token(&service.tokens, &request, &entry, wire);
    }
    if !may_read(&service.tokens, &request, &entry) {
        return empty(StatusCode::UNAUTHORIZED);
    }
    match answer(request.uri().path(), &entry) {
        Some(Answer { body, content_type }) => {
            Response::builder().header(CONTENT_TYPE, content_type).body(Full::from(body))
        }
        None => empty(StatusCode::NOT_FOUND),
    }
}

fn empty(status: StatusCode) -> Reply {
    Response::builder().status(status).body(Full::default())
}

/// A token that is sent must be good even where none is needed, as with EC2.
fn may_read(tokens: &Tokens, request: &Request<Incoming>, entry: &Entry) -> bool {
    match request.headers().get(&TOKEN) {
        Some(token) => tokens.is_good(entry.desired.id, token.as_bytes()),
        None => !entry.desired.metadata.tokens_required,
    }
}

/// A new token. Its packets die after as many hops as the instance allows, so that one does not
/// get out of a container or a router in the guest unless that is wanted.
fn give_token(
    tokens: &Tokens,
    request: &Request<Incoming>,
    entry: &Entry,
    wire: &std::net::TcpStream,
) -> Reply {
    let asked = request.headers().get(&TOKEN_SECONDS).and_then(|value| value.to_str().ok());
    let seconds = asked.and_then(|text| text.parse().ok());
    let Some(seconds) = seconds.filter(|seconds| (1..=MOST_SECONDS).contains(seconds)) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    if let Err(error) = wire.set_ttl(entry.desired.metadata.hops.into()) {
        tracing::warn!(%error, "limiting the hops of a token failed");
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let token = tokens.make(entry.desired.id, seconds);
    let reply = Response::builder().header(CONTENT_TYPE, "text/plain");
    reply.header(TOKEN_SECONDS, seconds).body(Full::from(token))
}

/// Serves the control socket one caller at a time; returns when one of them says quit.
async fn answer_control(control: &UnixListener, build: &str) {
    loop {
        match control.accept().await {
            Ok((stream, _)) => {
                let told = tokio::time::timeout(EXCHANGE, greet(stream, build)).await;
                if matches!(told, Ok(Ok(line)) if line == QUIT) {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accepting on the control socket failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn greet(mut stream: UnixStream, build: &str) -> io::Result<String> {
    stream.write_all(format!("{build}\n").as_bytes()).await?;
    let mut told = String::new();
    BufReader::new(stream).read_line(&mut told).await?;
    Ok(told.trim_end().to_owned())
}

#[cfg(test)]
mod tests;
