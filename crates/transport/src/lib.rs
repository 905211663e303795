//! How components reach each other: JSON over mutual TLS, with certificates of the cloud's own
//! authority, and the listener that keeps internal calls and the public apart on one port.
//!
//! A component is known by the name in its certificate, never by anything it says. A connection
//! that presents a component's certificate reaches the internal routes and nothing else; one that
//! presents none reaches the public routes and nothing else.

mod client;
mod identity;
mod idle;
mod internal;
mod listener;
pub mod pki;
mod role;
mod web;

pub use client::{ClusterClient, ImageClient, NodeClient};
pub use identity::Identity;
pub use internal::{ImageStore, cluster_routes, image_routes, node_routes};
pub use listener::{Limits, Listener, Peer, ServerKeys};
pub use role::Role;
pub use web::WebKeys;

/// Why a component's keys could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A key or certificate is not usable.
    #[error("{path}: {detail}")]
    Key {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Certificate and private key do not belong together.
    #[error(
        "{certificate}: the private key beside it is another one's; copy both with euca_sync_key"
    )]
    Mismatch {
        /// The certificate's file.
        certificate: std::path::PathBuf,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("TLS set-up: {0}")]
    Tls(String),
}
