//! What the cloud must never forget, and the only place that speaks SQL.
//!
//! Every function of [`State`] is one whole transaction, named after what it decides. Writes go
//! through one writer that gathers those waiting into one commit (an fsync costs more than the
//! transaction itself); an answer is given only once the commit is on disk. Reads come from a
//! small pool and see committed states only. Times are arguments: this crate has no clock.

mod addresses;
mod admission;
mod attributes;
mod certificates;
mod choice;
mod clusters;
mod codes;
mod database;
mod deeds;
mod desired;
mod error;
mod fields;
mod fold;
mod group_rules;
mod groups;
mod image_attributes;
mod images;
mod instances;
mod key_pairs;
mod launch;
mod mails;
mod messages;
mod modes;
mod networks;
mod nic;
mod observed;
mod people;
mod pools;
mod power;
mod registration;
mod request;
mod run;
mod sessions;
mod settings;
mod tags;
mod tokens;
mod unused;
mod users;
mod writer;

pub use addresses::{Address, AddressRef, Association, Owner};
pub use attributes::InstanceDetails;
pub use certificates::Certificate;
pub use clusters::{Cluster, ClusterConfig, Registration, Standing, TypeCapacity};
pub use codes::{Code, Purpose};
pub use database::State;
pub use deeds::{Deed, Logged, NewMail};
pub use error::{Error, Result};
pub use group_rules::{Direction, NewRule, RuleRef, SecurityGroupRule};
pub use groups::{GroupRef, MOST_GROUPS, SecurityGroup};
pub use image_attributes::{ImageChange, Launcher};
pub use images::{Image, NewImage};
pub use instances::{Instance, InstanceFilter, Reservation, StateChange};
pub use key_pairs::{KeyPair, KeyPairRef, KeyType, NewKeyPair};
pub use mails::Mail;
pub use people::{NewPerson, Password, Person, Profile, Stage};
pub use power::MetadataChange;
pub use registration::MOST_CLUSTERS;
pub use run::{RunOutcome, RunRequest};
pub use sessions::NewSession;
pub use settings::Settings;
pub use tags::{TagMap, Taggable};
pub use users::{NewUser, User};
