//! The VM types: all of them are saved at once, or none.

use super::{Given, MOST_VM_TYPES, refuse};
use crate::console::Console;
use crate::error::{Error, Result};
use crate::fields::{Fields, Sent};
use crate::form::{self, Wrong};
use crate::guard::{Administrator, Member};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::sync::Arc;
use types::{Figures, VmType};

/// The field that what is wrong with them is said at.
const FIELD: &str = "vm-types";

/// A row of the form, as it was filled in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Row {
    name: String,
    cores: String,
    memory: String,
    disk: String,
}

impl Row {
    pub(super) fn of(vm_type: &VmType) -> Self {
        let Figures { cores, memory_mb, disk_gb } = vm_type.figures;
        Self {
            name: vm_type.name.clone(),
            cores: cores.to_string(),
            memory: memory_mb.to_string(),
            disk: disk_gb.to_string(),
        }
    }

    fn vm_type(&self) -> std::result::Result<VmType, String> {
        let wrong = |what: &str| {
            let name = self.name.chars().take(64).collect::<String>();
            format!("The {what} of \"{name}\" must be a whole number.")
        };
        let figures = Figures {
            cores: self.cores.parse().map_err(|_| wrong("CPUs"))?,
            memory_mb: self.memory.parse().map_err(|_| wrong("memory"))?,
            disk_gb: self.disk.parse().map_err(|_| wrong("disk"))?,
        };
        Ok(VmType { name: self.name.clone(), figures })
    }
}

pub(super) fn section(member: &Member, rows: &[Row], wrong: &Wrong) -> Markup {
    let new = Row::default();
    let all = rows.iter().chain((rows.len() < MOST_VM_TYPES).then_some(&new));
    let content = html! {
        @if let Some(why) = wrong.of(FIELD) { p.error role="alert" { (why) } }
        table.form {
            thead { tr { th scope="col" { "Name" } th scope="col" { "CPUs" }
                th scope="col" { "Memory (MB)" } th scope="col" { "Disk (GB)" } } }
            tbody { @for (number, row) in all.enumerate() { (cells(number, row)) } }
        }
        p.hint { "A type whose name is taken away is removed; the last line is for a new one." }
        (form::button("Save VmTypes"))
    };
    form::sealed(member, "/configuration/vm-types", &content)
}

fn cells(number: usize, row: &Row) -> Markup {
    let columns = [
        ("name", "Name", &row.name, "text"),
        ("cores", "CPUs", &row.cores, "numeric"),
        ("memory", "Memory in MB", &row.memory, "numeric"),
        ("disk", "Disk in GB", &row.disk, "numeric"),
    ];
    html! {
        tr {
            @for (field, label, value, mode) in columns {
                td {
                    input name={ (field) "-" (number) } value=(value) inputmode=(mode)
                        autocomplete="off" maxlength="64"
                        aria-label={ (label) " of type " (number + 1) };
                }
            }
        }
    }
}

/// The rows that have a name.
fn sent(fields: &Fields) -> Vec<Row> {
    let row = |number: usize| {
        let text = |field: &str| fields.text(&format!("{field}-{number}")).to_owned();
        Row { name: text("name"), cores: text("cores"), memory: text("memory"), disk: text("disk") }
    };
    (0..=MOST_VM_TYPES).map(row).filter(|row| !row.name.is_empty()).collect()
}

pub(crate) async fn save(
    State(console): State<Arc<Console>>,
    Administrator(member): Administrator,
    Sent(fields): Sent,
) -> Result<Response> {
    let rows = sent(&fields);
    let why = match rows.iter().map(Row::vm_type).collect::<std::result::Result<Vec<_>, _>>() {
        Err(why) => why,
        Ok(types) => {
            let names: Vec<_> = types.iter().map(|it| it.name.as_str()).collect();
            let deed = console.deed(member.name(), "save VM types", &names.join(" "));
            match console.cloud.state().set_vm_types(types).await {
                Ok(()) => {
                    console.cloud.state().note(deed).await?;
                    return Ok(Redirect::to("/configuration?said=vm-types").into_response());
                }
                Err(error) if is_refusal(&error) => error.to_string(),
                Err(error) => return Err(Error::State(error)),
            }
        }
    };
    let mut wrong = Wrong::default();
    wrong.add(FIELD, why);
    refuse(&console, &member, Given { wrong, vm_types: Some(rows), ..Given::default() }).await
}

fn is_refusal(error: &state::Error) -> bool {
    matches!(
        error,
        state::Error::VmTypeInvalid(_)
            | state::Error::VmTypeTwice(_)
            | state::Error::NoVmTypes
            | state::Error::LimitReached { .. }
    )
}
