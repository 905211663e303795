//! Who may see which page: sessions, roles, and what every answer says to the browser.

use crate::console::Console;
use crate::error::Error;
use crate::page::Frame;
use crate::{first, secrets};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use maud::html;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use state::Person;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use types::{Secret, UserName};

/// The cookie's name (FACTS 9.1).
pub(crate) const COOKIE: &str = "eucalyptus-session-id";

/// Who is logged in.
pub(crate) struct Member {
    pub(crate) person: Person,
    /// The digest of the session's id.
    pub(crate) session: String,
    /// What the session's forms carry.
    pub(crate) token: String,
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        self.person.user.name.as_str()
    }
}

/// Who is logged in as an administrator.
pub(crate) struct Administrator(pub(crate) Member);

/// Who is logged in and may still have to do what comes first.
pub(crate) struct Newcomer(pub(crate) Member);

/// Where a request comes from.
pub(crate) struct Place(pub(crate) IpAddr);

impl Console {
    /// Who shows a session's cookie, if it goes on.
    pub(crate) async fn member(&self, headers: &HeaderMap) -> Result<Option<Member>, Error> {
        let Some(id) = cookie(headers) else { return Ok(None) };
        let session = secrets::digest(id.expose());
        let Some(name) = self.cloud.state().session(&session, self.now()).await? else {
            return Ok(None);
        };
        let person = self.person(&name).await?.filter(|person| person.user.enabled);
        let token = secrets::form_token(id.expose());
        Ok(person.map(|person| Member { person, session, token }))
    }

    pub(crate) async fn person(&self, name: &UserName) -> Result<Option<Person>, Error> {
        Ok(self.cloud.state().person(name).await?)
    }
}

fn cookie(headers: &HeaderMap) -> Option<Secret<String>> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, id)| Secret::new(id.to_owned()))
}

/// The cookie of a session that begins; it ends with the browser's run unless it is remembered.
pub(crate) fn set_cookie(id: &Secret<String>, remembered: bool) -> String {
    let lasts = if remembered { "; Max-Age=604800" } else { "" };
    format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax{lasts}", id.expose())
}

/// Takes the cookie from the browser.
pub(crate) fn unset_cookie() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

impl FromRequestParts<Arc<Console>> for Newcomer {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        match console.member(&parts.headers).await {
            Ok(Some(member)) => Ok(Self(member)),
            Ok(None) => Err(to_login(parts)),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// To the login and, where a page was only to be looked at, back to it.
fn to_login(parts: &Parts) -> Response {
    // a part of a page that fetches itself again: the whole page goes to the login
    if parts.headers.contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", "/login")]).into_response();
    }
    let back = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method != Method::GET || back == "/" {
        return Redirect::to("/login").into_response();
    }
    let back = utf8_percent_encode(back, NON_ALPHANUMERIC);
    Redirect::to(&format!("/login?then={back}")).into_response()
}

impl FromRequestParts<Arc<Console>> for Member {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let Newcomer(member) = Newcomer::from_request_parts(parts, console).await?;
        match first::task(console, &member.person).await {
            Ok(None) => Ok(member),
            Ok(Some(task)) => Err(Redirect::to(task.path()).into_response()),
            Err(error) => Err(error.into_response()),
        }
    }
}

impl FromRequestParts<Arc<Console>> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let member = Member::from_request_parts(parts, console).await?;
        if member.person.user.admin {
            return Ok(Self(member));
        }
        let frame = Frame::of(console, "Not allowed").member(&member);
        let content = html! { p { "This page is for administrators of the cloud." } };
        Err(frame.answer(StatusCode::FORBIDDEN, content))
    }
}

impl FromRequestParts<Arc<Console>> for Place {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &Arc<Console>,
    ) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<transport::Peer>();
        Ok(Self(peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.address.ip())))
    }
}

/// Leads to TLS, refuses what another site's page sends, and says on every answer what a browser may do with it.
pub(crate) async fn every_answer(
    State(console): State<Arc<Console>>,
    request: Request,
    next: Next,
) -> Response {
    const HEADERS: [(HeaderName, &str); 6] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // addresses of pages may hold a code
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let mut response = if is_plain(&request) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        Redirect::permanent(&format!("{}{path}", console.settings.url)).into_response()
    } else if is_foreign(&request) {
        (StatusCode::FORBIDDEN, "This was sent by another site's page.\n").into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Whether it came without TLS.
fn is_plain(request: &Request) -> bool {
    request.extensions().get::<transport::Peer>().is_some_and(|peer| !peer.tls)
}

/// Whether a browser says that a page of another site wants to change something here.
fn is_foreign(request: &Request) -> bool {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return false;
    }
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let host = text("host").unwrap_or_default();
    text("origin").is_some_and(|origin| origin.strip_prefix("https://") != Some(host))
}

/// There is no such page.
pub(crate) async fn not_here(State(console): State<Arc<Console>>, headers: HeaderMap) -> Response {
    let member = match console.member(&headers).await {
        Ok(member) => member,
        Err(error) => return error.into_response(),
    };
    let mut frame = Frame::of(&console, "Nothing here");
    if let Some(member) = &member {
        frame = frame.member(member);
    }
    let content = html! { p { "There is no such page. " a href="/" { "Go to the start" } "." } };
    frame.answer(StatusCode::NOT_FOUND, content)
}
