//! The form that launches instances.

use super::frame;
use crate::console::Console;
use crate::error::Result;
use crate::fields::{Fields, Sent};
use crate::form::{self, Choice, Field, Wrong};
use crate::guard::Member;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use state::SecurityGroup;
use std::collections::HashMap;
use std::sync::Arc;
use types::{ImageKind, VmType};

const TITLE: &str = "Launch instances";

/// What there is to choose from: what is sent, and what is shown.
struct Choices {
    images: Vec<(String, String)>,
    vm_types: Vec<(String, String)>,
    zones: Vec<(String, String)>,
    keys: Vec<(String, String)>,
    groups: Vec<SecurityGroup>,
}

impl Choices {
    async fn of(console: &Console, member: &Member) -> Result<Self> {
        let (state, user) = (console.cloud.state(), &member.person.user);
        let images = state.images_for(user).await?.into_iter();
        let images = images.filter(|image| image.id.kind() == ImageKind::Machine).map(|image| {
            let name = image.name.unwrap_or(image.location);
            (image.id.to_string(), format!("{} – {name}", image.id))
        });
        let vm_types = state.vm_types().await?.into_iter().map(|it| {
            let types::Figures { cores, memory_mb, disk_gb } = it.figures;
            let text = format!("{}: {cores} CPUs, {memory_mb} MB, {disk_gb} GB", it.name);
            (it.name, text)
        });
        let any = |text: &str| vec![(String::new(), text.to_owned())];
        let mut zones = any("the one with most room");
        zones.extend(state.clusters().await?.into_iter().map(|cluster| {
            let name = cluster.config.name.to_string();
            (name.clone(), name)
        }));
        let mut keys = any("none");
        keys.extend(state.key_pairs(user.account).await?.into_iter().map(|pair| {
            let name = pair.name.to_string();
            (name.clone(), name)
        }));
        let groups = state.security_groups(user.account, console.now()).await?;
        Ok(Self { images: images.collect(), vm_types: vm_types.collect(), zones, keys, groups })
    }
}

/// What was filled in.
struct Given {
    image: String,
    count: String,
    vm_type: String,
    zone: String,
    key: String,
    groups: Vec<String>,
    user_data: String,
}

impl Given {
    fn fresh(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            count: "1".to_owned(),
            vm_type: VmType::DEFAULT.to_owned(),
            zone: String::new(),
            key: String::new(),
            groups: vec!["default".to_owned()],
            user_data: String::new(),
        }
    }

    fn of(fields: &Fields) -> Self {
        let text = |name| fields.text(name).to_owned();
        Self {
            image: text("image"),
            count: text("count"),
            vm_type: text("type"),
            zone: text("zone"),
            key: text("key"),
            groups: fields.all("group").map(str::to_owned).collect(),
            // browsers send lines with CR LF, and a script wants LF
            user_data: fields.exact("user-data").replace("\r\n", "\n"),
        }
    }

    /// As RunInstances wants it.
    fn parameters(&self) -> Vec<(String, String)> {
        let mut all = vec![
            ("ImageId".to_owned(), self.image.clone()),
            ("MinCount".to_owned(), self.count.clone()),
            ("MaxCount".to_owned(), self.count.clone()),
            ("InstanceType".to_owned(), self.vm_type.clone()),
        ];
        let optional = [("KeyName", &self.key), ("Placement.AvailabilityZone", &self.zone)];
        let optional = optional.into_iter().filter(|(_, text)| !text.is_empty());
        all.extend(optional.map(|(name, text)| (name.to_owned(), text.clone())));
        let groups = (1..).zip(&self.groups);
        all.extend(groups.map(|(n, group)| (format!("SecurityGroup.{n}"), group.clone())));
        if !self.user_data.is_empty() {
            all.push(("UserData".to_owned(), STANDARD.encode(&self.user_data)));
        }
        all
    }
}

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    member: Member,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response> {
    let choices = Choices::of(&console, &member).await?;
    let given = Given::fresh(asked.get("image").map_or("", String::as_str));
    let form = launch_form(&member, &choices, &given, None);
    Ok(frame(&console, TITLE, &member).show(form))
}

fn launch_form(member: &Member, choices: &Choices, given: &Given, problem: Option<&str>) -> Markup {
    let fine = Wrong::default();
    let choice = |label, name, options, chosen| Choice { label, name, options, chosen }.show(&fine);
    let content = html! {
        @if let Some(problem) = problem { p.error role="alert" { (problem) } }
        @if choices.images.is_empty() { p { "There is no image that you may launch." } }
        (choice("Image", "image", &choices.images, &given.image))
        (Field { kind: "number", ..Field::text("How many", "count", &given.count) }.show(&fine))
        (choice("Type", "type", &choices.vm_types, &given.vm_type))
        (choice("Zone", "zone", &choices.zones, &given.zone))
        (choice("Key pair", "key", &choices.keys, &given.key))
        fieldset {
            legend { "Security groups" }
            @for group in &choices.groups { (tick(group.name.as_str(), &given.groups)) }
        }
        div.field {
            label for="user-data" { "User data" span.optional { " (optional)" } }
            textarea id="user-data" name="user-data" rows="6" spellcheck="false" { (given.user_data) }
            p.hint { "At most 16 KB; a script is run by images that look for one." }
        }
        (form::button("Launch"))
        a.button href="/instances" { "Cancel" }
    };
    form::sealed(member, "/instances/new", &content)
}

fn tick(group: &str, chosen: &[String]) -> Markup {
    let is_chosen = chosen.iter().any(|name| name == group);
    html! {
        div.tick { label { input type="checkbox" name="group" value=(group) checked[is_chosen]; " " (group) } }
    }
}

pub(crate) async fn launch(
    State(console): State<Arc<Console>>,
    member: Member,
    Sent(fields): Sent,
) -> Result<Response> {
    let given = Given::of(&fields);
    let parameters = given.parameters();
    let parameters: Vec<_> =
        parameters.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    match console.act(&member, "RunInstances", &given.image, &parameters).await? {
        Ok(_) => Ok(Redirect::to("/instances?said=launched").into_response()),
        Err(refused) => {
            let choices = Choices::of(&console, &member).await?;
            let form = launch_form(&member, &choices, &given, Some(&refused.message));
            Ok(frame(&console, TITLE, &member).refuse(form))
        }
    }
}
