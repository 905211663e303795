//! `HeadBucket`: whether a bucket exists and is the caller's.

use super::{Answer, empty, own_bucket};
use crate::request::Request;
use crate::walrus::Walrus;
use http::HeaderValue;

pub(super) async fn run(walrus: &Walrus, request: &Request, name: String) -> Answer {
    own_bucket(walrus, request, &name).await?;
    let mut response = empty();
    if let Ok(region) = HeaderValue::from_str(&walrus.settings.region) {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    Ok(response)
}
