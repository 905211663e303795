//! What of a request is signed, beside its body.

use http::HeaderMap;

/// The head of a request exactly as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path as sent, still percent-encoded.
    pub path: &'a str,
    /// The query as sent, without its question mark; empty when there is none.
    pub query: &'a str,
    /// All headers, `Host` among them.
    pub headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    /// The head of a request whose body has been taken away.
    pub fn of_parts(parts: &'a http::request::Parts) -> Self {
        Self {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or(""),
            headers: &parts.headers,
        }
    }

    /// The head of a request.
    pub fn of<B>(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or(""),
            headers: request.headers(),
        }
    }

    /// The first value of a header as text; empty when it is missing or not ASCII.
    pub(crate) fn header(&self, name: &str) -> &'a str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// All values of a header joined by commas, each trimmed.
    pub(crate) fn joined(&self, name: &str) -> Vec<u8> {
        let values: Vec<&[u8]> =
            self.headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        values.join(&b","[..])
    }
}
