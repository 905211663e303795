//! Every transaction on a database in a file, as the cloud uses it.
#![allow(clippy::unwrap_used, reason = "a helper that fails here fails its test")]

mod addresses;
mod attributes;
mod capacity;
mod clusters;
mod database;
mod groups;
mod images;
mod launch;
mod life;
mod modes;
mod people;
mod power;
mod public;
mod rules;
mod tags;
mod tokens;
mod users;
mod world;
