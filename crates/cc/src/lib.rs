//! The cluster controller: chooses nodes, hands each its part of the desired state, gathers what
//! they report, and is the router of the group networks.
//!
//! It decides one thing only, which node has which instance, and keeps that and the newest desired
//! state on disk. From these it repairs router, DHCP and rules after a restart before the cloud or
//! any node has answered. [`Cc::pass`] does once all that is to be done; [`Cc::run`] does each part
//! of it when something may have changed.

mod admin;
mod api;
mod claim;
mod cluster;
mod fabric;
mod find;
mod measure;
mod memory;
mod mode;
mod networks;
mod nodes;
mod place;
mod report;
mod roster;
mod route;
mod run;
mod settings;
mod share;
mod sighting;

#[cfg(test)]
mod tests;

pub use cluster::{Cc, CcError};
pub use fabric::Machines;
pub use memory::{Placement, Placements};
pub use roster::{NodeEntry, Ways};
pub use settings::{Network, RouterSettings, Settings, StaticSettings};
