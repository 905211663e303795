//! The tab Images: what there is to be launched.

use crate::console::Console;
use crate::error::Result;
use crate::guard::Member;
use crate::page::{Frame, time};
use axum::extract::State;
use axum::response::Response;
use maud::html;
use state::Image;
use std::sync::Arc;
use types::{ImageId, ImageKind};

pub(crate) async fn show(State(console): State<Arc<Console>>, member: Member) -> Result<Response> {
    let images = console.cloud.state().images_for(&member.person.user).await?;
    let content = html! {
        @if images.is_empty() {
            p { "There is no image that you may launch. The User's Guide says how one is bundled, \
                 uploaded and registered." }
        } @else {
            table {
                thead { tr { th scope="col" { "Id" } th scope="col" { "Name" }
                    th scope="col" { "Kernel" } th scope="col" { "Ramdisk" }
                    th scope="col" { "Registered" } th scope="col" { "Actions" } } }
                tbody { @for image in &images { (row(image, &member)) } }
            }
        }
    };
    Ok(Frame::of(&console, "Images").member(&member).tab("/images").show(content))
}

fn row(image: &Image, member: &Member) -> maud::Markup {
    let shown = |id: Option<ImageId>| id.map(|id| id.to_string()).unwrap_or_default();
    let is_own = image.account == member.person.user.account;
    html! {
        tr {
            td.code { (image.id) }
            td {
                @if let Some(name) = &image.name { (name) br; }
                span.hint { (image.location) @if image.public { ", for everybody" } @if is_own { ", yours" } }
            }
            td.code { (shown(image.kernel)) }
            td.code { (shown(image.ramdisk)) }
            td { (time(image.registered_at)) }
            td {
                @if image.id.kind() == ImageKind::Machine {
                    a href={ "/instances/new?image=" (image.id) } { "Launch" }
                }
            }
        }
    }
}
