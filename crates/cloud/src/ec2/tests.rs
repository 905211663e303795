//! The actions, called with really signed requests on a cloud in a temporary directory. Its
//! cluster controller is a stand-in that starts at once what it is told to.

mod addresses;
mod attributes;
mod compatibility;
mod decode;
mod exhaustion;
mod filters;
mod front;
mod groups;
mod identity;
mod image_attributes;
mod images;
mod instances;
mod key_pairs;
mod matrix;
mod modes;
mod pages;
mod power;
mod rules;
mod soap;
mod soap_replies;
mod tags;
mod tenancy;
mod types;
mod vpc;
mod world;
mod zones;
