//! A client that signs with version 4 and calls the service without a network.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use signature::client::{Credentials, Target, header_v4, s3_header_v2};
use std::path::Path;
use std::sync::Arc;
use types::{AccountId, Secret, SystemClock, Timestamp, UserName};
use walrus::{Account, Accounts, Door, LookupError, Operation, Peer, Settings, Walrus};

/// Every access key exists; its secret is the same word, its user the same in lower case.
/// `DISABLED` is disabled, `ROOT` an administrator, `NOBODY` does not exist.
pub(crate) struct Everybody;

#[async_trait]
impl Accounts for Everybody {
    async fn by_access_key(&self, access_key: &str) -> Result<Option<Account>, LookupError> {
        if access_key == "NOBODY" {
            return Ok(None);
        }
        let name: UserName = access_key.to_lowercase().parse()?;
        Ok(Some(Account {
            id: AccountId::preferred(&name),
            name,
            secret: Secret::new(access_key.to_owned()),
            is_admin: access_key == "ROOT",
            enabled: access_key != "DISABLED",
        }))
    }

    async fn name_of(&self, account: AccountId) -> Result<Option<UserName>, LookupError> {
        let names = ["alice", "bob", "mallory", "root"].map(|name| name.parse());
        let names: Vec<UserName> = names.into_iter().collect::<Result<_, _>>()?;
        Ok(names.into_iter().find(|name| AccountId::preferred(name) == account))
    }
}

pub(crate) fn account(access_key: &str) -> AccountId {
    AccountId::preferred(&access_key.to_lowercase().parse().unwrap())
}

pub(crate) fn open(dir: &Path) -> Walrus {
    open_with(dir, Settings::default())
}

pub(crate) fn open_with(dir: &Path, settings: Settings) -> Walrus {
    Walrus::open(dir, settings, Arc::new(SystemClock)).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What was run; none when it was refused.
    pub(crate) operation: Option<Operation>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The texts of all elements with this name, in their order.
    pub(crate) fn elements(&self, name: &str) -> Vec<&str> {
        let (start, end) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text().split(&start).skip(1);
        parts.map(|part| part.split(&end).next().unwrap()).collect()
    }

    /// The error code, empty when there is none.
    pub(crate) fn code(&self) -> &str {
        self.elements("Code").first().copied().unwrap_or("")
    }
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    /// None for the anonymous.
    access_key: Option<&'a str>,
    door: Door,
    method: Method,
    peer: Option<Peer>,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A request of a user; the path is below the prefix and encoded already, with its query.
pub(crate) fn call<'a>(access_key: &'a str, method: &str, path: &str) -> Call<'a> {
    Call { access_key: Some(access_key), ..anonymous(method, path) }
}

/// A request that nobody signs.
pub(crate) fn anonymous(method: &str, path: &str) -> Call<'static> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("walrus:8773"));
    Call {
        access_key: None,
        door: Door::Prefix,
        method: method.parse().unwrap(),
        peer: None,
        path: format!("/services/Walrus{path}"),
        query: query.to_owned(),
        headers,
        body: Bytes::new(),
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// To the port of its own, by this host.
    pub(crate) fn at(mut self, host: &str) -> Self {
        self.door = Door::Root;
        self.path = self.path.replacen("/services/Walrus", "", 1);
        self.host(host)
    }

    pub(crate) fn set_path(&mut self, path: &str) {
        self.path = path.to_owned();
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.headers.insert("host", HeaderValue::from_str(host).unwrap());
        self
    }

    /// The address that it comes from, and whether by TLS.
    pub(crate) fn from(mut self, address: &str, tls: bool) -> Self {
        self.peer = Some(Peer { address: Some(address.parse().unwrap()), tls });
        self
    }

    /// Sends it signed.
    pub(crate) async fn send(mut self, walrus: &Walrus) -> Answer {
        self.sign();
        self.send_as_it_is(walrus).await
    }

    /// The request, signed.
    pub(crate) fn signed(mut self) -> Request<Full<Bytes>> {
        self.sign();
        self.into_request()
    }

    fn sign(&mut self) {
        let Some(access_key) = self.access_key else { return };
        let payload = match self.headers.get("x-amz-content-sha256") {
            Some(given) => given.to_str().unwrap().to_owned(),
            None => signature::sha256_hex(&self.body),
        };
        let credentials = Credentials { access_key, secret: access_key };
        let target = Target { region: "any", service: "s3" };
        let line = (self.method.as_str(), self.path.as_str(), self.query.as_str());
        header_v4(credentials, target, line, &mut self.headers, &payload, Timestamp::now())
            .unwrap();
    }

    fn into_request(self) -> Request<Full<Bytes>> {
        let uri = format!("{}?{}", self.path, self.query);
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = uri.trim_end_matches('?').parse().unwrap();
        *request.headers_mut() = self.headers;
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        request
    }

    /// Signs it with version 2, as one of this path.
    pub(crate) fn signed_v2(mut self, path: &str) -> Self {
        let access_key = self.access_key.unwrap();
        let credentials = Credentials { access_key, secret: access_key };
        let line = (self.method.as_str(), path, self.query.as_str());
        s3_header_v2(credentials, line, &mut self.headers, Timestamp::now()).unwrap();
        self
    }

    /// Signs it as it is now; what is changed afterwards is not what was signed.
    pub(crate) fn signed_v4(mut self) -> Self {
        self.sign();
        self
    }

    /// Sends it with the headers that it has.
    pub(crate) async fn send_as_it_is(self, walrus: &Walrus) -> Answer {
        let door = self.door;
        let answer = walrus.handle(&Everybody, door, self.into_request()).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let operation = parts.extensions.get().copied();
        Answer { status: parts.status, headers: parts.headers, body, operation }
    }
}

/// Bytes that differ with their seed and at every place.
pub(crate) fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(next).collect()
}
