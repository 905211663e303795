//! The style sheet.

use axum::response::{IntoResponse, Response};
use http::header;

const SHEET: &str = include_str!("console.css");

pub(crate) async fn sheet() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, SHEET).into_response()
}
