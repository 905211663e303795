//! The internal traits over mutual TLS.

use crate::{Identity, Role, TransportError};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, BodyStream, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use protocol::{
    CallError, ClusterApi, ClusterDesired, ClusterObserved, ConsoleOutput, ImageRef, ImageSource,
    NodeApi, NodeDesired, NodeObserved, Revision,
};
use rustls::AlertDescription;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::io::StreamReader;
use types::InstanceId;

const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(30);
/// Bytes of one answer.
const ANSWER_BYTES: usize = 128 << 20;

/// Calls to one kind of component, checked by the name in its certificate.
#[derive(Clone)]
struct Caller {
    client: Client<Connector, Full<Bytes>>,
}

impl Caller {
    fn new(identity: &Identity, peer: &Role) -> Result<Self, TransportError> {
        let name = ServerName::try_from(peer.dns_name())
            .map_err(|e| TransportError::Tls(e.to_string()))?;
        let connector = Connector { identity: identity.clone(), name };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .build(connector);
        Ok(Self { client })
    }

    async fn send(
        &self,
        method: Method,
        address: &str,
        path: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Response<Incoming>, CallError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{address}{path}"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|e| CallError::Failed(format!("address {address}: {e}")))?;
        let answer = timeout(limit, self.client.request(request)).await;
        let response = answer
            .map_err(|_| CallError::Unreachable(format!("{address} does not answer")))?
            .map_err(|e| failure(address, &e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let told = collect(response).await?;
        let unknown = || CallError::Failed(format!("{address} answered {status}"));
        Err(serde_json::from_slice(&told).unwrap_or_else(|_| unknown()))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        address: &str,
        path: &str,
        body: Vec<u8>,
        wait_ms: u32,
    ) -> Result<T, CallError> {
        let limit = CALL + Duration::from_millis(wait_ms.into());
        let exchange = async {
            let response = self.send(method, address, path, body, limit).await?;
            let bytes = collect(response).await?;
            serde_json::from_slice(&bytes)
                .map_err(|e| CallError::Failed(format!("{address} gave a malformed answer: {e}")))
        };
        timeout(limit, exchange)
            .await
            .unwrap_or_else(|_| Err(CallError::Unreachable(format!("{address} is too slow"))))
    }
}

async fn collect(response: Response<Incoming>) -> Result<Bytes, CallError> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|e| CallError::Unreachable(format!("the answer broke off: {e}")))
}

/// Why a call did not get through.
fn failure(address: &str, error: &(dyn std::error::Error + 'static)) -> CallError {
    match distrust(error) {
        Some(cause) => CallError::NotTrusted(format!("{address}: {cause}")),
        None => CallError::Unreachable(format!("{address}: {}", root_cause(error))),
    }
}

/// What is wrong with a certificate, the other side's or one's own, when that is the cause.
fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let tls = chain.filter_map(|error| {
        // an io::Error does not name what it wraps as its source
        error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()
    });
    tls.into_iter().find_map(|error| match error {
        rustls::Error::InvalidCertificate(wrong) => {
            Some(format!("its certificate is not accepted here ({wrong})"))
        }
        rustls::Error::AlertReceived(alert) if is_about_a_certificate(*alert) => {
            Some(format!("it does not accept the certificate of its caller ({alert:?})"))
        }
        _ => None,
    })
}

const fn is_about_a_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
    )
}

/// The innermost error: "connection refused" rather than "client error (Connect)".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(value).map_err(|e| CallError::Failed(e.to_string()))
}

fn observe_path(kind: &str, since: Option<Revision>, wait_ms: u32) -> String {
    let since = since.map_or_else(String::new, |revision| format!("since={revision}&"));
    format!("/v1/{kind}/observe?{since}wait_ms={wait_ms}")
}

macro_rules! component_client {
    ($(#[$doc:meta])* $name:ident, $api:ident, $kind:literal, $desired:ty, $observed:ty) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            caller: Caller,
            address: String,
        }

        impl $name {
            /// A client for the component at `host:port` that must prove to be `peer`.
            ///
            /// # Errors
            /// When the identity cannot be used.
            pub fn new(
                identity: &Identity,
                peer: &Role,
                address: String,
            ) -> Result<Self, TransportError> {
                Ok(Self { caller: Caller::new(identity, peer)?, address })
            }
        }

        #[async_trait]
        impl $api for $name {
            async fn sync(&self, desired: $desired) -> Result<(), CallError> {
                let (path, body) = (concat!("/v1/", $kind, "/sync"), encode(&desired)?);
                self.caller.call(Method::POST, &self.address, path, body, 0).await
            }

            async fn observe(
                &self,
                since: Option<Revision>,
                wait_ms: u32,
            ) -> Result<$observed, CallError> {
                let path = observe_path($kind, since, wait_ms);
                self.caller.call(Method::GET, &self.address, &path, Vec::new(), wait_ms).await
            }

            async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
                let path = format!(concat!("/v1/", $kind, "/console/{}"), id);
                self.caller.call(Method::GET, &self.address, &path, Vec::new(), 0).await
            }
        }
    };
}

component_client!(
    /// A cluster controller, for the cloud controller.
    ClusterClient, ClusterApi, "cluster", ClusterDesired, ClusterObserved
);
component_client!(
    /// A node controller, for its cluster controller.
    NodeClient, NodeApi, "node", NodeDesired, NodeObserved
);

/// The cloud controller's images, for a node controller.
#[derive(Clone)]
pub struct ImageClient {
    caller: Caller,
}

impl ImageClient {
    /// A client with the node's identity.
    ///
    /// # Errors
    /// When the identity cannot be used.
    pub fn new(identity: &Identity) -> Result<Self, TransportError> {
        Ok(Self { caller: Caller::new(identity, &Role::Cloud)? })
    }
}

#[async_trait]
impl ImageSource for ImageClient {
    async fn open(
        &self,
        from: &str,
        image: &ImageRef,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, CallError> {
        let path = format!("/v1/images/{}?offset={offset}", image.digest);
        let response = self.caller.send(Method::GET, from, &path, Vec::new(), CALL).await?;
        let chunks = BodyStream::new(response.into_body())
            .try_filter_map(async |frame| Ok(frame.into_data().ok()))
            .map_err(io::Error::other);
        Ok(Box::new(StreamReader::new(Box::pin(chunks))))
    }
}

/// Connects and proves both sides.
#[derive(Clone)]
struct Connector {
    identity: Identity,
    name: ServerName<'static>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Secured>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { identity, name } = self.clone();
        let connect = async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
            stream.set_nodelay(true)?;
            let tls = TlsConnector::from(identity.client());
            tls.connect(name, stream).await.map(|stream| TokioIo::new(Secured(stream)))
        };
        Box::pin(async move {
            timeout(CONNECT, connect).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }
}

/// A connection to a proven peer.
struct Secured(TlsStream<TcpStream>);

impl Connection for Secured {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
