//! `HeadBucket`: whether a bucket exists and the caller may list it.

use super::{Answer, empty};
use crate::walrus::Walrus;
use http::HeaderValue;

pub(super) fn run(walrus: &Walrus) -> Answer {
    let mut response = empty();
    if let Ok(region) = HeaderValue::from_str(&walrus.settings.region) {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    Ok(response)
}
