//! The service: authenticates a request, runs its operation, answers.

use crate::accounts::{Account, Accounts};
use crate::address::{Address, Door};
use crate::body::Body;
use crate::cors;
use crate::disk::{Directory, Disk};
use crate::fault::{Fault, INTERNAL_ERROR, INVALID_ACCESS_KEY_ID};
use crate::ingest::Limits;
use crate::operation;
use crate::request::{Incoming, Origin, Peer, Request};
use crate::store::{Error, Quotas, Store, UsageReport};
use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use signature::Head;
use signature::chunked::ChunkSigner;
use signature::s3::Claim;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use types::Clock;

/// How much of a refused request's body is read to keep the connection.
const DRAIN_BYTES: usize = 256 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// What the administrator can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The path below which the service is reached by [`Door::Prefix`], without a slash at its
    /// end.
    pub prefix: String,
    /// The names, in lower case, of [`Door::Root`] below which a host names a bucket.
    pub domains: Vec<String>,
    /// The region that clients are told.
    pub region: String,
    /// The largest object, in bytes.
    pub max_object_bytes: u64,
    /// What one user who is not an administrator may have, until
    /// [`set_quotas`](Walrus::set_quotas).
    pub quotas: Quotas,
    /// Uploads are refused when less than this is free on the disk, in bytes: deleting needs
    /// room too.
    pub min_free_bytes: u64,
    /// The most large uploads at once; each takes about 600 KB of memory.
    pub max_uploads: usize,
    /// How fast stored bytes are read again to be verified; 0 for never.
    pub scrub_bytes_per_second: u64,
}

impl Default for Settings {
    /// `/services/Walrus` and `localhost`, S3's own limits, 100 buckets a user, 64 MiB kept free.
    fn default() -> Self {
        Self {
            prefix: "/services/Walrus".to_owned(),
            domains: vec!["localhost".to_owned()],
            region: "eucalyptus".to_owned(),
            max_object_bytes: 5 << 30,
            quotas: Quotas { buckets_per_user: Some(100), ..Quotas::default() },
            min_free_bytes: 64 << 20,
            max_uploads: 128,
            scrub_bytes_per_second: 16 << 20,
        }
    }
}

