//! The web console on port 8443: people apply for accounts, log in, fetch credentials; an
//! administrator approves and configures.
//!
//! Pages are made here, need no JavaScript and change nothing when they are only looked at: every
//! change is a POST with the session's token. [`Console::run`] sends mail.

mod account;
mod apply;
mod assets;
mod configuration;
mod console;
mod error;
mod extras;
mod fields;
mod first;
mod form;
mod guard;
mod images;
mod instances;
mod key_pairs;
mod log;
mod login;
mod mail;
mod page;
mod password;
mod person_form;
mod recover;
mod secrets;
mod start;
mod throttle;
mod users;
mod words;

pub use console::{Console, Settings};
pub use error::Error;
