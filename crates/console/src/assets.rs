//! The style sheet, and htmx 2.0.11 (licence 0BSD), which keeps parts of pages fresh.

use axum::response::{IntoResponse, Response};
use http::header;

pub(crate) async fn sheet() -> Response {
    file("text/css; charset=utf-8", include_str!("../assets/console.css"))
}

pub(crate) async fn htmx() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../assets/htmx.min.js"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, text).into_response()
}
