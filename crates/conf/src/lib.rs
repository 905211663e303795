//! `eucalyptus.conf`, the one configuration file: read it, edit it, and find values for a new
//! machine.
//!
//! The file is what the guides of 1.4 describe: shell-style `KEY="value"` lines that a shell may
//! source. [`Document`] is its text and edits it without touching any other byte; [`Conf`] is
//! what it means, checked once; [`setup`] chooses what a new machine needs. Only [`load`],
//! [`save`], [`is_here`] and [`HostFacts::probe`] do I/O.

mod document;
mod error;
mod file;
mod host;
mod layout;
mod network;
mod nodes;
mod reader;
mod settings;
mod setup;
mod static_network;
mod value;
mod variables;
mod walrus;

pub use document::{Document, Entry};
pub use error::{ConfError, Problem};
pub use file::{Loaded, default_path, load, read, save};
pub use host::{HostFacts, Route, is_here};
pub use layout::Layout;
pub use network::{AddressSpace, DhcpDaemon, VnetTransport};
pub use nodes::NodeLists;
pub use settings::{
    Components, Conf, Hypervisor, LogFiles, LogLevel, MetricsPorts, NodeLimits, Ports, SchedPolicy,
};
pub use setup::{Change, TEMPLATE, choose_subnet, doubts, setup};
pub use static_network::StaticNetwork;
