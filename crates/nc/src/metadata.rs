//! The instance metadata service, 169.254.169.254 as instances see it.
//!
//! A process of its own (`eucalyptus metadata`) that reads the node controller's journal from
//! disk. The node controller starts it and sees that it runs, and may itself be killed meanwhile.
//! Instances reach it on a port of 127.0.0.1, to which the host redirects them, and those on the
//! site's own network on a socket that only what the host marks at their taps can reach; a guest is
//! known by its address, which anti-spoofing on its tap guarantees.

mod answer;
mod keeper;
mod lookup;
mod server;
mod token;

pub use answer::{Answer, answer};
pub use keeper::{DetachedMetadata, MetadataKeeper, Unattended, build_id, run};
pub use server::{Doors, MetadataError, serve};