/// The S3 service over one disk.
pub struct Walrus {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) quotas: RwLock<Quotas>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Walrus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walrus").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Walrus {
    /// Opens the store in a directory (mode 0700), or makes it.
    ///
    /// # Errors
    /// [`Error`] when the directory cannot be used, is of another format or in use.
    pub fn open(dir: &Path, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::open_on(Arc::new(Directory::open(dir)?), settings, clock)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let store = Store::open(disk, Arc::clone(&clock))?;
        let limits = Limits {
            object_bytes: settings.max_object_bytes,
            min_free_bytes: settings.min_free_bytes,
            uploads: Semaphore::new(settings.max_uploads),
        };
        let quotas = RwLock::new(settings.quotas);
        Ok(Self { store, settings, limits, quotas, clock })
    }

    /// Who holds how much, as it is counted with each change.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn usage(&self) -> Result<UsageReport, Error> {
        self.store.read(|store| store.usage()).await
    }

    /// The same, counted now from all that there is.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn recounted(&self) -> Result<UsageReport, Error> {
        self.store.read(|store| store.recounted()).await
    }

    /// Carries out the lifecycles of all buckets now, and not within the hour as without being
    /// asked.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn carry_out_lifecycles(&self) -> Result<(), Error> {
        self.store.carry_out_lifecycles().await
    }

    /// Answers a request, which has the full path that the client sent.
    pub async fn handle<B>(
        &self,
        accounts: &dyn Accounts,
        door: Door,
        request: http::Request<B>,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let mut body: Incoming = body.map_err(Into::into).boxed_unsync();
        let (path, without_body) = (parts.uri.path().to_owned(), parts.method == Method::HEAD);
        let page = self.page(door, &parts);
        let waits = parts.headers.contains_key(EXPECT);
        let request_id = request_id();
        let mut response = match self.answer(accounts, door, parts, &mut body).await {
            Ok(response) => response,
            Err(fault) => {
                let mut response = fault.into_response(&path, &request_id);
                if waits || !drain(&mut body).await {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        if let Some((bucket, method, asked)) = page {
            cors::permit(self, &bucket, (&method, &asked), response.headers_mut()).await;
        }
        if without_body {
            *response.body_mut() = Body::empty();
        }
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amz-request-id", value);
        }
        response
    }

    /// Of a request that a page of another origin may have sent, what decides whether the page
    /// sees the answer.
    fn page(
        &self,
        door: Door,
        parts: &http::request::Parts,
    ) -> Option<(String, Method, HeaderMap)> {
        if !parts.headers.contains_key(ORIGIN) || parts.method == Method::OPTIONS {
            return None;
        }
        let address = Address::of(door, &self.settings, parts);
        let target = address.target(parts.uri.path()).ok()?;
        Some((target.bucket()?.to_owned(), parts.method.clone(), parts.headers.clone()))
    }

    async fn answer(
        &self,
        accounts: &dyn Accounts,
        door: Door,
        parts: http::request::Parts,
        body: &mut Incoming,
    ) -> Result<Response<Body>, Fault> {
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or_default();
        let address = Address::of(door, &self.settings, &parts);
        if parts.method == Method::OPTIONS {
            let target = address.target(parts.uri.path())?;
            return cors::preflight(self, &target, &parts.headers).await;
        }
        let signed = self.authenticate(accounts, &address, &parts).await?;
        let target = address.target(parts.uri.path())?;
        let query = signature::decode_pairs(parts.uri.query().unwrap_or(""))?;
        let path = parts.uri.path().to_owned();
        let (method, mut headers) = (parts.method, parts.headers);
        let Some((caller, claim, signer)) = signed else {
            let payload = signature::s3::anonymous_payload(&headers)?;
            let (caller, origin, signer) = (None, Origin { peer, manner: None }, None);
            let tags = None;
            let request =
                Request { method, path, query, headers, caller, origin, payload, signer, tags };
            return operation::run(self, accounts, target, request, body).await;
        };
        for (name, value) in claim.hoisted_headers() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        let payload = claim.payload().clone();
        let (caller, origin) = (Some(caller), Origin { peer, manner: Some(claim.manner()) });
        let tags = None;
        let request =
            Request { method, path, query, headers, caller, origin, payload, signer, tags };
        operation::run(self, accounts, target, request, body).await
    }

    /// Finds the account that signed the request; none when nothing in it says that it is
    /// signed.
    async fn authenticate(
        &self,
        accounts: &dyn Accounts,
        address: &Address<'_>,
        parts: &http::request::Parts,
    ) -> Result<Option<(Account, Claim, Option<ChunkSigner>)>, Fault> {
        let head = Head::of_parts(parts);
        let Some(claim) = signature::s3::claim(&head)? else { return Ok(None) };
        let account = self.account(accounts, claim.access_key()).await?;
        let (secret, now) = (account.secret.expose(), self.clock.now());
        let signer = claim.verify(&head, address.base(), secret, now)?;
        Ok(Some((account, claim, signer)))
    }

    /// The account that may sign with this key.
    pub(crate) async fn account(
        &self,
        accounts: &dyn Accounts,
        access_key: &str,
    ) -> Result<Account, Fault> {
        let account = accounts.by_access_key(access_key).await.map_err(|error| {
            tracing::error!(%error, "walrus cannot look up an access key");
            INTERNAL_ERROR
        })?;
        account.filter(|account| account.enabled).ok_or_else(|| INVALID_ACCESS_KEY_ID.into())
    }
}

/// Takes the rest of a refused request's body, if it is short, so that the client reads the
/// answer and can use the connection again. Says whether it came to the end.
pub(crate) async fn drain(body: &mut Incoming) -> bool {
    let mut left = DRAIN_BYTES;
    while !body.is_end_stream() {
        match tokio::time::timeout(DRAIN_TIME, body.frame()).await {
            Ok(None) => return true,
            Ok(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = left.checked_sub(length) else { return false };
                left = rest;
            }
            Ok(Some(Err(_))) | Err(_) => return false,
        }
    }
    true
}

/// Sixteen hex digits by which the log and the client can name a request.
fn request_id() -> String {
    let mut random = [0; 8];
    match getrandom::fill(&mut random) {
        Ok(()) => hex::encode_upper(random),
        Err(_) => "0".repeat(16),
    }
}
