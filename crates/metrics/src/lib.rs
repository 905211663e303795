//! How a process is doing: what it measures, and where that is read.
//!
//! A part of a process has a [`Book`] and draws its handles from it ([`Counter`], [`Gauge`],
//! [`Histogram`]); a handle is cheap and never fails. [`serve`] shows the books at `/metrics`, and
//! at `/healthz` whether the process does its work, as its [`Watched`] says.
//!
//! What a stranger sends may become a label: a handle has at most [`MOST_SERIES`] series, and what
//! would make more of them is counted under `other`.

mod beat;
mod book;
mod common;
mod exposition;
mod laps;
mod rooms;
mod serve;

pub use beat::Beat;
pub use book::{Book, Counter, Gauge, Histogram, MOST_SERIES};
pub use exposition::{Malformed, Sample, parse};
pub use laps::Laps;
pub use rooms::Rooms;
pub use serve::{Watched, serve};
