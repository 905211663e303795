//! EC2 on the wire: how a request's parameters become typed values, how an answer becomes XML,
//! and what an error looks like.
//!
//! An action is defined once, by an [`Action`]: its name, who may call it, its parameters (made
//! with [`parameters!`], which gives the decoder, the limits and the documentation of each) and
//! its answer (a [`Response`]). The Query decoder, the compatibility page and the tests that try
//! every action with bad input all read that one definition. Each parameter also carries its
//! path in a SOAP body, so that a SOAP request can be turned into the same [`Tree`].
//!
//! This crate does no I/O and knows no user, database or HTTP server.

mod action;
mod code;
mod error;
mod filter;
mod parameters;
mod service;
mod soap;
mod tree;
mod value;
mod version;
mod xml;

pub use action::{Action, Definition, Response, Return, Who};
pub use code::Code;
pub use error::{Error, shown};
#[doc(hidden)]
pub use filter::TAG_ATTRIBUTES;
pub use filter::{Filter, Filterable, Offered, Pattern, Patterns, check_filters, passes};
#[doc(hidden)]
pub use parameters::base_name;
pub use parameters::{Field, Kind, OneOrMore, Param, Parameters, field, unknown};
pub use service::Service;
pub use soap::{Element, binding, fault_document, soap_tree};
pub use tree::{Place, Tree};
pub use value::{Base64, MayBeEmpty, Text, Value};
pub use version::Version;
pub use xml::{Document, Xml, error_document};
