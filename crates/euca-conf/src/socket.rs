//! One HTTP request over the cloud controller's unix socket.

use crate::error::ToolError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
pub(crate) use hyper::Method;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use protocol::admin::Failure;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// The largest answer that is read; a zip of credentials has about 10 KB.
const LARGEST_ANSWER: usize = 16 << 20;
/// Making an RSA key pair takes seconds on a slow machine.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Sends a request and reads the answer as JSON.
pub(crate) fn json<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<T, ToolError> {
    let answer = call(socket, method, path, body)?;
    serde_json::from_slice(&answer).map_err(|error| ToolError::Conversation(error.to_string()))
}

/// Sends a request, with a JSON body when there is one, and reads the answer's bytes.
pub(crate) fn call(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Bytes, ToolError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = exchange(socket, method, path, body);
        match tokio::time::timeout(LONGEST_WAIT, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let waited = format!("nothing came within {} s", LONGEST_WAIT.as_secs());
                Err(ToolError::Conversation(waited))
            }
        }
    })
}

async fn exchange(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Bytes, ToolError> {
    let stream = UnixStream::connect(socket).await.map_err(|e| unreachable(socket, &e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);

    let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Full::new(Bytes::from(body.unwrap_or_default()));
    let answer = sender.send_request(request.body(body).map_err(broken)?).await.map_err(broken)?;

    let status = answer.status();
    let bytes = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
    let bytes = bytes.map_err(broken)?.to_bytes();
    if status.is_success() {
        return Ok(bytes);
    }
    Err(match serde_json::from_slice::<Failure>(&bytes) {
        Ok(failure) => ToolError::Refused(failure.message),
        Err(_) => ToolError::Conversation(format!("status {status}")),
    })
}

fn unreachable(socket: &Path, error: &std::io::Error) -> ToolError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            ToolError::CloudAway(socket.to_owned())
        }
        ErrorKind::PermissionDenied => ToolError::NotRoot(socket.to_owned()),
        _ => broken(error),
    }
}

fn broken(error: impl std::fmt::Display) -> ToolError {
    ToolError::Conversation(error.to_string())
}
