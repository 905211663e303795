//! One instance: what is known of it, its console, and what can be done with it.

use super::{Seen, TAB, frame, state_of};
use crate::console::Console;
use crate::error::Result;
use crate::fields::Sent;
use crate::form;
use crate::guard::Member;
use crate::page::time;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use maud::{Markup, html};
use state::{Instance, Reservation};
use std::sync::Arc;
use types::{InstanceId, InstanceState};

/// What can be done with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Reboot,
    Stop,
    Start,
    Terminate,
}

impl Step {
    const ALL: [Self; 4] = [Self::Reboot, Self::Stop, Self::Start, Self::Terminate];

    /// The steps that make sense in a state.
    fn of(state: InstanceState) -> &'static [Self] {
        match state {
            InstanceState::Running => &[Self::Reboot, Self::Stop, Self::Terminate],
            InstanceState::Stopped => &[Self::Start, Self::Terminate],
            InstanceState::Pending | InstanceState::Stopping => &[Self::Terminate],
            InstanceState::ShuttingDown | InstanceState::Terminated => &[],
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Terminate => "terminate",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Reboot => "Reboot",
            Self::Stop => "Stop",
            Self::Start => "Start",
            Self::Terminate => "Terminate",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Reboot => "RebootInstances",
            Self::Stop => "StopInstances",
            Self::Start => "StartInstances",
            Self::Terminate => "TerminateInstances",
        }
    }

    const fn question(self) -> &'static str {
        match self {
            Self::Reboot => "Its guest is asked to reboot, and reset when it does not.",
            Self::Stop => "Its guest shuts down. It keeps its disk and its addresses.",
            Self::Start => "It starts again from its disk.",
            Self::Terminate => "Its disk is deleted with everything on it.",
        }
    }
}

/// The one instance of a path, if the member sees it.
async fn named(console: &Console, member: &Member, id: &str) -> Result<Option<Seen>> {
    let Ok(id) = id.parse::<InstanceId>() else { return Ok(None) };
    let seen = Seen::of(console, member, vec![id]).await?;
    let is_there = seen.all().next().is_some();
    Ok(is_there.then_some(seen))
}

fn nobody(console: &Console, member: &Member) -> Response {
    let content = html! { p { "There is no such instance. " a href=(TAB) { "All instances" } } };
    frame(console, "No such instance", member).answer(StatusCode::NOT_FOUND, content)
}

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    member: Member,
    Path(id): Path<String>,
) -> Result<Response> {
    let seen = named(&console, &member, &id).await?;
    let Some((reservation, instance)) = seen.as_ref().and_then(|seen| seen.all().next()) else {
        return Ok(nobody(&console, &member));
    };
    let public = seen.as_ref().and_then(|seen| seen.public.get(&instance.id));
    let steps = html! {
        p.actions {
            @for step in Step::of(instance.state) {
                a.button href={ "/instances/" (id) "/" (step.word()) } { (step.label()) }
            }
            a.button href={ "/instances/" (id) "/console" } { "Console output" }
            a.button href=(TAB) { "All instances" }
        }
    };
    let content = html! {
        (steps)
        (facts(reservation, instance, public.map(ToString::to_string)))
    };
    Ok(frame(&console, &id, &member).show(content))
}

fn facts(reservation: &Reservation, instance: &Instance, public: Option<String>) -> Markup {
    let groups: Vec<_> = reservation.groups.iter().map(|(_, name)| name.as_str()).collect();
    let text = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    html! {
        dl hx-get={ "/instances/" (instance.id) } hx-select="dl" hx-trigger="every 3s" hx-swap="outerHTML" {
            dt { "State" } dd { (state_of(instance)) }
            dt { "Image" } dd.code { (instance.image) }
            dt { "Kernel" } dd.code { (text(instance.kernel.map(|id| id.to_string()))) }
            dt { "Ramdisk" } dd.code { (text(instance.ramdisk.map(|id| id.to_string()))) }
            dt { "Type" } dd {
                (instance.vm_type) ": " (instance.figures.cores) " CPUs, "
                (instance.figures.memory_mb) " MB, " (instance.figures.disk_gb) " GB"
            }
            dt { "Zone" } dd { (instance.cluster) }
            dt { "Public address" } dd.code { (text(public)) }
            dt { "Private address" } dd.code { (instance.ip) }
            dt { "Key pair" } dd { (text(instance.key_name.as_ref().map(ToString::to_string))) }
            dt { "Security groups" } dd { (groups.join(", ")) }
            dt { "Metadata" } dd {
                @if instance.metadata.enabled {
                    (if instance.metadata.tokens_required { "with session tokens alone (IMDSv2)" } else { "with or without session tokens" })
                } @else { "off" }
            }
            dt { "Reservation" } dd.code { (reservation.id) }
            dt { "Owner" } dd { (reservation.user) }
            dt { "Launched" } dd { (time(instance.launch_time)) }
        }
    }
}

pub(crate) async fn console_output(
    State(console): State<Arc<Console>>,
    member: Member,
    Path(id): Path<String>,
) -> Result<Response> {
    let seen = named(&console, &member, &id).await?;
    let Some((_, instance)) = seen.as_ref().and_then(|seen| seen.all().next()) else {
        return Ok(nobody(&console, &member));
    };
    let content = match console.cloud.console_output(instance).await {
        Ok(output) => {
            let bytes = STANDARD.decode(&output.output_base64).unwrap_or_default();
            html! {
                p.hint { "The last 64 KiB, written to last at " (time(output.at)) "." }
                pre.console { (String::from_utf8_lossy(&bytes)) }
            }
        }
        Err(error) => html! { p.error role="alert" { "There is no console output now: " (error) } },
    };
    let title = format!("Console output of {id}");
    let back = html! {
        (content)
        p.actions {
            a.button href={ "/instances/" (id) "/console" } { "Again" }
            a.button href={ "/instances/" (id) } { "Back" }
        }
    };
    Ok(frame(&console, &title, &member).show(back))
}

pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    member: Member,
    Path((id, word)): Path<(String, String)>,
) -> Result<Response> {
    let step = Step::ALL.into_iter().find(|step| step.word() == word);
    Ok(match (named(&console, &member, &id).await?, step) {
        (Some(_), Some(step)) => question(&console, &member, &id, step, None),
        _ => nobody(&console, &member),
    })
}

fn question(
    console: &Console,
    member: &Member,
    id: &str,
    step: Step,
    problem: Option<&str>,
) -> Response {
    let content = html! {
        p { (step.question()) }
        @if let Some(problem) = problem { p.error role="alert" { (problem) } }
        (form::button(step.label()))
        a.button href={ "/instances/" (id) } { "Cancel" }
    };
    let title = format!("{} {id}?", step.label());
    let form = form::sealed(member, &format!("/instances/{id}/{}", step.word()), &content);
    let frame = frame(console, &title, member);
    if problem.is_none() { frame.show(form) } else { frame.refuse(form) }
}

pub(crate) async fn take_step(
    State(console): State<Arc<Console>>,
    member: Member,
    Path((id, word)): Path<(String, String)>,
    _: Sent,
) -> Result<Response> {
    let step = Step::ALL.into_iter().find(|step| step.word() == word);
    let (Some(_), Some(step)) = (named(&console, &member, &id).await?, step) else {
        return Ok(nobody(&console, &member));
    };
    match console.act(&member, step.action(), &id, &[("InstanceId.1", &id)]).await? {
        Ok(_) => Ok(Redirect::to(&format!("/instances?said={word}")).into_response()),
        Err(refused) => Ok(question(&console, &member, &id, step, Some(&refused.message))),
    }
}
