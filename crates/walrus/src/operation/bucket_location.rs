//! `GetBucketLocation`: the location constraint that a bucket was created with.

use super::{Answer, xml};
use crate::access::Place;
use crate::xml::{NAMESPACE, Xml};

pub(super) fn run(place: &Place) -> Answer {
    let mut answer = Xml::new();
    answer.open(&format!("LocationConstraint xmlns=\"{NAMESPACE}\""));
    answer.inner(&place.bucket.location).close("LocationConstraint");
    Ok(xml(answer))
}
