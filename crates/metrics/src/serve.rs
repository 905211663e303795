//! `/metrics` and `/healthz`.

use crate::Book;
use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// The content type of the format.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An answer holds for so long: whoever asks more often makes the process no more work.
const HOLDS: Duration = Duration::from_secs(1);

/// What takes longer than this does not work.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that can be asked how it is.
#[async_trait]
pub trait Watched: Send + Sync {
    /// The books of its parts.
    fn books(&self) -> Vec<&Book>;

    /// Brings up to date what is not counted as it happens.
    async fn measure(&self);

    /// What keeps it from its work, with the remedy; empty when nothing does.
    async fn problems(&self) -> Vec<String>;
}

/// What was answered last, and when.
type Kept<T> = Mutex<Option<(Instant, T)>>;

struct Endpoint {
    watched: Arc<dyn Watched>,
    metrics: Kept<String>,
    health: Kept<Vec<String>>,
}

/// Shows how a process is until `shutdown` completes.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    watched: Arc<dyn Watched>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let endpoint =
        Arc::new(Endpoint { watched, metrics: Mutex::default(), health: Mutex::default() });
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .with_state(endpoint);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// What was answered a moment ago, else what `make` makes; one at a time.
async fn recent<T: Clone>(kept: &Kept<T>, make: impl Future<Output = T>) -> T {
    let mut kept = kept.lock().await;
    if let Some((at, answer)) = &*kept
        && at.elapsed() < HOLDS
    {
        return answer.clone();
    }
    let answer = make.await;
    *kept = Some((Instant::now(), answer.clone()));
    answer
}

async fn metrics(State(endpoint): State<Arc<Endpoint>>) -> Response {
    let make = async {
        if tokio::time::timeout(PATIENCE, endpoint.watched.measure()).await.is_err() {
            tracing::warn!("measuring takes too long; older numbers are shown");
        }
        let mut text = String::new();
        for book in endpoint.watched.books() {
            // A text takes what is written to it.
            let _ = book.write(&mut text);
        }
        text.push_str("# EOF\n");
        text
    };
    ([(header::CONTENT_TYPE, FORMAT)], recent(&endpoint.metrics, make).await).into_response()
}

async fn health(State(endpoint): State<Arc<Endpoint>>) -> Response {
    let make = async {
        let problems = tokio::time::timeout(PATIENCE, endpoint.watched.problems()).await;
        problems.unwrap_or_else(|_| {
            vec![format!("it does not know how it is within {} s", PATIENCE.as_secs())]
        })
    };
    let problems = recent(&endpoint.health, make).await;
    let (status, word) = match problems.is_empty() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    let body = serde_json::json!({ "status": word, "problems": problems }).to_string() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests;
