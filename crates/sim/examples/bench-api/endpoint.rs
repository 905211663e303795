//! A server, and signed calls of it over connections that stay open.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use signature::client::{Credentials, Target, header_v4};
use signature::{sha256_hex, uri_encode};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use types::Timestamp;

const PATH: &str = "/services/Eucalyptus";
/// moto's server has all services at the root.
const ROOT: &str = "/";

/// A server as one of its users calls it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    access_key: String,
    secret: String,
    now: Timestamp,
}

/// A connection, made when it is needed.
pub(crate) struct Connection<'a> {
    endpoint: &'a Endpoint,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr, access_key: &str, secret: &str, now: Timestamp) -> Self {
        Self { address, access_key: access_key.to_owned(), secret: secret.to_owned(), now }
    }

    pub(crate) fn connection(&self) -> Connection<'_> {
        Connection { endpoint: self, sender: None }
    }

    /// The request of a call, signed with version 4.
    fn request(&self, action: &str, parameters: &[(&str, &str)]) -> Request<Full<Bytes>> {
        let own = [("Action", action), ("Version", "2016-11-15")];
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", uri_encode(value));
        let form: Vec<_> = own.iter().chain(parameters).map(pair).collect();
        let form = form.join("&");
        let path = if self.access_key == "key" { ROOT } else { PATH };
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&self.address.to_string()).expect("a host");
        headers.insert(HOST, host);
        let who = Credentials { access_key: &self.access_key, secret: &self.secret };
        let target = Target { region: "us-east-1", service: "ec2" };
        let hash = sha256_hex(form.as_bytes());
        header_v4(who, target, ("POST", path, ""), &mut headers, &hash, self.now)
            .expect("a signature");
        assert!(headers.contains_key(AUTHORIZATION));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        let mut request = Request::post(path).body(Full::from(form)).expect("a request");
        *request.headers_mut() = headers;
        request
    }
}

impl Connection<'_> {
    /// Calls an action and reads its whole answer.
    ///
    /// # Panics
    /// When the server refuses, or answers nothing.
    pub(crate) async fn call(&mut self, action: &str, parameters: &[(&str, &str)]) -> Bytes {
        let request = self.endpoint.request(action, parameters);
        let sender = self.ready().await;
        let response = sender.send_request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a whole answer").to_bytes();
        assert!(status.is_success(), "{action}: {status} {}", String::from_utf8_lossy(&body));
        body
    }

    async fn ready(&mut self) -> &mut SendRequest<Full<Bytes>> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.endpoint.address).await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().expect("it was just made")
    }
}
