//! One HTTP request and its answer, over a connection of its own.

use crate::Environment;
use crate::error::Error;
use crate::tls;
use ::http::uri::{Scheme, Uri};
use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsConnector;

const CONNECT: Duration = Duration::from_secs(10);
/// Long enough for a part of 10 MiB over a slow line.
const WHOLE: Duration = Duration::from_secs(600);
const WATCH_EVERY: Duration = Duration::from_millis(200);
const PIECE: usize = 64 * 1024;
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The address of a service: `http://HOST:8773/services/Eucalyptus`.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// As it was given, for messages.
    pub(crate) url: String,
    tls: bool,
    host: String,
    port: u16,
    /// The value of the Host header.
    pub(crate) authority: String,
    /// The path, without a slash at its end.
    pub(crate) path: String,
}

impl Endpoint {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::Url { url: url.to_owned(), reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(refuse("it begins with neither http:// nor https://")),
        };
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(refuse("it has a query or a user name"));
        }
        Ok(Self {
            url: url.to_owned(),
            tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    fn talk(&self, reason: impl ToString) -> Error {
        Error::Talk { url: self.url.clone(), reason: reason.to_string() }
    }

    fn connect_error(&self, source: io::Error) -> Error {
        let remedy = match source.kind() {
            io::ErrorKind::ConnectionRefused => {
                "is the cloud running there? EC2_URL and S3_URL in eucarc say where it is"
            }
            _ => "check the host in EC2_URL and S3_URL, and the network on the way to it",
        };
        Error::Connect { url: self.url.clone(), source, remedy }
    }
}

/// What is asked of an endpoint.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// The whole path, with the endpoint's.
    pub(crate) path: &'a str,
    /// The query without its question mark, or nothing.
    pub(crate) query: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What it answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

/// Sends a request and reads the whole answer; `watch` hears now and then how many bytes of the
/// body are on their way.
pub(crate) fn send(
    environment: &Environment,
    endpoint: &Endpoint,
    ask: Ask<'_>,
    watch: &mut dyn FnMut(u64),
) -> Result<Answer, Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let sent = Arc::new(AtomicU64::new(0));
    let body = Counted { left: ask.body.clone(), sent: Arc::clone(&sent) };
    runtime.block_on(async {
        let exchange = timeout(WHOLE, exchange(environment, endpoint, ask, body));
        let mut exchange = std::pin::pin!(exchange);
        let mut tick = interval(WATCH_EVERY);
        loop {
            tokio::select! {
                outcome = &mut exchange => {
                    let late = |_| Err(endpoint.talk("it took over ten minutes"));
                    return outcome.unwrap_or_else(late);
                }
                _ = tick.tick() => watch(sent.load(Ordering::Relaxed)),
            }
        }
    })
}

/// A body that is given out in small pieces and counts them.
struct Counted {
    left: Bytes,
    sent: Arc<AtomicU64>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.left.len().min(PIECE);
        if length == 0 {
            return Poll::Ready(None);
        }
        self.sent.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

async fn exchange(
    environment: &Environment,
    endpoint: &Endpoint,
    ask: Ask<'_>,
    body: Counted,
) -> Result<Answer, Error> {
    let address = (endpoint.host.as_str(), endpoint.port);
    let stream = timeout(CONNECT, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| endpoint.connect_error(source))?;
    if !endpoint.tls {
        return talk(TokioIo::new(stream), endpoint, request(endpoint, ask, body)?).await;
    }
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| Error::Url {
        url: endpoint.url.clone(),
        reason: "its host is not a name".to_owned(),
    })?;
    let stream = TlsConnector::from(tls::config(environment)?)
        .connect(name, stream)
        .await
        .map_err(|source| Error::Identity { url: endpoint.url.clone(), source })?;
    talk(TokioIo::new(stream), endpoint, request(endpoint, ask, body)?).await
}

async fn talk<S>(stream: S, endpoint: &Endpoint, request: Request<Counted>) -> Result<Answer, Error>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(stream).await.map_err(|error| endpoint.talk(error))?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| endpoint.talk(error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| endpoint.talk(error))?
        .to_bytes();
    connection.abort();
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

fn request(endpoint: &Endpoint, ask: Ask<'_>, body: Counted) -> Result<Request<Counted>, Error> {
    let target = match ask.query {
        "" => ask.path.to_owned(),
        query => format!("{}?{query}", ask.path),
    };
    let mut request = Request::new(body);
    *request.method_mut() = ask.method;
    *request.uri_mut() = target.parse().map_err(|error| endpoint.talk(error))?;
    *request.headers_mut() = ask.headers;
    let host = HeaderValue::from_str(&endpoint.authority).map_err(|error| endpoint.talk(error))?;
    request.headers_mut().insert("host", host);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_with_a_host_and_a_path() {
        let endpoint = Endpoint::parse("http://10.0.0.1:8773/services/Eucalyptus/").unwrap();
        assert_eq!(
            (endpoint.host.as_str(), endpoint.port, endpoint.tls),
            ("10.0.0.1", 8773, false)
        );
        assert_eq!(endpoint.authority, "10.0.0.1:8773");
        assert_eq!(endpoint.path, "/services/Eucalyptus");
        let endpoint = Endpoint::parse("https://[::1]/").unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.tls), ("::1", 443, true));
        assert_eq!(endpoint.path, "");
        for bad in
            ["", "cloud:8773", "ftp://cloud/", "/services", "http://", "http://u@h/", "http://h/?x"]
        {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
