//! The ceiling: a server of the same HTTP library that takes every body, keeps nothing and knows
//! nobody.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use tokio::net::TcpListener;

/// As long as a page of a listing is.
const LISTING_BYTES: usize = 300_000;

pub(crate) async fn serve(address: &str) {
    let listener = TcpListener::bind(address).await.unwrap();
    let zeros = Bytes::from(vec![0; 64 << 20]);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let zeros = zeros.clone();
        let service = service_fn(move |request| answer(request, zeros.clone()));
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

/// A key begins with its size.
async fn answer(
    request: Request<Incoming>,
    zeros: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let size = request.uri().path().split('/').find_map(|part| part.parse().ok());
    let length = match *request.method() {
        Method::GET => size.unwrap_or(LISTING_BYTES),
        _ => 0,
    };
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(Response::new(Full::new(zeros.slice(..length))))
}
