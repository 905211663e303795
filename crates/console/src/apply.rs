//! Applying for an account.

use crate::console::Console;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::form::{self, Wrong};
use crate::guard::Place;
use crate::mail;
use crate::page::Frame;
use crate::person_form::{self, Filled};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use maud::html;
use state::{NewPerson, Person};
use std::sync::Arc;
use types::UserName;

/// What attempts to apply are counted as; no user can have this name.
const COUNTED: &str = "an application";

pub(crate) async fn show(State(console): State<Arc<Console>>) -> Result<Response> {
    if console.cloud.state().administrators().await?.is_empty() {
        return Ok(closed(&console));
    }
    Ok(page(&console, &Filled::empty(), &Wrong::default()))
}

/// Nobody would hear of an application.
fn closed(console: &Console) -> Response {
    let content = html! {
        p { "Nobody can apply before the administrator of this cloud has given an e-mail address." }
    };
    Frame::of(console, "Apply for account").answer(StatusCode::FORBIDDEN, content)
}

fn page(console: &Console, filled: &Filled, wrong: &Wrong) -> Response {
    let greeting = "Please, fill out the form. An administrator decides; you hear by e-mail.";
    let fields = html! {
        (person_form::show(console, filled, wrong))
        (form::button("Sign up"))
    };
    let content = html! {
        p { (console.words.text("signup-greeting", greeting)) }
        (form::open("/apply", &fields))
        p { a href="/login" { "Back to the sign-in" } }
    };
    let frame = Frame::of(console, "Apply for account");
    if wrong.is_empty() { frame.show(content) } else { frame.refuse(content) }
}

pub(crate) async fn apply(
    State(console): State<Arc<Console>>,
    Place(place): Place,
    fields: Fields,
) -> Result<Response> {
    let administrators = console.cloud.state().administrators().await?;
    if administrators.is_empty() {
        return Ok(closed(&console));
    }
    let filled = Filled::of(&fields);
    let mut wrong = Wrong::default();
    let wait = console.throttle.wait(place, COUNTED, console.now());
    if wait > 0 {
        let text = format!("Too many applications came from here. Try again in {wait} seconds.");
        wrong.add("user", text);
        return Ok(page(&console, &filled, &wrong));
    }
    let Some(name) = person_form::check(&console, &fields, &filled, &mut wrong).await? else {
        return Ok(page(&console, &filled, &wrong));
    };
    console.throttle.failed(place, COUNTED, console.now());
    match take(&console, &administrators, name, &filled, fields.exact("password")).await {
        Ok(()) => Ok(thanks(&console)),
        Err(Error::State(error)) if is_refusal(&error) => {
            wrong.add("user", error.to_string());
            Ok(page(&console, &filled, &wrong))
        }
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &state::Error) -> bool {
    matches!(error, state::Error::UserExists(_) | state::Error::LimitReached { .. })
}

async fn take(
    console: &Console,
    administrators: &[Person],
    name: UserName,
    filled: &Filled,
    password: &str,
) -> Result<()> {
    let password = console.hasher.keep(password, console.now()).await?;
    let mut deed = console.deed(name.as_str(), "apply for account", name.as_str());
    let tell = |person: &Person| mail::application(console, &person.profile.email, &name, filled);
    deed.mails = administrators.iter().map(tell).collect();
    let user = console.cloud.new_user(name, false)?;
    let new = NewPerson { user, profile: filled.profile.clone(), password, confirmation: None };
    console.cloud.state().add_person(new, false, deed).await?;
    console.mail_waits.notify_one();
    Ok(())
}

fn thanks(console: &Console) -> Response {
    let text = "Thank you for signing up! An administrator has been told; you will get a mail \
                once your account is approved.";
    let content = html! {
        p { (console.words.text("thanks-for-signup", text)) }
        p { a href="/login" { "Back to the sign-in" } }
    };
    Frame::of(console, "Apply for account").show(content)
}
