//! What all pages have in common.

use crate::console::Console;
use crate::form;
use crate::guard::Member;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

/// The tabs: their names, where they are, and whether they are for administrators only.
const TABS: [(&str, &str, bool); 8] = [
    ("Instances", "/instances", false),
    ("Images", "/images", false),
    ("Key pairs", "/key-pairs", false),
    ("Credentials", "/credentials", false),
    ("Users", "/users", true),
    ("Configuration", "/configuration", true),
    ("Log", "/log", false),
    ("Extras", "/extras", false),
];

/// What the script that keeps pages fresh may do: nothing that the content security policy forbids.
const HTMX: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true}"#;

/// A page's surroundings.
pub(crate) struct Frame<'a> {
    cloud: &'a str,
    title: &'a str,
    member: Option<&'a Member>,
    tab: &'a str,
    said: Option<&'static str>,
}

impl<'a> Frame<'a> {
    pub(crate) fn of(console: &'a Console, title: &'a str) -> Self {
        Self { cloud: console.words.cloud_name(), title, member: None, tab: "", said: None }
    }

    /// With the tabs of who is logged in.
    pub(crate) const fn member(self, member: &'a Member) -> Self {
        Self { member: Some(member), ..self }
    }

    /// On this tab.
    pub(crate) const fn tab(self, path: &'a str) -> Self {
        Self { tab: path, ..self }
    }

    /// With a word on what was just done.
    pub(crate) const fn said(self, said: Option<&'static str>) -> Self {
        Self { said, ..self }
    }

    pub(crate) fn show(self, content: Markup) -> Response {
        self.answer(StatusCode::OK, content)
    }

    /// The page of a form that could not be taken.
    pub(crate) fn refuse(self, content: Markup) -> Response {
        self.answer(StatusCode::UNPROCESSABLE_ENTITY, content)
    }

    pub(crate) fn answer(self, status: StatusCode, content: Markup) -> Response {
        (status, Html(self.document(&content).into_string())).into_response()
    }

    fn document(&self, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " – " (self.cloud) }
                    link rel="stylesheet" href="/console.css";
                    meta name="htmx-config" content=(HTMX);
                    script src="/htmx.js" defer {}
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        p.cloud { a href="/" { (self.cloud) } }
                        @if let Some(member) = self.member { (self.tabs(member)) (leave(member)) }
                    }
                    main id="content" {
                        h1 { (self.title) }
                        @if let Some(said) = self.said { p.said role="status" { (said) } }
                        (content)
                    }
                }
            }
        }
    }

    fn tabs(&self, member: &Member) -> Markup {
        let is_seen = |only_admin: bool| !only_admin || member.person.user.admin;
        html! {
            nav aria-label="Tabs" {
                ul {
                    @for (name, path, only_admin) in TABS {
                        @if is_seen(only_admin) {
                            li { a href=(path) aria-current=[(path == self.tab).then_some("page")] { (name) } }
                        }
                    }
                }
            }
        }
    }
}

fn leave(member: &Member) -> Markup {
    let content = html! {
        span.who { "Logged in as " b { (member.name()) } }
        button.quiet type="submit" { "Log out" }
    };
    html! { div.leave { (form::sealed(member, "/logout", &content)) } }
}

/// A point in time, which the browser may show in its own zone.
pub(crate) fn time(at: types::Timestamp) -> Markup {
    let text = at.to_string();
    let minute = text.get(..16).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) { (minute) " UTC" } }
}
