//! The tab Credentials: who one is, the certificate, the query keys.

use crate::console::Console;
use crate::error::Result;
use crate::fields::Sent;
use crate::first::change_password;
use crate::form::{self, Field, Wrong};
use crate::guard::Member;
use crate::page::{Frame, time};
use crate::person_form::{check_profile, profile, show_profile};
use crate::secrets;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, header};
use maud::{Markup, html};
use state::{Code, Purpose};
use std::collections::HashMap;
use std::sync::Arc;
use types::UserName;

const TAB: &str = "/credentials";
/// How long the address is good at which a program fetches the credentials.
const LINK_LASTS_MS: i64 = 3_600_000;

fn frame<'a>(console: &'a Console, title: &'a str, member: &'a Member) -> Frame<'a> {
    Frame::of(console, title).member(member).tab(TAB)
}

fn said(word: &str) -> Option<&'static str> {
    match word {
        "saved" => Some("Your account information is saved."),
        "password" => Some("Your password is changed."),
        "keys" => Some("You have new keys. Programs that use the old ones are refused."),
        _ => None,
    }
}

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    member: Member,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let certificates = console.cloud.state().certificates(Some(member.person.user.account)).await?;
    let content = html! {
        (identity(&member))
        section {
            h2 { "X.509 certificate" }
            p { (console.words.text("certificate-download-text", CERTIFICATE_TEXT)) }
            (form::sealed(&member, "/credentials/certificate", &form::button("Download Certificate")))
            details {
                summary { "For a machine without a browser" }
                p { "An address that gives the same file once, within an hour, without a login." }
                (form::sealed(&member, "/credentials/link", &form::button("Make an address")))
            }
            @if !certificates.is_empty() {
                table {
                    caption { "Certificates made for you" }
                    thead { tr { th scope="col" { "Made" } th scope="col" { "Fingerprint (SHA-1)" } } }
                    tbody {
                        @for certificate in &certificates {
                            tr { td { (time(certificate.created)) } td.code { (certificate.fingerprint) } }
                        }
                    }
                }
            }
        }
        (keys(&console, &member))
    };
    let said = asked.get("said").and_then(|word| said(word));
    Ok(frame(&console, "Credentials", &member).said(said).show(content))
}

const CERTIFICATE_TEXT: &str = "A zip file with a new certificate, its private key and eucarc, \
    which command-line tools need. Certificates that you had before stay valid.";
const KEYS_TEXT: &str = "The keys with which programs that speak the query interface (euca2ools, \
    the AWS CLI, SDKs) prove who they are. They are in eucarc, too.";

fn identity(member: &Member) -> Markup {
    let profile = &member.person.profile;
    html! {
        section {
            h2 { "Account" }
            dl {
                dt { "Login" } dd { (member.name()) }
                dt { "Name" } dd { (profile.full_name) }
                dt { "Email" } dd { (profile.email) }
                dt { "Account number" } dd.code { (member.person.user.account) }
            }
            p.actions {
                a.button href="/credentials/account" { "Edit Account Information" }
                a.button href="/credentials/password" { "Change Password" }
            }
        }
    }
}

fn keys(console: &Console, member: &Member) -> Markup {
    let user = &member.person.user;
    html! {
        section {
            h2 { "Query interface" }
            p { (console.words.text("rest-credentials-text", KEYS_TEXT)) }
            details {
                summary { "Show keys" }
                dl {
                    dt { "Query ID" } dd.code { (user.access_key) }
                    dt { "Secret key" } dd.code { (user.secret_key.expose()) }
                }
            }
            p.actions { a.button href="/credentials/keys" { "New keys" } }
        }
    }
}

pub(crate) async fn edit(State(console): State<Arc<Console>>, member: Member) -> Response {
    let form = edit_form(&console, &member, &member.person.profile, &Wrong::default());
    frame(&console, "Edit Account Information", &member).show(form)
}

fn edit_form(
    console: &Console,
    member: &Member,
    profile: &state::Profile,
    wrong: &Wrong,
) -> Markup {
    let content = html! {
        (wrong.summary())
        (show_profile(&console.words.asked(), profile, wrong))
        (form::button("Save"))
        a.button href=(TAB) { "Cancel" }
    };
    form::sealed(member, "/credentials/account", &content)
}

pub(crate) async fn save(
    State(console): State<Arc<Console>>,
    member: Member,
    Sent(fields): Sent,
) -> Result<Response> {
    let new = profile(&fields);
    let mut wrong = Wrong::default();
    check_profile(&new, &mut wrong);
    if !wrong.is_empty() {
        let form = edit_form(&console, &member, &new, &wrong);
        return Ok(frame(&console, "Edit Account Information", &member).refuse(form));
    }
    let deed = console.deed(member.name(), "edit account information", member.name());
    console.cloud.state().set_profile(member.person.user.account, new, deed).await?;
    Ok(Redirect::to("/credentials?said=saved").into_response())
}

