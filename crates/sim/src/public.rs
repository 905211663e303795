//! Users of the cloud: signed requests to its public face.

use axum::body::Body;
use cloud::Cloud;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use signature::client::{Credentials, query_v2};
use state::User;
use std::sync::Arc;
use tower::ServiceExt;
use types::{InstanceId, InstanceState, Timestamp};

/// The cloud's address, as the simulated users write it.
pub(crate) const HOST: &str = "cloud.sim:8773";
const PATH: &str = "/services/Eucalyptus";
/// The version that today's SDKs ask for.
const VERSION: &str = "2016-11-15";

/// What the cloud answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The document.
    pub body: String,
}

impl Answer {
    /// The text of every element of this name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        elements(&self.body, name)
    }

    /// The error's code; none for a success.
    pub fn refusal(&self) -> Option<&str> {
        if self.status.is_success() {
            return None;
        }
        Some(self.all("Code").first().copied().unwrap_or("an answer without a code"))
    }

    /// The ids of the instances that it names.
    pub fn instances(&self) -> Vec<InstanceId> {
        self.all("instanceId").iter().map(|id| id.parse().expect("an instance id")).collect()
    }

    /// The instances that it describes, with their states.
    pub fn states(&self) -> Vec<(InstanceId, InstanceState)> {
        let state = |part: &str| {
            let id = part.split('<').next()?.parse().ok()?;
            let state = elements(part, "instanceState").first().copied()?;
            Some((id, InstanceState::from_name(elements(state, "name").first()?)?))
        };
        let parts = self.body.split("<instanceId>").skip(1);
        parts.map(|part| state(part).expect("an instance with a state")).collect()
    }
}

fn elements<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = text.split(open.as_str()).skip(1);
    after.filter_map(|rest| rest.split_once(close.as_str())).map(|(inside, _)| inside).collect()
}

/// Calls an action as this user.
pub(crate) async fn call(
    cloud: Arc<Cloud>,
    user: &User,
    action: &str,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Answer {
    let mut pairs: Vec<_> = [("Action", action), ("Version", VERSION)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    pairs.extend_from_slice(parameters);
    let who = Credentials { access_key: &user.access_key, secret: user.secret_key.expose() };
    let form = query_v2(who, "POST", HOST, PATH, &pairs, now);
    let request = Request::post(PATH).header("host", HOST).body(Body::from(form));
    let response = cloud.router().oneshot(request.expect("a request")).await;
    let response = response.expect("the router does not fail");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a document in memory").to_bytes();
    Answer { status, body: String::from_utf8_lossy(&body).into_owned() }
}
