//! What must be done before anything else (FACTS 9.6): a password that has ended is changed, and
//! the first administrator gives an address for mail and the address of Walrus.

use crate::console::Console;
use crate::error::Result;
use crate::fields::Sent;
use crate::form::{self, Field, Wrong};
use crate::guard::Newcomer;
use crate::page::Frame;
use crate::password::{Hasher, objection};
use crate::{guard, mail};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use cloud::Cloud;
use maud::html;
use state::{Deed, Password, Person, Profile};
use std::sync::Arc;
use types::Timestamp;

/// The user and the password of the first start.
const ADMIN: &str = "admin";

/// What somebody must do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Password,
    Email,
    Walrus,
}

impl Task {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Password => "/first/password",
            Self::Email => "/first/email",
            Self::Walrus => "/first/walrus",
        }
    }
}

/// Gives the user `admin` the password `admin`, which has ended, if it never had one.
pub(crate) async fn give_the_first_password(cloud: &Cloud, hasher: &Hasher) -> Result<()> {
    let Ok(name) = ADMIN.parse() else { return Ok(()) };
    let Some(person) = cloud.state().person(&name).await? else { return Ok(()) };
    if person.password.is_some() {
        return Ok(());
    }
    let hash = hasher.keep(ADMIN, cloud.now()).await?.hash;
    let password = Password { hash, ends: Timestamp::default() };
    let deed = Deed {
        actor: ADMIN.to_owned(),
        action: "first start",
        object: String::new(),
        mails: Vec::new(),
        at: cloud.now(),
    };
    Ok(cloud.state().set_password(person.user.account, password, None, deed).await?)
}

/// What this person must do before anything else.
pub(crate) async fn task(console: &Console, person: &Person) -> Result<Option<Task>> {
    let has_ended = |password: &Password| password.ends <= console.now();
    if person.password.as_ref().is_none_or(has_ended) {
        return Ok(Some(Task::Password));
    }
    if !person.user.admin {
        return Ok(None);
    }
    if person.profile.email.is_empty() {
        return Ok(Some(Task::Email));
    }
    let is_set = console.cloud.state().settings().await?.walrus_url.is_some();
    Ok((!is_set).then_some(Task::Walrus))
}

/// To the next task or, when there is none, to the start.
async fn onward(console: &Console, name: &types::UserName) -> Result<Response> {
    let Some(person) = console.person(name).await? else {
        return Ok(Redirect::to("/login").into_response());
    };
    let task = task(console, &person).await?;
    Ok(Redirect::to(task.map_or("/", Task::path)).into_response())
}

/// Whether this task is what comes next. Who has done it is sent on.
async fn is_due(console: &Console, member: &guard::Member, wanted: Task) -> Result<bool> {
    Ok(task(console, &member.person).await? == Some(wanted))
}

pub(crate) async fn password(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
) -> Result<Response> {
    if !is_due(&console, &member, Task::Password).await? {
        return onward(&console, &member.person.user.name).await;
    }
    Ok(password_page(&console).show(password_form(&member, &Wrong::default())))
}

fn password_page(console: &Console) -> Frame<'_> {
    Frame::of(console, "You are required to change your password")
}

fn password_form(member: &guard::Member, wrong: &Wrong) -> maud::Markup {
    let old = Field { autocomplete: "current-password", ..Field::password("Old password", "old") };
    let content = html! {
        (wrong.summary())
        (old.show(wrong))
        (Field::password("New password", "password").show(wrong))
        (Field::password("New password again", "again").show(wrong))
        (form::button("Change password"))
    };
    form::sealed(member, Task::Password.path(), &content)
}

pub(crate) async fn set_password(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
    Sent(fields): Sent,
) -> Result<Response> {
    if !is_due(&console, &member, Task::Password).await? {
        return onward(&console, &member.person.user.name).await;
    }
    let mut wrong = Wrong::default();
    change_password(&console, &member, &fields, &mut wrong).await?;
    if !wrong.is_empty() {
        return Ok(password_page(&console).refuse(password_form(&member, &wrong)));
    }
    onward(&console, &member.person.user.name).await
}

