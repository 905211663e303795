//! The parts of forms, each with its label, and with what is wrong beside it.

use crate::guard::Member;
use maud::{Markup, html};

/// What is wrong with the fields of a form, by their names.
#[derive(Default)]
pub(crate) struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    /// Says what is wrong with a field.
    pub(crate) fn add(&mut self, field: &'static str, text: impl Into<String>) {
        self.0.push((field, text.into()));
    }

    /// Says it if something is.
    pub(crate) fn note(&mut self, field: &'static str, objection: Option<&str>) {
        if let Some(text) = objection {
            self.add(field, text);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    /// What a form begins with when it comes back.
    pub(crate) fn summary(&self) -> Markup {
        html! {
            @if !self.is_empty() {
                p.error role="alert" { "Please, fix the error(s) and resubmit:" }
            }
        }
    }
}

/// A field for one line.
pub(crate) struct Field<'a> {
    pub(crate) label: &'a str,
    pub(crate) name: &'static str,
    /// The kind of `<input>`.
    pub(crate) kind: &'static str,
    pub(crate) value: &'a str,
    /// What a browser may fill in.
    pub(crate) autocomplete: &'static str,
    pub(crate) required: bool,
    pub(crate) hint: &'a str,
}

impl<'a> Field<'a> {
    pub(crate) const fn text(label: &'a str, name: &'static str, value: &'a str) -> Self {
        let (kind, autocomplete) = ("text", "off");
        Self { label, name, kind, value, autocomplete, required: true, hint: "" }
    }

    pub(crate) const fn password(label: &'a str, name: &'static str) -> Self {
        Self { kind: "password", autocomplete: "new-password", ..Self::text(label, name, "") }
    }

    pub(crate) const fn email(label: &'a str, name: &'static str, value: &'a str) -> Self {
        Self { kind: "email", autocomplete: "email", ..Self::text(label, name, value) }
    }

    pub(crate) const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub(crate) const fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    pub(crate) fn show(&self, wrong: &Wrong) -> Markup {
        let error = wrong.of(self.name);
        let described = format!("{}-help", self.name);
        let has_help = error.is_some() || !self.hint.is_empty();
        html! {
            div.field {
                label for=(self.name) {
                    (self.label)
                    @if !self.required { span.optional { " (optional)" } }
                }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=(self.autocomplete) required[self.required] maxlength="1000"
                    aria-invalid=[error.map(|_| "true")]
                    aria-describedby=[has_help.then_some(&described)];
                @if has_help {
                    p id=(described) class=(if error.is_some() { "error" } else { "hint" }) {
                        (error.unwrap_or(self.hint))
                    }
                }
            }
        }
    }
}

/// A choice of one among some: what is sent, and what is shown.
pub(crate) struct Choice<'a> {
    pub(crate) label: &'a str,
    pub(crate) name: &'static str,
    pub(crate) options: &'a [(String, String)],
    pub(crate) chosen: &'a str,
}

impl Choice<'_> {
    pub(crate) fn show(&self, wrong: &Wrong) -> Markup {
        let error = wrong.of(self.name);
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                select id=(self.name) name=(self.name) {
                    @for (value, text) in self.options {
                        option value=(value) selected[value == self.chosen] { (text) }
                    }
                }
                @if let Some(error) = error { p.error { (error) } }
            }
        }
    }
}

/// A box to tick.
pub(crate) fn tick(label: &str, name: &str, ticked: bool) -> Markup {
    html! {
        div.tick {
            input id=(name) name=(name) type="checkbox" value="yes" checked[ticked];
            label for=(name) { (label) }
        }
    }
}

/// A form of a session.
pub(crate) fn sealed(member: &Member, action: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="token" value=(member.token);
            (content)
        }
    }
}

/// A form that anybody may send.
pub(crate) fn open(action: &str, content: &Markup) -> Markup {
    html! { form method="post" action=(action) { (content) } }
}

/// The button that sends a form.
pub(crate) fn button(label: &str) -> Markup {
    html! { button type="submit" { (label) } }
}
