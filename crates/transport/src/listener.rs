//! One port for plain HTTP, HTTPS and internal calls.
//!
//! The first byte tells TLS from HTTP; a verified component certificate tells internal calls from
//! the public. The two sets of routes never meet.

use crate::TransportError;
use crate::identity::caller_of;
use crate::idle::Idle;
use crate::role::Caller;
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// What one peer, and all together, may take of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Time for the first byte, for the TLS handshake and for the head of each request.
    pub head_timeout: Duration,
    /// Time without any progress after which a connection ends.
    pub idle_timeout: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(90),
            head_bytes: 64 * 1024,
        }
    }
}

/// Time that running requests get to finish when the listener stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Who sent a request, and how: an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address of the connection's other end.
    pub address: SocketAddr,
    /// Whether it came by TLS.
    pub tls: bool,
}

/// The keys of a server. They may change: each connection begins with those of its moment.
pub trait ServerKeys: Send + Sync {
    /// How the server proves who it is.
    fn server(&self) -> Arc<ServerConfig>;
}

/// A bound port.
pub struct Listener {
    socket: TcpListener,
    keys: Arc<dyn ServerKeys>,
    limits: Limits,
}

/// What every connection of a listener shares.
struct Shared {
    keys: Arc<dyn ServerKeys>,
    limits: Limits,
    public: Option<Router>,
    internal: Router,
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// When the port is in use (the text says so).
    pub async fn bind(
        address: SocketAddr,
        keys: &(impl ServerKeys + Clone + 'static),
        limits: Limits,
    ) -> Result<Self, TransportError> {
        let socket = TcpListener::bind(address).await.map_err(|e| {
            let remedy = match e.kind() {
                io::ErrorKind::AddrInUse => {
                    "; stop the program that has it or choose another port in eucalyptus.conf"
                }
                _ => "",
            };
            TransportError::Tls(format!("cannot listen on {address}: {e}{remedy}"))
        })?;
        Ok(Self { socket, keys: Arc::new(keys.clone()), limits })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until `stop` is done: connections of components by `internal`, all others by
    /// `public`; without public routes the others are closed.
    pub async fn serve(
        self,
        public: Option<Router>,
        internal: Router,
        stop: impl Future<Output = ()>,
    ) {
        let Self { socket, keys, limits } = self;
        let slots = Arc::new(Semaphore::new(limits.connections));
        let (stopping, stopped) = watch::channel(false);
        let shared = Arc::new(Shared { keys, limits, public, internal });
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&socket, &slots) => accepted,
            };
            let Some((stream, peer, slot)) = accepted else { continue };
            let (shared, stopped) = (shared.clone(), stopped.clone());
            tokio::spawn(async move {
                if let Err(e) = connection(&shared, stream, peer, stopped).await {
                    tracing::debug!(%peer, error = %e, "connection ended");
                }
                drop(slot);
            });
        }
        drop(socket);
        let _ = stopping.send(true);
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let _ = timeout(DRAIN, slots.acquire_many(all)).await;
    }
}

/// Takes the next connection when there is a slot for it.
async fn accept(
    socket: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(e) => {
            // out of file descriptors: give running connections time to end
            tracing::warn!(error = %e, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn connection(
    shared: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    // header and body leave in one segment: no 40 ms of Nagle against delayed ACK
    stream.set_nodelay(true)?;
    let limits = shared.limits;
    let mut first = [0];
    timeout(limits.head_timeout, stream.peek(&mut first)).await??;
    const TLS_HANDSHAKE: u8 = 0x16;
    let stream = Idle::new(stream, limits.idle_timeout);
    if first[0] != TLS_HANDSHAKE {
        return match &shared.public {
            Some(routes) => {
                let peer = Peer { address: peer, tls: false };
                requests(stream, peer, None, routes.clone(), limits, stopped).await
            }
            None => Ok(()),
        };
    }
    let tls = TlsAcceptor::from(shared.keys.server());
    let stream = timeout(limits.head_timeout, tls.accept(stream)).await??;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let (caller, routes) = match certificate {
        Some(certificate) => (caller_of(certificate), Some(shared.internal.clone())),
        None => (None, shared.public.clone()),
    };
    let peer = Peer { address: peer, tls: true };
    match routes {
        Some(routes) => requests(stream, peer, caller, routes, limits, stopped).await,
        None => Ok(()),
    }
}

/// Answers the requests of one connection by `routes`.
async fn requests<S>(
    stream: S,
    peer: Peer,
    caller: Option<Caller>,
    routes: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(caller) = caller.clone() {
            request.extensions_mut().insert(caller);
        }
        routes.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout.max(limits.idle_timeout))
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(io::Error::other),
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(io::Error::other)
}