pub(crate) async fn password(State(console): State<Arc<Console>>, member: Member) -> Response {
    let form = password_form(&member, &Wrong::default());
    frame(&console, "Change Password", &member).show(form)
}

fn password_form(member: &Member, wrong: &Wrong) -> Markup {
    let old = Field { autocomplete: "current-password", ..Field::password("Old password", "old") };
    let content = html! {
        p { "Your other sessions end with your old password." }
        (wrong.summary())
        (old.show(wrong))
        (Field::password("New password", "password").show(wrong))
        (Field::password("New password again", "again").show(wrong))
        (form::button("Change password"))
        a.button href=(TAB) { "Cancel" }
    };
    form::sealed(member, "/credentials/password", &content)
}

pub(crate) async fn set_password(
    State(console): State<Arc<Console>>,
    member: Member,
    Sent(fields): Sent,
) -> Result<Response> {
    let mut wrong = Wrong::default();
    change_password(&console, &member, &fields, &mut wrong).await?;
    if !wrong.is_empty() {
        let form = password_form(&member, &wrong);
        return Ok(frame(&console, "Change Password", &member).refuse(form));
    }
    Ok(Redirect::to("/credentials?said=password").into_response())
}

pub(crate) async fn certificate(
    State(console): State<Arc<Console>>,
    member: Member,
    _: Sent,
) -> Result<Response> {
    let deed = console.deed(member.name(), "download credentials", member.name());
    console.cloud.state().note(deed).await?;
    download(&console, member.person.user.name).await
}

async fn download(console: &Console, name: UserName) -> Result<Response> {
    // user names have an alphabet that needs no quoting
    let file = format!("attachment; filename=\"euca2-{name}-x509.zip\"");
    let zip = console.cloud.credentials(name).await?;
    let kind = "application/zip".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)], zip).into_response())
}

pub(crate) async fn link(
    State(console): State<Arc<Console>>,
    member: Member,
    _: Sent,
) -> Result<Response> {
    let code = secrets::code()?;
    let ends = console.now().plus_millis(LINK_LASTS_MS);
    let kept = Code { digest: secrets::digest(code.expose()), ends };
    let account = member.person.user.account;
    let deed = console.deed(member.name(), "make an address for credentials", member.name());
    console.cloud.state().add_code(account, Purpose::Credentials, kept, None, deed).await?;
    let (url, name) = (&console.settings.url, member.name());
    let address = format!("{url}/getX509?user={name}&keyValue={name}&code={}", code.expose());
    let content = html! {
        p { "This gives your credentials once, until " (time(ends)) ". Whoever has it has them." }
        pre.code { "curl -k -o euca2-" (name) "-x509.zip '" (address) "'" }
        p { a.button href=(TAB) { "Back" } }
    };
    Ok(frame(&console, "Address for your credentials", &member).show(content))
}

/// 1.4's address of the credentials (FACTS 2.1).
pub(crate) async fn get_x509(
    State(console): State<Arc<Console>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let text = |name: &str| asked.get(name).map_or("", String::as_str);
    let name = text("user").parse::<UserName>();
    let person = match &name {
        Ok(name) => console.person(name).await?.filter(|person| person.user.enabled),
        Err(_) => None,
    };
    if let Some(person) = person {
        let digest = secrets::digest(text("code"));
        let account = person.user.account;
        let state = console.cloud.state();
        if state.use_code(account, Purpose::Credentials, digest, console.now()).await? {
            return download(&console, person.user.name).await;
        }
    }
    let content = html! {
        p { "This address has been used already, or it is too old, or it is not whole. Sign in and \
             make another one on the tab Credentials." }
    };
    Ok(Frame::of(&console, "No credentials here").answer(StatusCode::FORBIDDEN, content))
}

pub(crate) async fn ask_keys(State(console): State<Arc<Console>>, member: Member) -> Response {
    let content = html! {
        p { "The keys that you have now are refused from then on, wherever they are used." }
        (form::button("Make new keys"))
        a.button href=(TAB) { "Cancel" }
    };
    let form = form::sealed(&member, "/credentials/keys", &content);
    frame(&console, "New keys?", &member).show(form)
}

pub(crate) async fn new_keys(
    State(console): State<Arc<Console>>,
    member: Member,
    _: Sent,
) -> Result<Response> {
    let deed = console.deed(member.name(), "make new keys", member.name());
    console.cloud.state().note(deed).await?;
    console.cloud.new_access_key(member.person.user.name).await?;
    Ok(Redirect::to("/credentials?said=keys").into_response())
}
