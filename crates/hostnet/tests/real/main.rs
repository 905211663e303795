//! The real host's network, tried in network namespaces of the test's own: bridges, guests,
//! somebody outside. Needs root, nftables, iproute2, busybox (static), python3 and ISC's dhcpd.

#![allow(clippy::unwrap_used, reason = "a helper that fails should fail its test")]

mod cluster;
mod dhcp;
mod dhcpd;
mod egress;
mod fabric;
mod fabric_guard;
mod firewall;
mod isolation;
mod killed;
mod look;
mod matrix;
mod metadata;
mod packets;
mod plans;
mod preload;
mod public;
mod repair;
mod site;
mod spoofing;
mod strangers;
mod tenants;
mod vlan;
mod volley;
mod world;
