//! `GetBucketLocation`: the location constraint that a bucket was created with.

use super::{Answer, own_bucket, xml};
use crate::request::Request;
use crate::walrus::Walrus;
use crate::xml::{NAMESPACE, Xml};

pub(super) async fn run(walrus: &Walrus, request: &Request, name: String) -> Answer {
    let bucket = own_bucket(walrus, request, &name).await?;
    let mut answer = Xml::new();
    answer.open(&format!("LocationConstraint xmlns=\"{NAMESPACE}\""));
    answer.inner(&bucket.location).close("LocationConstraint");
    Ok(xml(answer))
}
