//! Walrus as a client sees it: signed requests in, responses out, over a real directory.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod access;
mod attributes;
mod client;
mod configuration;
mod copies;
mod cors;
mod damage;
mod doors;
mod faulty;
mod forms;
mod grants;
mod guest;
mod kill;
mod lifecycle;
mod model;
mod parts;
mod policies;
mod power;
mod protocol;
mod tags;
mod twin;
mod usage;
mod versions;
