//! The tab Configuration: where the cloud is, its default images, its clusters and VM types.

mod clusters;
mod vm_types;

pub(crate) use clusters::{add as add_cluster, ask as ask_cluster, remove as remove_cluster};
pub(crate) use vm_types::save as save_vm_types;

use crate::console::Console;
use crate::error::{Error, Result};
use crate::fields::{Fields, Sent};
use crate::form::{self, Field, Wrong};
use crate::guard::{Administrator, Member};
use crate::page::Frame;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::collections::HashMap;
use std::sync::Arc;
use types::{ImageId, ImageKind, VmType};

const TAB: &str = "/configuration";

fn frame<'a>(console: &'a Console, title: &'a str, member: &'a Member) -> Frame<'a> {
    Frame::of(console, title).member(member).tab(TAB)
}

fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "cloud" => "The cloud's configuration is saved.",
        "cluster" => "The cluster is saved. It is followed from now on.",
        "removed" => "The cluster is removed.",
        "vm-types" => "The VM types are saved. Instances keep what they were launched with.",
        _ => return None,
    })
}

/// What the page's forms show: what holds, or what was sent and could not be taken.
#[derive(Default)]
struct Given {
    wrong: Wrong,
    cloud: Option<CloudFields>,
    /// Name and endpoint of a cluster.
    cluster: (String, String),
    vm_types: Option<Vec<vm_types::Row>>,
}

/// What the cloud's own form has.
struct CloudFields {
    walrus_url: String,
    kernel: String,
    ramdisk: String,
}

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let said = asked.get("said").and_then(|word| said(word));
    let content = page(&console, &member, Given::default()).await?;
    Ok(frame(&console, "Configuration", &member).said(said).show(content))
}

async fn page(console: &Console, member: &Member, given: Given) -> Result<Markup> {
    let cloud = match given.cloud {
        Some(fields) => fields,
        None => present(console).await?,
    };
    let vm_types = match given.vm_types {
        Some(rows) => rows,
        None => console.cloud.state().vm_types().await?.iter().map(vm_types::Row::of).collect(),
    };
    let wrong = &given.wrong;
    Ok(html! {
        (wrong.summary())
        section {
            h2 { "Cloud configuration" }
            (cloud_form(member, &cloud, wrong))
        }
        section {
            h2 { "Clusters" }
            (clusters::section(console, member, &given.cluster, wrong).await?)
        }
        section {
            h2 { "VM Types" }
            (vm_types::section(member, &vm_types, wrong))
        }
    })
}

async fn present(console: &Console) -> Result<CloudFields> {
    let settings = console.cloud.state().settings().await?;
    let text = |image: Option<ImageId>| image.map(|id| id.to_string()).unwrap_or_default();
    Ok(CloudFields {
        walrus_url: console.cloud.walrus_url().await?,
        kernel: text(settings.default_kernel),
        ramdisk: text(settings.default_ramdisk),
    })
}

fn cloud_form(member: &Member, given: &CloudFields, wrong: &Wrong) -> Markup {
    let content = html! {
        (Field::text("Walrus URL", "walrus-url", &given.walrus_url)
            .hint("Everybody's eucarc has it, and EC2's address beside it.").show(wrong))
        (Field::text("Default kernel", "kernel", &given.kernel).optional()
            .hint("eki-XXXXXXXX, for images and launches that name none.").show(wrong))
        (Field::text("Default ramdisk", "ramdisk", &given.ramdisk).optional()
            .hint("eri-XXXXXXXX").show(wrong))
        (form::button("Save Configuration"))
    };
    form::sealed(member, "/configuration/cloud", &content)
}

pub(crate) async fn save_cloud(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Sent(fields): Sent,
) -> Result<Response> {
    let mut wrong = Wrong::default();
    store(&console, &member, &fields, &mut wrong).await?;
    if wrong.is_empty() {
        return Ok(Redirect::to("/configuration?said=cloud").into_response());
    }
    let text = |name| fields.text(name).to_owned();
    let cloud = CloudFields {
        walrus_url: text("walrus-url"),
        kernel: text("kernel"),
        ramdisk: text("ramdisk"),
    };
    refuse(&console, &member, Given { wrong, cloud: Some(cloud), ..Given::default() }).await
}

async fn refuse(console: &Console, member: &Member, given: Given) -> Result<Response> {
    let content = page(console, member, given).await?;
    Ok(frame(console, "Configuration", member).refuse(content))
}

/// Stores what has changed.
async fn store(
    console: &Console,
    member: &Member,
    fields: &Fields,
    wrong: &mut Wrong,
) -> Result<()> {
    let url = fields.text("walrus-url");
    if url != console.cloud.walrus_url().await? {
        let deed = console.deed(member.name(), "set Walrus URL", url);
        match console.cloud.set_walrus_url(url, deed).await {
            Err(error @ cloud::Error::WalrusUrl(_)) => wrong.add("walrus-url", error.to_string()),
            other => other?,
        }
    }
    let settings = console.cloud.state().settings().await?;
    let images = [
        ("kernel", ImageKind::Kernel, settings.default_kernel, "set default kernel"),
        ("ramdisk", ImageKind::Ramdisk, settings.default_ramdisk, "set default ramdisk"),
    ];
    for (field, kind, present, action) in images {
        let text = fields.text(field);
        let wanted: Option<ImageId> = match text {
            "" => None,
            _ => match text.parse() {
                Ok(id) => Some(id),
                Err(error) => {
                    wrong.add(field, types::MalformedId::to_string(&error));
                    continue;
                }
            },
        };
        if wanted == present {
            continue;
        }
        match console.cloud.state().set_default_image(kind, wanted).await {
            Ok(()) => console.cloud.state().note(console.deed(member.name(), action, text)).await?,
            Err(error @ (state::Error::ImageNotFound(_) | state::Error::ImageKindWrong { .. })) => {
                wrong.add(field, error.to_string())
            }
            Err(error) => return Err(Error::State(error)),
        }
    }
    Ok(())
}

/// How many VM types a form can have.
const MOST_VM_TYPES: usize = VmType::MOST;
