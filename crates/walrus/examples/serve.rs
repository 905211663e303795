//! Serves one directory to two users, for trying S3 clients by hand:
//!
//! ```text
//! cargo run -p walrus --example serve -- /tmp/store 127.0.0.1:8773
//! ```
//! The users are `alice` (access key ALICE, secret alice-secret) and `bob` (BOB, bob-secret). Below
//! `/services/Walrus` it answers as port 8773 does, elsewhere as WALRUS_PORT.

use async_trait::async_trait;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use types::{AccountId, Secret, SystemClock, UserName};
use walrus::{Account, Accounts, Door, LookupError, Peer, Settings, Walrus};

struct TwoUsers;

#[async_trait]
impl Accounts for TwoUsers {
    async fn by_access_key(&self, access_key: &str) -> Result<Option<Account>, LookupError> {
        let (name, secret) = match access_key {
            "ALICE" => ("alice", "alice-secret"),
            "BOB" => ("bob", "bob-secret"),
            _ => return Ok(None),
        };
        let name: UserName = name.parse()?;
        Ok(Some(Account {
            id: AccountId::preferred(&name),
            name,
            secret: Secret::new(secret.to_owned()),
            is_admin: false,
            enabled: true,
        }))
    }

    async fn name_of(&self, account: AccountId) -> Result<Option<UserName>, LookupError> {
        let names = ["alice".parse()?, "bob".parse()?];
        Ok(names.into_iter().find(|name| AccountId::preferred(name) == account))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve DIRECTORY ADDRESS:PORT".into());
    };
    let walrus = Walrus::open(Path::new(&dir), Settings::default(), Arc::new(SystemClock))?;
    let walrus = Arc::new(walrus);
    let listener = tokio::net::TcpListener::bind(&address).await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let walrus = Arc::clone(&walrus);
        let service = service_fn(move |request| {
            let walrus = Arc::clone(&walrus);
            let peer = Peer { address: Some(peer.ip()), tls: false };
            async move {
                let mut request: http::Request<_> = request;
                request.extensions_mut().insert(peer);
                let is_below = request.uri().path().starts_with("/services/Walrus");
                let door = if is_below { Door::Prefix } else { Door::Root };
                Ok::<_, std::convert::Infallible>(walrus.handle(&TwoUsers, door, request).await)
            }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        // a client that goes away is no error of the server
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}
