//! The tab Users: an administrator approves, adds, edits, disables and deletes.

use crate::console::Console;
use crate::error::{Error, Result};
use crate::fields::Sent;
use crate::form::{self, Wrong};
use crate::guard::{Administrator, Member};
use crate::page::Frame;
use crate::person_form::{self, Filled, check_profile, profile, show_profile};
use crate::{mail, secrets};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use state::{Code, Deed, NewPerson, Person, Stage};
use std::collections::HashMap;
use std::sync::Arc;
use types::{Secret, UserName};

mod step;
use step::Step;

const TAB: &str = "/users";
/// How many a page shows.
const PAGE: u32 = 50;
/// How long the code is good that confirms an account.
const CODE_LASTS_MS: i64 = 14 * 24 * 3_600_000;

fn frame<'a>(console: &'a Console, title: &'a str, member: &'a Member) -> Frame<'a> {
    Frame::of(console, title).member(member).tab(TAB)
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let said = asked.get("said").and_then(|word| step::said(word));
    let after = asked.get("after").map_or("", String::as_str);
    let content = everybody(&console, &member, after, &Filled::empty(), &Wrong::default()).await?;
    Ok(frame(&console, "Users", &member).said(said).show(content))
}

async fn everybody(
    console: &Console,
    member: &Member,
    after: &str,
    filled: &Filled,
    wrong: &Wrong,
) -> Result<Markup> {
    let mut people = console.cloud.state().people(after, PAGE + 1).await?;
    let goes_on = people.len() > PAGE as usize;
    people.truncate(PAGE as usize);
    let last = people.last().map(|person| person.user.name.to_string()).filter(|_| goes_on);
    let fields = html! {
        (person_form::show(console, filled, wrong))
        (form::button("Add user"))
    };
    Ok(html! {
        (table(&people))
        @if let Some(last) = last { p { a href={ "/users?after=" (last) } { "More users" } } }
        section {
            h2 { "Add user" }
            p { "The account is approved at once. It can be used when the user has opened the address \
                 in the mail that is sent." }
            (form::sealed(member, TAB, &fields))
        }
        (waiting_mail(console).await?)
    })
}

fn table(people: &[Person]) -> Markup {
    html! {
        @if people.is_empty() { p { "No users found" } } @else {
            table {
                thead { tr {
                    th scope="col" { "Username" } th scope="col" { "Email" }
                    th scope="col" { "Name" } th scope="col" { "Status" }
                    th scope="col" { "Actions" }
                } }
                tbody { @for person in people { (row(person)) } }
            }
        }
    }
}

fn row(person: &Person) -> Markup {
    let name = person.user.name.as_str();
    html! {
        tr {
            td { a href={ "/users/" (name) } { (name) } }
            td { (person.profile.email) }
            td { (person.profile.full_name) }
            td { (status(person)) }
            td.actions {
                @for step in Step::of(person) { a href={ "/users/" (name) "/" (step.word()) } { (step.label()) } }
            }
        }
    }
}

fn status(person: &Person) -> Markup {
    html! { (person.stage.as_str()) @if person.user.admin { " & admin" } }
}

async fn waiting_mail(console: &Console) -> Result<Markup> {
    let mails = console.cloud.state().mails(PAGE).await?;
    Ok(html! {
        @if !mails.is_empty() {
            section {
                h2 { "Mail that waits" }
                p { "It is tried again until " code { (console.settings.smtp_server) } " takes it, for \
                     four days (SMTP_SERVER in eucalyptus.conf)." }
                table {
                    thead { tr { th scope="col" { "To" } th scope="col" { "Subject" }
                        th scope="col" { "Attempts" } th scope="col" { "Last problem" } } }
                    tbody {
                        @for mail in &mails { tr {
                            td { (mail.mail.recipient) } td { (mail.mail.subject) }
                            td { (mail.attempts) } td { (mail.problem.as_deref().unwrap_or("")) }
                        } }
                    }
                }
            }
        }
    })
}

pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Sent(fields): Sent,
) -> Result<Response> {
    let filled = Filled::of(&fields);
    let mut wrong = Wrong::default();
    let name = person_form::check(&console, &fields, &filled, &mut wrong).await?;
    if let Some(name) = name {
        match make(&console, &member, name, &filled, fields.exact("password")).await {
            Ok(()) => return Ok(Redirect::to("/users?said=added").into_response()),
            Err(Error::State(state::Error::UserExists(_))) => {
                wrong.add("user", "Username is taken!");
            }
            Err(error) => return Err(error),
        }
    }
    let content = everybody(&console, &member, "", &filled, &wrong).await?;
    Ok(frame(&console, "Users", &member).refuse(content))
}

async fn make(
    console: &Console,
    member: &Member,
    name: UserName,
    filled: &Filled,
    password: &str,
) -> Result<()> {
    let password = console.hasher.keep(password, console.now()).await?;
    let (code, kept) = confirmation(console)?;
    let mut deed = console.deed(member.name(), "add user", name.as_str());
    deed.mails.push(mail::approval(console, &filled.profile.email, &name, &code));
    let new = NewPerson {
        user: console.cloud.new_user(name, false)?,
        profile: filled.profile.clone(),
        password,
        confirmation: Some(kept),
    };
    console.cloud.state().add_person(new, true, deed).await?;
    console.mail_waits.notify_one();
    Ok(())
}

