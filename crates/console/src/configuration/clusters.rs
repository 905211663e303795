//! The clusters: added, changed and removed while the cloud runs.

use super::{Given, TAB, frame, refuse};
use crate::console::Console;
use crate::error::{Error, Result};
use crate::fields::Sent;
use crate::form::{self, Field, Wrong};
use crate::guard::{Administrator, Member};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use protocol::admin::{ClusterStanding, ClusterStatus};
use std::sync::Arc;
use types::ClusterName;

pub(super) async fn section(
    console: &Console,
    member: &Member,
    (name, endpoint): &(String, String),
    wrong: &Wrong,
) -> Result<Markup> {
    let clusters = console.cloud.cluster_statuses().await?;
    let content = html! {
        (Field::text("Name", "cluster", name)
            .hint("That of a registered cluster moves it to another host.").show(wrong))
        (Field::text("Host and port", "endpoint", endpoint)
            .hint("HOST or HOST:PORT of its cluster controller; without a port 8774.").show(wrong))
        (form::button("Save cluster"))
    };
    Ok(html! {
        @if clusters.is_empty() { p { "There is no cluster yet." } } @else {
            table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Host and port" }
                    th scope="col" { "State" } th scope="col" { "Instances" }
                    th scope="col" { "Actions" } } }
                tbody { @for cluster in &clusters { (row(cluster)) } }
            }
        }
        h3 { "Add or move a cluster" }
        p { "Its machine gets its keys by " code { "euca_sync_key --cluster NAME" } "." }
        (form::sealed(member, "/configuration/clusters", &content))
    })
}

fn row(cluster: &ClusterStatus) -> Markup {
    let name = cluster.name.as_str();
    let state = match (cluster.standing, cluster.reachable) {
        (ClusterStanding::Left, _) => "leaving",
        (_, true) => "answers",
        (_, false) => "does not answer",
    };
    html! {
        tr {
            td { (name) }
            td.code { (cluster.endpoint) }
            td { (state) @for problem in &cluster.problems { br; span.error { (problem) } } }
            td { (cluster.instances) }
            td {
                @match cluster.standing {
                    ClusterStanding::Here => { "of this machine (eucalyptus.conf)" }
                    _ => { a href={ "/configuration/clusters/" (name) } { "Remove" } }
                }
            }
        }
    }
}

pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Sent(fields): Sent,
) -> Result<Response> {
    let (name, endpoint) = (fields.text("cluster").to_owned(), fields.text("endpoint").to_owned());
    let mut wrong = Wrong::default();
    match name.parse::<ClusterName>() {
        Err(error) => wrong.add("cluster", format!("This must be {}.", error.rule)),
        Ok(cluster) => match console.cloud.register_cluster_at(cluster, &endpoint).await {
            Ok(()) => {
                let object = format!("{name} at {endpoint}");
                let deed = console.deed(member.name(), "save cluster", &object);
                console.cloud.state().note(deed).await?;
                return Ok(Redirect::to("/configuration?said=cluster").into_response());
            }
            Err(error @ cloud::Error::Endpoint(_)) => wrong.add("endpoint", error.to_string()),
            Err(error) if is_refusal(&error) => wrong.add("cluster", error.to_string()),
            Err(error) => return Err(error.into()),
        },
    }
    let cluster = (name, endpoint);
    refuse(&console, &member, Given { wrong, cluster, ..Given::default() }).await
}

fn is_refusal(error: &cloud::Error) -> bool {
    matches!(
        error,
        cloud::Error::State(
            state::Error::ClusterIsHere(_)
                | state::Error::ClusterNotFound(_)
                | state::Error::EndpointTaken { .. }
                | state::Error::ClusterInUse { .. }
                | state::Error::ClusterAnswers(_)
                | state::Error::LimitReached { .. }
        )
    )
}

pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Path(name): Path<String>,
) -> Response {
    question(&console, &member, &name, None)
}

fn question(console: &Console, member: &Member, name: &str, problem: Option<&str>) -> Response {
    let content = html! {
        p { "The cloud starts nothing in " b { (name) } " any more, and forgets it. This is refused \
             while it has instances." }
        @if let Some(problem) = problem { p.error role="alert" { (problem) } }
        (form::tick("It is lost: it will never come back, and its instances are given up", "lost", false))
        (form::button("Remove"))
        a.button href=(TAB) { "Cancel" }
    };
    let form = form::sealed(member, &format!("/configuration/clusters/{name}"), &content);
    let frame = frame(console, "Remove this cluster?", member);
    if problem.is_none() { frame.show(form) } else { frame.refuse(form) }
}

pub(crate) async fn remove(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Path(name): Path<String>,
    Sent(fields): Sent,
) -> Result<Response> {
    let Ok(cluster) = name.parse::<ClusterName>() else {
        return Ok(Redirect::to(TAB).into_response());
    };
    let lost = fields.is_ticked("lost");
    match console.cloud.deregister_cluster(cluster, lost).await {
        Ok(()) => {
            let action = if lost { "remove lost cluster" } else { "remove cluster" };
            console.cloud.state().note(console.deed(member.name(), action, &name)).await?;
            Ok(Redirect::to("/configuration?said=removed").into_response())
        }
        Err(error) if is_refusal(&error) => {
            Ok(question(&console, &member, &name, Some(&error.to_string())))
        }
        Err(error) => Err(Error::Cloud(error)),
    }
}
