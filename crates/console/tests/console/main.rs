//! The console as a browser sees it, over a cloud in a temporary directory.
#![allow(clippy::unwrap_used, reason = "a helper that fails here fails its test")]

mod accounts;
mod browser;
mod configuration;
mod credentials;
mod first;
mod machines;
mod mail;
mod routes;
mod world;