/// Changes a member's password, if the old one is right and the new one will do.
pub(crate) async fn change_password(
    console: &Console,
    member: &guard::Member,
    fields: &crate::fields::Fields,
    wrong: &mut Wrong,
) -> Result<()> {
    let Person { user, profile, password, .. } = &member.person;
    let (old, new) = (fields.exact("old"), fields.exact("password"));
    if !console.hasher.is_right(password.as_ref(), old).await? {
        wrong.add("old", "This is not your password.");
        return Ok(());
    }
    let why = objection(new, fields.exact("again"), user.name.as_str(), &profile.full_name);
    let why = why.or((old == new).then_some("Choose another one than before."));
    wrong.note("password", why);
    if why.is_none() {
        let kept = console.hasher.keep(new, console.now()).await?;
        let deed = console.deed(member.name(), "change password", member.name());
        let session = Some(member.session.clone());
        console.cloud.state().set_password(user.account, kept, session, deed).await?;
    }
    Ok(())
}

pub(crate) async fn email(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
) -> Result<Response> {
    if !is_due(&console, &member, Task::Email).await? {
        return onward(&console, &member.person.user.name).await;
    }
    let form = email_form(&console, &member, "", &Wrong::default());
    Ok(Frame::of(&console, "One more thing!").show(form))
}

fn email_form(
    console: &Console,
    member: &guard::Member,
    given: &str,
    wrong: &Wrong,
) -> maud::Markup {
    let why = "Applications for accounts are sent to this address. Once it is given, people can \
               apply for accounts here.";
    let content = html! {
        p { (console.words.text("admin-email-change-text", why)) }
        (wrong.summary())
        (Field::email("Email address", "email", given).show(wrong))
        (Field::email("Email address again", "again", "").show(wrong))
        (form::button("Change address"))
    };
    form::sealed(member, Task::Email.path(), &content)
}

pub(crate) async fn set_email(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
    Sent(fields): Sent,
) -> Result<Response> {
    if !is_due(&console, &member, Task::Email).await? {
        return onward(&console, &member.person.user.name).await;
    }
    let (email, again) = (fields.text("email"), fields.text("again"));
    let mut wrong = Wrong::default();
    if !mail::is_address(email) {
        wrong.add("email", "Invalid address!");
    } else if email != again {
        wrong.add("again", "Addresses do not match!");
    }
    if !wrong.is_empty() {
        let form = email_form(&console, &member, email, &wrong);
        return Ok(Frame::of(&console, "One more thing!").refuse(form));
    }
    let profile = Profile { email: email.to_owned(), ..member.person.profile.clone() };
    let deed = console.deed(member.name(), "change e-mail address", member.name());
    console.cloud.state().set_profile(member.person.user.account, profile, deed).await?;
    onward(&console, &member.person.user.name).await
}

pub(crate) async fn walrus(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
) -> Result<Response> {
    if !is_due(&console, &member, Task::Walrus).await? {
        return onward(&console, &member.person.user.name).await;
    }
    let guess = console.cloud.walrus_url().await?;
    let form = walrus_form(&console, &member, &guess, &Wrong::default());
    Ok(Frame::of(&console, "One last thing! Really!!!").show(form))
}

fn walrus_form(
    console: &Console,
    member: &guard::Member,
    given: &str,
    wrong: &Wrong,
) -> maud::Markup {
    let why = "The address at which users and nodes reach Walrus. It must begin with the name or \
               the address of this machine that others can reach. It is part of everybody's eucarc.";
    let content = html! {
        p { (console.words.text("admin-walrus-setup-text", why)) }
        (wrong.summary())
        (Field::text("Walrus URL", "url", given).show(wrong))
        (form::button("Confirm URL"))
    };
    form::sealed(member, Task::Walrus.path(), &content)
}

pub(crate) async fn set_walrus(
    State(console): State<Arc<Console>>,
    Newcomer(member): Newcomer,
    Sent(fields): Sent,
) -> Result<Response> {
    if !is_due(&console, &member, Task::Walrus).await? {
        return onward(&console, &member.person.user.name).await;
    }
    let url = fields.text("url");
    let deed = console.deed(member.name(), "set Walrus URL", url);
    if let Err(error) = console.cloud.set_walrus_url(url, deed).await {
        let cloud::Error::WalrusUrl(_) = &error else { return Err(error.into()) };
        let mut wrong = Wrong::default();
        wrong.add("url", error.to_string());
        let form = walrus_form(&console, &member, url, &wrong);
        return Ok(Frame::of(&console, "One last thing! Really!!!").refuse(form));
    }
    onward(&console, &member.person.user.name).await
}
