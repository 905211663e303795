//! The tab Log: who did what. Users see what they did themselves, administrators everything.

use crate::console::Console;
use crate::error::Result;
use crate::guard::Member;
use crate::page::{Frame, time};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::html;
use std::collections::HashMap;
use std::sync::Arc;
use types::Timestamp;

/// How many entries a page shows.
const PAGE: u32 = 100;

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    member: Member,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let before = asked.get("before").and_then(|text| text.parse().ok());
    let before = before.map_or_else(|| console.now().plus_millis(1), Timestamp::from_millis);
    let actor = if member.person.user.admin { None } else { Some(member.name()) };
    let entries = console.cloud.state().deeds(actor, before, PAGE).await?;
    let last = entries.last().filter(|_| entries.len() == PAGE as usize);
    let content = html! {
        @if entries.is_empty() { p { "Nothing was done." } } @else {
            table {
                thead { tr { th scope="col" { "When" } th scope="col" { "Who" }
                    th scope="col" { "What" } th scope="col" { "To what" } } }
                tbody {
                    @for entry in &entries { tr {
                        td { (time(entry.at)) } td { (entry.actor) }
                        td { (entry.action) } td { (entry.object) }
                    } }
                }
            }
        }
        @if let Some(last) = last {
            p { a href={ "/log?before=" (last.at.millis()) } { "Earlier" } }
        }
    };
    Ok(Frame::of(&console, "Log").member(&member).tab("/log").show(content))
}
