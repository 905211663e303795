//! Logging in and out.

use crate::console::Console;
use crate::error::Result;
use crate::fields::{Fields, Sent};
use crate::form::{self, Field, Wrong};
use crate::guard::{Newcomer, Place, set_cookie, unset_cookie};
use crate::page::Frame;
use crate::secrets;
use axum::extract::{Query, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use maud::{Markup, html};
use state::{NewSession, Person, Stage};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What a login form has been given.
#[derive(Default)]
struct Given<'a> {
    user: &'a str,
    /// Where to go afterwards.
    then: &'a str,
    /// The code that confirms the account.
    code: &'a str,
    remembered: bool,
}

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let then = asked.get("then").map_or("", String::as_str);
    let said = asked.get("said").and_then(|word| said(word));
    let applies = !console.cloud.state().administrators().await?.is_empty();
    let given = Given { then, ..Given::default() };
    let greeting = console.words.text("login-greeting", "Please, sign in:");
    let content = html! {
        p { (greeting) }
        (fields(&given, &Wrong::default()))
        @if applies { p { a href="/apply" { "Apply for account" } } }
        p { a href="/recover" { "Recover the password" } }
    };
    Ok(Frame::of(&console, "Sign in").said(said).show(content))
}

fn said(word: &str) -> Option<&'static str> {
    match word {
        "left" => Some("You have logged out."),
        "recovered" => Some("Your new password is in place. Sign in with it."),
        _ => None,
    }
}

/// The login that a confirmation mail leads to.
pub(crate) fn to_confirm(console: &Console, code: &str) -> Response {
    let given = Given { code, ..Given::default() };
    let content = html! {
        p { "To activate your account, sign in with the user name and password that you chose." }
        (fields(&given, &Wrong::default()))
    };
    Frame::of(console, "Activate your account").show(content)
}

fn fields(given: &Given<'_>, wrong: &Wrong) -> Markup {
    let password =
        Field { autocomplete: "current-password", ..Field::password("Password", "password") };
    let user = Field { autocomplete: "username", ..Field::text("Username", "user", given.user) };
    let content = html! {
        (wrong.summary())
        (user.show(wrong))
        (password.show(wrong))
        (form::tick("Remember me on this computer", "remember", given.remembered))
        input type="hidden" name="then" value=(given.then);
        input type="hidden" name="code" value=(given.code);
        (form::button("Sign in"))
    };
    form::open("/login", &content)
}

pub(crate) async fn log_in(
    State(console): State<Arc<Console>>,
    Place(place): Place,
    fields: Fields,
) -> Result<Response> {
    let given = Given {
        user: fields.text("user"),
        then: fields.text("then"),
        code: fields.text("code"),
        remembered: fields.is_ticked("remember"),
    };
    match known(&console, place, given.user, fields.exact("password")).await? {
        Ok(person) => enter(&console, person, &given).await,
        Err(why) => Ok(refuse(&console, &given, why)),
    }
}

fn refuse(console: &Console, given: &Given<'_>, why: String) -> Response {
    let mut wrong = Wrong::default();
    wrong.add("password", why);
    Frame::of(console, "Sign in").refuse(fields(given, &wrong))
}

/// Whose name and password these are, or why that is not found out.
async fn known(
    console: &Console,
    place: IpAddr,
    name: &str,
    password: &str,
) -> Result<Result<Person, String>> {
    let now = console.now();
    let wait = console.throttle.wait(place, name, now);
    if wait > 0 {
        return Ok(Err(format!("Too many attempts. Try again in {wait} seconds.")));
    }
    let person = match name.parse() {
        Ok(name) => console.person(&name).await?,
        Err(_) => None,
    };
    let kept = person.as_ref().and_then(|person| person.password.as_ref());
    let is_right = console.hasher.is_right(kept, password).await?;
    match person {
        Some(person) if is_right => {
            console.throttle.succeeded(place, name);
            Ok(Ok(person))
        }
        _ => {
            console.throttle.failed(place, name, now);
            tracing::warn!(%place, user = name.escape_debug().to_string(), "a login failed");
            Ok(Err("User name or password is wrong.".to_owned()))
        }
    }
}

/// Lets in who has given the right password, if the account has come so far.
async fn enter(console: &Console, person: Person, given: &Given<'_>) -> Result<Response> {
    let user = &person.user;
    let refusal = match person.stage {
        Stage::Active => None,
        Stage::Unapproved => Some("An administrator has not approved your account yet."),
        Stage::Disabled => Some("Your account is disabled; ask the administrator."),
        Stage::Unconfirmed => {
            let deed = console.deed(user.name.as_str(), "confirm account", user.name.as_str());
            let digest = secrets::digest(given.code);
            let confirmed = console.cloud.state().confirm(user.account, digest, deed).await?;
            let text = "Your account is not active yet: open the address in the mail that you \
                        got, and sign in there. The administrator can send it again.";
            (!confirmed).then_some(text)
        }
    };
    if let Some(why) = refusal {
        return Ok(refuse(console, given, why.to_owned()));
    }
    let id = secrets::session()?;
    let digest = secrets::digest(id.expose());
    let new = NewSession { digest, account: user.account, remembered: given.remembered };
    console.cloud.state().begin_session(new, console.now()).await?;
    console.cloud.state().note(console.deed(user.name.as_str(), "log in", "")).await?;
    let cookie = AppendHeaders([(SET_COOKIE, set_cookie(&id, given.remembered))]);
    Ok((cookie, Redirect::to(own_page(given.then))).into_response())
}

/// A path of this console; anything else is the start.
fn own_page(path: &str) -> &str {
    let is_own = path.starts_with('/') && !path.starts_with("//");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own && is_plain { path } else { "/" }
}

pub(crate) async fn log_out(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
    _: Sent,
) -> Result<Response> {
    console.cloud.state().end_session(member.session).await?;
    let cookie = AppendHeaders([(SET_COOKIE, unset_cookie())]);
    Ok((cookie, Redirect::to("/login?said=left")).into_response())
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn nobody_is_led_to_another_site() {
        for own in ["/users", "/?action=approve&user=a", "/users/a%2Fb/approve"] {
            assert_eq!(own_page(own), own);
        }
        for foreign in ["//evil", "https://evil", "/\\evil", "evil", "", "/a\r\nb", "/\tx"] {
            assert_eq!(own_page(foreign), "/", "{foreign:?}");
        }
    }
}
