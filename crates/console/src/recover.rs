//! A forgotten password: the new one waits until who reads the account's mail puts it in place.

use crate::console::Console;
use crate::error::Result;
use crate::fields::Fields;
use crate::form::{self, Field, Wrong};
use crate::guard::Place;
use crate::page::Frame;
use crate::password::objection;
use crate::{mail, secrets};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use state::{Code, Purpose, Stage};
use std::sync::Arc;
use types::Secret;

/// How long the code of a mail is good.
const CODE_LASTS_MS: i64 = 24 * 3_600_000;
/// What attempts to recover are counted as; no user can have this name.
const COUNTED: &str = "a recovery";
const TITLE: &str = "Password recovery";

pub(crate) async fn show(State(console): State<Arc<Console>>) -> Response {
    Frame::of(&console, TITLE).show(fields("", &Wrong::default()))
}

fn fields(who: &str, wrong: &Wrong) -> Markup {
    let who =
        Field { autocomplete: "username", ..Field::text("Username OR email address", "who", who) };
    let content = html! {
        p { "Choose a new password. It is put in place when you open the address in the mail that \
             you will get." }
        (wrong.summary())
        (who.show(wrong))
        (Field::password("New password", "password").show(wrong))
        (Field::password("New password, again", "again").show(wrong))
        (form::button("Recover password"))
    };
    form::open("/recover", &content)
}

pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    Place(place): Place,
    sent: Fields,
) -> Result<Response> {
    let (who, password, now) = (sent.text("who"), sent.exact("password"), console.now());
    let mut wrong = Wrong::default();
    let wait = console.throttle.wait(place, COUNTED, now);
    if wait > 0 {
        wrong.add("who", format!("Too many attempts. Try again in {wait} seconds."));
    }
    wrong.note("password", objection(password, sent.exact("again"), "", ""));
    if !wrong.is_empty() {
        return Ok(Frame::of(&console, TITLE).refuse(fields(who, &wrong)));
    }
    console.throttle.failed(place, COUNTED, now);
    // hashed first, so that the time tells nobody who has an account
    let hash = console.hasher.keep(password, now).await?.hash;
    promise(&console, who, hash).await?;
    let content = html! {
        p { "If there is such an account, a mail is on its way to its address. The new password \
             is put in place when the address in it is opened, within a day." }
    };
    Ok(Frame::of(&console, TITLE).show(content))
}

/// Sends the mail, if there is somebody to send it to.
async fn promise(console: &Console, who: &str, hash: Secret<String>) -> Result<()> {
    let Some(person) = console.cloud.state().person_by_name_or_email(who).await? else {
        return Ok(());
    };
    let may = matches!(person.stage, Stage::Active | Stage::Unconfirmed);
    if !may || person.profile.email.is_empty() {
        return Ok(());
    }
    let name = &person.user.name;
    let code = secrets::code()?;
    let mut deed = console.deed(name.as_str(), "ask for password recovery", name.as_str());
    deed.mails.push(mail::recovery(console, &person, &code));
    let ends = console.now().plus_millis(CODE_LASTS_MS);
    let kept = Code { digest: secrets::digest(code.expose()), ends };
    let account = person.user.account;
    console.cloud.state().add_code(account, Purpose::Recover, kept, Some(hash), deed).await?;
    console.mail_waits.notify_one();
    Ok(())
}

/// What the mail's address shows. Only looking at it changes nothing: programs look at mails, too.
pub(crate) fn ask_again(console: &Console, code: &str) -> Response {
    let content = html! {
        p { "Put the password in place that you chose when you asked for the recovery?" }
        input type="hidden" name="code" value=(code);
        (form::button("Use the new password"))
    };
    Frame::of(console, TITLE).show(form::open("/recovered", &content))
}

pub(crate) async fn recover(
    State(console): State<Arc<Console>>,
    fields: Fields,
) -> Result<Response> {
    let digest = secrets::digest(fields.text("code"));
    let ends = console.now().plus_millis(crate::password::LASTS_MS);
    let deed = console.deed("", "recover password", "");
    if console.cloud.state().recover(digest, ends, deed).await? {
        return Ok(Redirect::to("/login?said=recovered").into_response());
    }
    let content = html! {
        p { "This address has been used already, or it is too old. "
            a href="/recover" { "Ask for another one" } "." }
    };
    Ok(Frame::of(&console, TITLE).answer(StatusCode::GONE, content))
}
