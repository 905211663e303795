//! The cloud controller: users, images, launches, and the head of the reconciliation.
//!
//! A call changes desired state in one transaction of `state` and answers; [`Cloud::run`] carries
//! it to the cluster controllers and folds in what they report. Nothing but the database, Walrus'
//! buckets and the files of images is kept; a killed cloud starts where it was.

mod address;
mod admin;
mod cloud;
mod credentials;
pub mod ec2;
mod error;
mod eucarc;
mod front;
mod ignored;
mod images;
mod keys;
mod measure;
mod reconcile;
mod users;
mod ways;

pub use cloud::{Cloud, Settings};
pub use error::{Error, Result};
pub use images::{BootMode, Registration};
pub use ways::ClusterFactory;
