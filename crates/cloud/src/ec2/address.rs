//! How requests name an address and where it leads; what AssociateAddress, DisassociateAddress
//! and ReleaseAddress share.

use ec2_wire::{Code, Error};
use state::AddressRef;
use std::fmt::Display;

/// The one of two ways to name an address that a request took.
///
/// # Errors
/// `MissingParameter` for neither, `InvalidParameterCombination` for both.
pub(super) fn one_of(
    (name, first): (&str, Option<AddressRef>),
    (other_name, other): (&str, Option<AddressRef>),
) -> Result<AddressRef, Error> {
    match (first, other) {
        (Some(named), None) | (None, Some(named)) => Ok(named),
        (None, None) => Err(Error::missing(either(name, other_name))),
        (Some(_), Some(_)) => {
            let message = format!("{name} and {other_name} exclude each other");
            Err(Error::new(Code::InvalidParameterCombination, message))
        }
    }
}

fn either(one: impl Display, other: impl Display) -> String {
    format!("{one} or {other}")
}
