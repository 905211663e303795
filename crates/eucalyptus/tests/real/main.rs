//! Real clouds with real instances: the installed binary, a libvirtd and emulated guests in a
//! network, process and mount namespace of each test's own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stderr, reason = "a failed test shows the logs")]

mod buckets;
mod clients;
mod clusters;
mod crashes;
mod dhcpd;
mod diagnosis;
mod distribution;
mod doors;
mod egress;
mod fleet;
mod give_back;
mod guest;
mod guide;
mod installation;
mod kills;
mod life;
mod machine;
mod mid_apply;
mod modes;
mod nodes;
mod outside;
mod own_rules;
mod public;
mod readme;
mod refusals;
mod s3_clients;
mod site;
mod soap;
mod stop_start;
mod switch;
mod uefi;
mod watch;
