//! The tab Instances: what runs, live, and each instance with its console.

mod launch;
mod one;

pub(crate) use launch::{launch, show as new};
pub(crate) use one::{ask, console_output, show as view, take_step};

use crate::console::Console;
use crate::error::Result;
use crate::guard::Member;
use crate::page::{Frame, time};
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use state::{Instance, InstanceFilter, Reservation};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use types::{AccountId, InstanceId, InstanceState};

const TAB: &str = "/instances";
/// How many a page shows.
const PAGE: usize = 50;

fn frame<'a>(console: &'a Console, title: &'a str, member: &'a Member) -> Frame<'a> {
    Frame::of(console, title).member(member).tab(TAB)
}

/// Whose instances somebody sees: administrators clean up after all users.
fn scope(member: &Member) -> Option<AccountId> {
    (!member.person.user.admin).then_some(member.person.user.account)
}

/// Instances with what is shown beside their records.
struct Seen {
    reservations: Vec<Reservation>,
    public: HashMap<InstanceId, Ipv4Addr>,
}

impl Seen {
    async fn of(console: &Console, member: &Member, ids: Vec<InstanceId>) -> Result<Self> {
        let (state, account) = (console.cloud.state(), scope(member));
        let filter = InstanceFilter { account, ids, states: Vec::new() };
        let mut reservations = state.describe_instances(&filter, console.now()).await?;
        reservations.reverse();
        let addresses = state.leading_addresses(account).await?;
        let leads = |it: state::Address| Some((it.association.as_ref()?.instance, it.ip));
        Ok(Self { reservations, public: addresses.into_iter().filter_map(leads).collect() })
    }

    fn all(&self) -> impl Iterator<Item = (&Reservation, &Instance)> {
        self.reservations.iter().flat_map(|it| it.instances.iter().map(move |one| (it, one)))
    }
}

fn page_of(asked: &HashMap<String, String>) -> usize {
    asked.get("page").and_then(|text| text.parse().ok()).filter(|page| *page > 0).unwrap_or(1)
}

fn said(word: &str) -> Option<&'static str> {
    Some(match word {
        "launched" => "The launch is accepted.",
        "reboot" => "The instance is told to reboot.",
        "stop" => "The instance is told to stop.",
        "start" => "The instance starts again.",
        "terminate" => "The instance is being terminated.",
        _ => return None,
    })
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    member: Member,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let (seen, page) = (Seen::of(&console, &member, Vec::new()).await?, page_of(&asked));
    let count = seen.all().count();
    let said = asked.get("said").and_then(|word| said(word));
    let content = html! {
        p.actions { a.button href="/instances/new" { "Launch instances" } }
        @if count == 0 { p { "Nothing runs." } } @else {
            table {
                thead { tr { th scope="col" { "Id" } th scope="col" { "State" }
                    th scope="col" { "Type" } th scope="col" { "Zone" }
                    th scope="col" { "Public address" } th scope="col" { "Private address" }
                    th scope="col" { "Owner" } th scope="col" { "Launched" } } }
                (rows(&seen, page))
            }
            (pages(count, page))
        }
    };
    Ok(frame(&console, "Instances", &member).said(said).show(content))
}

/// The rows alone, which the browser fetches again and again.
pub(crate) async fn live(
    State(console): State<Arc<Console>>,
    member: Member,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let seen = Seen::of(&console, &member, Vec::new()).await?;
    Ok(Html(rows(&seen, page_of(&asked)).into_string()).into_response())
}

fn rows(seen: &Seen, page: usize) -> Markup {
    let shown = seen.all().skip((page - 1) * PAGE).take(PAGE);
    html! {
        tbody hx-get={ "/instances/rows?page=" (page) } hx-trigger="every 3s" hx-swap="outerHTML" {
            @for (reservation, instance) in shown { (row(seen, reservation, instance)) }
        }
    }
}

fn row(seen: &Seen, reservation: &Reservation, instance: &Instance) -> Markup {
    html! {
        tr {
            td.code { a href={ "/instances/" (instance.id) } { (instance.id) } }
            td { (state_of(instance)) }
            td { (instance.vm_type) }
            td { (instance.cluster) }
            td.code { (seen.public.get(&instance.id).map(ToString::to_string).unwrap_or_default()) }
            td.code { (instance.ip) }
            td { (reservation.user) }
            td { (time(instance.launch_time)) }
        }
    }
}

/// The state, with what is to be known of it.
fn state_of(instance: &Instance) -> Markup {
    let class = match instance.state {
        InstanceState::Running => "good",
        InstanceState::Terminated | InstanceState::Stopped => "over",
        _ => "changing",
    };
    html! {
        span class={ "state " (class) } { (instance.state.as_str()) }
        @if instance.impaired { " " span.error { "its node is silent" } }
        @if let Some(reason) = &instance.reason { br; span.hint { (reason) } }
    }
}

fn pages(count: usize, page: usize) -> Markup {
    let last = count.div_ceil(PAGE);
    html! {
        @if last > 1 {
            nav.pages aria-label="Pages" {
                @if page > 1 { a href={ "/instances?page=" (page - 1) } { "Newer" } }
                span { "Page " (page) " of " (last) ", " (count) " instances" }
                @if page < last { a href={ "/instances?page=" (page + 1) } { "Older" } }
            }
        }
    }
}
