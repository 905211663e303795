//! The first page, and what 1.4's addresses with `?action=` lead to: they stand in mails.

use crate::console::Console;
use crate::error::Result;
use crate::guard::Administrator;
use crate::{login, recover};
use axum::extract::{FromRequestParts, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::Request;
use std::collections::HashMap;
use std::sync::Arc;

/// 1.4's actions of administrators, each with the step of ours that asks before it is taken.
const STEPS: [&str; 5] = ["approve", "reject", "enable", "disable", "delete"];

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    Query(asked): Query<HashMap<String, String>>,
    request: Request<axum::body::Body>,
) -> Result<Response> {
    let text = |name: &str| asked.get(name).map_or("", String::as_str);
    let action = text("action");
    if action == "confirm" {
        return Ok(login::to_confirm(&console, text("code")));
    }
    if action == "recover" {
        return Ok(recover::ask_again(&console, text("code")));
    }
    if STEPS.contains(&action) {
        // the login brings administrators back here
        let (mut parts, _) = request.into_parts();
        return Ok(match Administrator::from_request_parts(&mut parts, &console).await {
            Ok(_) => to_step(text("user"), action),
            Err(refused) => refused,
        });
    }
    Ok(Redirect::to("/credentials").into_response())
}

fn to_step(user: &str, step: &str) -> Response {
    let user = percent_encoding::utf8_percent_encode(user, percent_encoding::NON_ALPHANUMERIC);
    Redirect::to(&format!("/users/{user}/{step}")).into_response()
}
