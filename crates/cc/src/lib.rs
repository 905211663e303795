//! The cluster controller: chooses nodes, hands each its part of the desired state, gathers what
//! they report, and is the router of the group networks.
//!
//! It decides one thing only, which node has which instance, and keeps that and the newest desired
//! state on disk. From these it repairs router, DHCP and rules after a restart before the cloud or
//! any node has answered. [`Cc::pass`] does once all that is to be done; [`Cc::run`] does each part
//! of it when something may have changed.

mod api;
mod cluster;
mod measure;
mod memory;
mod nodes;
mod place;
mod report;
mod route;
mod run;
mod settings;
mod share;
mod sighting;

#[cfg(test)]
mod tests;

pub use cluster::{Cc, CcError};
pub use memory::{Placement, Placements};
pub use settings::{RouterSettings, Settings};
