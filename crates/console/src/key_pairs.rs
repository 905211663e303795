//! The tab Key pairs.

use crate::console::Console;
use crate::error::Result;
use crate::fields::Sent;
use crate::form::{self, Field, Wrong};
use crate::guard::Member;
use crate::page::{Frame, time};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use maud::{Markup, html};
use std::collections::HashMap;
use std::sync::Arc;

const TAB: &str = "/key-pairs";

fn frame<'a>(console: &'a Console, title: &'a str, member: &'a Member) -> Frame<'a> {
    Frame::of(console, title).member(member).tab(TAB)
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    member: Member,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let said = asked.get("said").and_then(|word| match word.as_str() {
        "imported" => Some("The key pair is imported."),
        "deleted" => Some("The key pair is deleted. Instances that have it keep it."),
        _ => None,
    });
    let content = page(&console, &member, "", &Wrong::default()).await?;
    Ok(frame(&console, "Key pairs", &member).said(said).show(content))
}

async fn page(console: &Console, member: &Member, name: &str, wrong: &Wrong) -> Result<Markup> {
    let pairs = console.cloud.state().key_pairs(member.person.user.account).await?;
    let new = html! {
        (Field::text("Name", "new-name", name).show(wrong))
        (form::button("Make key pair"))
    };
    let import = html! {
        (Field::text("Name", "name", name).show(wrong))
        (Field::text("Public key", "public-key", "").hint("One line, as in ~/.ssh/id_ed25519.pub.").show(wrong))
        (form::button("Import key pair"))
    };
    Ok(html! {
        @if pairs.is_empty() { p { "You have no key pair yet; without one nobody can log in to most \
                                    images." } } @else {
            table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Kind" }
                    th scope="col" { "Fingerprint" } th scope="col" { "Made" }
                    th scope="col" { "Actions" } } }
                tbody { @for pair in &pairs { tr {
                    td { (pair.name) } td { (pair.kind.as_str()) }
                    td.code { (pair.fingerprint) } td { (time(pair.created)) }
                    td { a href={ "/key-pairs/" (pair.id) "/delete" } { "Delete" } }
                } } }
            }
        }
        section {
            h2 { "New key pair" }
            p { "The private key is downloaded once and not kept here." }
            (form::sealed(member, TAB, &new))
        }
        section {
            h2 { "Import a public key" }
            (form::sealed(member, "/key-pairs/import", &import))
        }
    })
}

pub(crate) async fn create(
    State(console): State<Arc<Console>>,
    member: Member,
    Sent(fields): Sent,
) -> Result<Response> {
    let name = fields.text("new-name");
    match console.act(&member, "CreateKeyPair", name, &[("KeyName", name)]).await? {
        Ok(answer) => Ok(download(&answer)),
        Err(refused) => refuse(&console, &member, name, "new-name", refused.message).await,
    }
}

/// The private key in the answer of CreateKeyPair, as a file.
fn download(answer: &str) -> Response {
    let between = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    // PEM and ids have nothing that XML escapes
    let material = between("keyMaterial").unwrap_or_default().to_owned();
    let id = between("keyPairId").unwrap_or("key").to_owned();
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.private\"")),
    ];
    (headers, material).into_response()
}

async fn refuse(
    console: &Console,
    member: &Member,
    name: &str,
    field: &'static str,
    why: String,
) -> Result<Response> {
    let mut wrong = Wrong::default();
    wrong.add(field, why);
    let content = page(console, member, name, &wrong).await?;
    Ok(frame(console, "Key pairs", member).refuse(content))
}

pub(crate) async fn import(
    State(console): State<Arc<Console>>,
    member: Member,
    Sent(fields): Sent,
) -> Result<Response> {
    let (name, key) = (fields.text("name"), STANDARD.encode(fields.text("public-key")));
    let parameters = [("KeyName", name), ("PublicKeyMaterial", key.as_str())];
    match console.act(&member, "ImportKeyPair", name, &parameters).await? {
        Ok(_) => Ok(Redirect::to("/key-pairs?said=imported").into_response()),
        Err(refused) => refuse(&console, &member, name, "name", refused.message).await,
    }
}

pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    member: Member,
    Path(id): Path<String>,
) -> Response {
    let content = html! {
        p { "Instances that have it keep it. New ones cannot have it any more." }
        (form::button("Delete"))
        a.button href=(TAB) { "Cancel" }
    };
    let form = form::sealed(&member, &format!("/key-pairs/{id}/delete"), &content);
    frame(&console, "Delete this key pair?", &member).show(form)
}

pub(crate) async fn delete(
    State(console): State<Arc<Console>>,
    member: Member,
    Path(id): Path<String>,
    _: Sent,
) -> Result<Response> {
    match console.act(&member, "DeleteKeyPair", &id, &[("KeyPairId", &id)]).await? {
        Ok(_) => Ok(Redirect::to("/key-pairs?said=deleted").into_response()),
        Err(refused) => refuse(&console, &member, "", "name", refused.message).await,
    }
}
