//! What a form sends.

use crate::console::Console;
use crate::error::Error;
use crate::secrets;
use axum::body::Body;
use axum::extract::FromRequest;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use std::sync::Arc;

/// The longest form, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The most fields.
const MOST: usize = 500;

/// The fields of a form that anybody may send.
pub(crate) struct Fields(Vec<(String, String)>);

/// The fields of a form of a session: it carried the session's token.
pub(crate) struct Sent(pub(crate) Fields);

impl Fields {
    /// A field's text without blanks around it; empty when it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.exact(name).trim()
    }

    /// A field's text as it was sent: a password.
    pub(crate) fn exact(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text)
    }

    /// Every text of a field that was sent more than once.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, text)| text.trim())
    }

    /// Whether a box was ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Response> {
        let body = Limited::new(request.into_body(), MAX_BYTES).collect().await;
        let Ok(body) = body else {
            let text = "The form is too long, or it ended too early.\n";
            return Err((StatusCode::PAYLOAD_TOO_LARGE, text).into_response());
        };
        let body = body.to_bytes();
        let fields = form_urlencoded::parse(&body).take(MOST);
        Ok(Self(fields.map(|(name, text)| (name.into_owned(), text.into_owned())).collect()))
    }
}

impl FromRequest<Arc<Console>> for Sent {
    type Rejection = Response;

    async fn from_request(
        request: Request<Body>,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let member = console.member(request.headers()).await.map_err(Error::into_response)?;
        let fields = Fields::from_request(request, console).await?;
        match member {
            Some(member) if secrets::same(&member.token, fields.exact("token")) => Ok(Self(fields)),
            _ => {
                let text = "This form is of a session that has ended. Go back, load the page \
                            again and repeat what you did.\n";
                Err((StatusCode::FORBIDDEN, text).into_response())
            }
        }
    }
}
