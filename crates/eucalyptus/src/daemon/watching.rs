//! Where a component tells this machine how it is.

use super::Stop;
use metrics::Watched;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves `/metrics` and `/healthz` at this port of 127.0.0.1 until the component ends. One that
/// cannot is told and goes on: what a cloud is for does not depend on being watched.
pub(super) async fn watch(port: Option<u16>, component: Arc<dyn Watched>, stop: Stop) {
    let Some(port) = port else { return };
    let served = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        metrics::serve(listener, component, stop.wanted()).await
    };
    if let Err(error) = served.await {
        tracing::warn!(
            "/metrics and /healthz are not served at 127.0.0.1:{port}: {error}; choose another \
             METRICS_PORT, or 0 for none"
        );
    }
}