/// A new code that confirms an account, and how it is kept.
fn confirmation(console: &Console) -> Result<(Secret<String>, Code)> {
    let code = secrets::code()?;
    let ends = console.now().plus_millis(CODE_LASTS_MS);
    let kept = Code { digest: secrets::digest(code.expose()), ends };
    Ok((code, kept))
}

/// The person of a path, or the page that says that there is none.
async fn named(
    console: &Console,
    member: &Member,
    name: &str,
) -> Result<std::result::Result<Person, Response>> {
    let person = match name.parse() {
        Ok(name) => console.person(&name).await?,
        Err(_) => None,
    };
    let content = html! { p { "There is no such user. " a href=(TAB) { "All users" } } };
    Ok(person.ok_or_else(|| {
        frame(console, "No such user", member).answer(StatusCode::NOT_FOUND, content)
    }))
}

pub(crate) async fn view(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Path(name): Path<String>,
) -> Result<Response> {
    Ok(match named(&console, &member, &name).await? {
        Ok(person) => {
            let content = one(&console, &member, &person, &person.profile, &Wrong::default());
            frame(&console, &name, &member).show(content)
        }
        Err(nobody) => nobody,
    })
}

fn one(
    console: &Console,
    member: &Member,
    person: &Person,
    profile: &state::Profile,
    wrong: &Wrong,
) -> Markup {
    let name = person.user.name.as_str();
    let fields = html! {
        (wrong.summary())
        (show_profile(&console.words.asked(), profile, wrong))
        (form::button("Save"))
        a.button href=(TAB) { "Back" }
    };
    html! {
        dl {
            dt { "Status" } dd { (status(person)) }
            dt { "Account number" } dd.code { (person.user.account) }
        }
        p.actions {
            @for step in Step::of(person) {
                a.button href={ "/users/" (name) "/" (step.word()) } { (step.label()) }
            }
        }
        (form::sealed(member, &format!("/users/{name}"), &fields))
    }
}

pub(crate) async fn change(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Path(name): Path<String>,
    Sent(fields): Sent,
) -> Result<Response> {
    let person = match named(&console, &member, &name).await? {
        Ok(person) => person,
        Err(nobody) => return Ok(nobody),
    };
    let new = profile(&fields);
    let mut wrong = Wrong::default();
    check_profile(&new, &mut wrong);
    if !wrong.is_empty() {
        let content = one(&console, &member, &person, &new, &wrong);
        return Ok(frame(&console, &name, &member).refuse(content));
    }
    let deed = console.deed(member.name(), "edit user", &name);
    console.cloud.state().set_profile(person.user.account, new, deed).await?;
    Ok(Redirect::to("/users?said=saved").into_response())
}

pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Path((name, word)): Path<(String, String)>,
) -> Result<Response> {
    let person = match named(&console, &member, &name).await? {
        Ok(person) => person,
        Err(nobody) => return Ok(nobody),
    };
    Ok(match Step::named(&word) {
        Some(step) => question(&console, &member, &person, step, None),
        None => Redirect::to(TAB).into_response(),
    })
}

fn question(
    console: &Console,
    member: &Member,
    person: &Person,
    step: Step,
    problem: Option<&str>,
) -> Response {
    let name = person.user.name.as_str();
    let content = html! {
        p { (step.question()) }
        @if let Some(problem) = problem { p.error role="alert" { (problem) } }
        dl {
            dt { "Username" } dd { (name) }
            dt { "Name" } dd { (person.profile.full_name) }
            dt { "Email" } dd { (person.profile.email) }
            dt { "Status" } dd { (status(person)) }
        }
        (form::button(step.label()))
        a.button href=(TAB) { "Cancel" }
    };
    let form = form::sealed(member, &format!("/users/{name}/{}", step.word()), &content);
    let frame = frame(console, step.title(), member);
    if problem.is_none() { frame.show(form) } else { frame.refuse(form) }
}

pub(crate) async fn take_step(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Path((name, word)): Path<(String, String)>,
    _: Sent,
) -> Result<Response> {
    let person = match named(&console, &member, &name).await? {
        Ok(person) => person,
        Err(nobody) => return Ok(nobody),
    };
    let Some(step) = Step::named(&word) else { return Ok(Redirect::to(TAB).into_response()) };
    let done = step.take(&console, &member, &person).await;
    console.mail_waits.notify_one();
    Ok(match done {
        Ok(()) => Redirect::to(&format!("/users?said={}", step.word())).into_response(),
        Err(error) if step::is_refusal(&error) => {
            question(&console, &member, &person, step, Some(&error.to_string()))
        }
        Err(error) => return Err(error),
    })
}

/// A deed of an administrator with a user.
fn deed_with(console: &Console, member: &Member, person: &Person, action: &'static str) -> Deed {
    console.deed(member.name(), action, person.user.name.as_str())
}

/// Whether the account can be used, so that its user would notice what becomes of it.
fn is_used(person: &Person) -> bool {
    matches!(person.stage, Stage::Active | Stage::Disabled)
}
