//! The node controller: runs what it is told to run, keeps it running, reports what is.
//!
//! What should be comes from the cluster controller ([`protocol::NodeDesired`]) and is kept on
//! disk; what is comes from the hypervisor. [`Nc::pass`] compares the two and acts. It carries no
//! input and may be called at any time; [`Nc::run`] calls it when something may have changed.
//! Killing the process at any instant loses nothing: domains, taps and disks live outside it, and
//! the journal tells the next one how far each instance had got.

mod api;
mod console;
mod decide;
mod devices;
mod entry;
mod host;
mod hypervise;
mod journal;
mod measure;
pub mod metadata;
mod node;
mod pass;
mod settings;
mod state;
mod work;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use entry::{DiskPaths, Entry, Phase, Rebooting};
pub use host::{Host, Systemd};
pub use node::{Adapters, Nc, NcError};
pub use settings::{HOST_MEMORY_MB, Limits, Settings, host_boot_id};
