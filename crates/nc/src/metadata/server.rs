//! The metadata service's process: HTTP for guests, a control socket for the node controller.

use super::answer::{Answer, answer};
use super::lookup::Lookup;
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
use std::net::{IpAddr, SocketAddr};
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

/// Why the metadata service cannot run.
#[derive(Debug, thiserror::Error)]
#[error("the metadata service cannot listen on {place}: {cause}")]
pub struct MetadataError {
    pub(super) place: String,
    #[source]
    pub(super) cause: io::Error,
}

/// Answers guests on `guests` from the journal under `instance_path`, until the control socket is
/// told to quit. Whoever connects to that is told `build` in one line.
pub async fn serve(
    guests: TcpListener,
    control: UnixListener,
    instance_path: PathBuf,
    build: &str,
) {
    let service =
        Arc::new(Service { lookup: Lookup::new(instance_path), connected: Mutex::default() });
    tokio::select! {
        () = answer_guests(&guests, &service) => {}
        () = answer_control(&control, build) => {}
    }
}

struct Service {
    lookup: Lookup,
    connected: Mutex<HashMap<IpAddr, usize>>,
}

async fn answer_guests(guests: &TcpListener, service: &Arc<Service>) {
    loop {
        match guests.accept().await {
            Ok((stream, from)) => {
                if let Some(place) = Place::take(service, from.ip()) {
                    tokio::spawn(exchange(stream, from, place));
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

async fn exchange(stream: TcpStream, from: SocketAddr, place: Place) {
    let service = service_fn(|request| {
        let service = Arc::clone(&place.service);
        async move { respond(service, request, from.ip()).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(EXCHANGE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A guest that goes away or is too slow is nobody's error.
    let _ = tokio::time::timeout(EXCHANGE, connection).await;
}

async fn respond(
    service: Arc<Service>,
    request: Request<Incoming>,
    from: IpAddr,
) -> Result<Response<Full<Bytes>>, http::Error> {
    let path = request.uri().path().to_owned();
    let refused = refusal(&request);
    if let Some(status) = refused {
        return Response::builder().status(status).header(ALLOW, "GET, HEAD").body(Full::default());
    }
    let found = tokio::task::spawn_blocking(move || {
        let IpAddr::V4(guest) = from else { return None };
        let entry: Arc<Entry> = service.lookup.by_address(guest)?;
        answer(&path, &entry)
    });
    match found.await.ok().flatten() {
        Some(Answer { body, content_type }) => {
            Response::builder().header(CONTENT_TYPE, content_type).body(Full::from(body))
        }
        None => Response::builder().status(StatusCode::NOT_FOUND).body(Full::default()),
    }
}

/// Only reading is possible, and nobody may read on behalf of another (AWS: the service refuses
/// X-Forwarded-For, which a misused proxy inside the guest would add).
fn refusal(request: &Request<Incoming>) -> Option<StatusCode> {
    match *request.method() {
        Method::GET | Method::HEAD if request.headers().contains_key(&FORWARDED) => {
            Some(StatusCode::FORBIDDEN)
        }
        Method::GET | Method::HEAD => None,
        _ => Some(StatusCode::METHOD_NOT_ALLOWED),
    }
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
