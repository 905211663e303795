//! EC2's Query API, signed with version 2: in version 2009-11-30, where an action or what it shows
//! is younger in 2016-11-15.

use crate::error::Error;
use crate::http::{self, Answer, Ask, Endpoint};
use crate::session::{Keys, Session};
use crate::xml::{self, Element};
use ::http::{HeaderMap, HeaderValue, Method};
use clap::Args;
use signature::client::{Credentials, query_v2};
use types::Timestamp;

const VERSION: &str = "2009-11-30";
/// The version of actions and answers that came after those of Eucalyptus 1.4.
pub(crate) const NEW: &str = "2016-11-15";

/// The options that every EC2 tool has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection (eucarc sets these)")]
pub(crate) struct Connection {
    /// The address of the cloud [env: EC2_URL]
    #[arg(short = 'U', long)]
    url: Option<String>,
    /// The access key [env: EC2_ACCESS_KEY]
    #[arg(short = 'A', long, value_name = "KEY")]
    access_key: Option<String>,
    /// The secret key [env: EC2_SECRET_KEY]
    #[arg(short = 'S', long, value_name = "KEY")]
    secret_key: Option<String>,
}

/// The parameters of an action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A list: `Name.1`, `Name.2` and so on.
    #[must_use]
    pub(crate) fn list<S: AsRef<str>>(self, name: &str, values: &[S]) -> Self {
        (1..).zip(values).fold(self, |parameters, (at, value)| {
            parameters.with(&format!("{name}.{at}"), value.as_ref())
        })
    }

    /// Filters, each NAME=VALUE.
    pub(crate) fn filters(self, given: &[String]) -> Result<Self, Error> {
        (1..).zip(given).try_fold(self, |parameters, (at, filter)| {
            let (name, value) = filter.split_once('=').ok_or_else(|| Error::Option {
                option: "--filter",
                value: filter.clone(),
                expected: "NAME=VALUE",
            })?;
            let name_of = format!("Filter.{at}.Name");
            Ok(parameters.with(&name_of, name).with(&format!("Filter.{at}.Value.1"), value))
        })
    }
}

/// Asks the cloud for an action and gives the root of its answer.
pub(crate) fn call(
    session: &Session<'_, '_>,
    connection: &Connection,
    action: &str,
    parameters: Parameters,
) -> Result<Element, Error> {
    call_in(VERSION, session, connection, action, parameters)
}

/// Asks the cloud for an action in this version of the API.
pub(crate) fn call_in(
    version: &str,
    session: &Session<'_, '_>,
    connection: &Connection,
    action: &str,
    parameters: Parameters,
) -> Result<Element, Error> {
    let url = session.setting(
        connection.url.as_deref(),
        &["EC2_URL", "AWS_ENDPOINT_URL_EC2"],
        "--url",
    )?;
    let endpoint = Endpoint::parse(&url)?;
    let keys = session.keys(
        connection.access_key.as_deref(),
        connection.secret_key.as_deref(),
        ("--access-key", "--secret-key"),
    )?;
    let path = if endpoint.path.is_empty() { "/" } else { endpoint.path.as_str() };
    let parameters = parameters.with("Action", action).with("Version", version).0;
    let Keys { access, secret } = &keys;
    let credentials = Credentials { access_key: access, secret };
    let form =
        query_v2(credentials, "POST", &endpoint.authority, path, &parameters, Timestamp::now());
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    headers.insert("content-type", kind);
    let ask = Ask { method: Method::POST, path, query: "", headers, body: form.into() };
    let answer = http::send(session.environment, &endpoint, ask, &mut |_| {})?;
    read(&endpoint, answer)
}

fn read(endpoint: &Endpoint, answer: Answer) -> Result<Element, Error> {
    let tree = xml::parse(&answer.body);
    if answer.status.is_success() {
        return tree.map_err(|reason| Error::Answer { url: endpoint.url.clone(), reason });
    }
    let (code, message) = tree.map_or_else(
        |_| (String::new(), String::new()),
        |tree| {
            let error = tree.find("Errors/Error").or_else(|| tree.find("Error")).unwrap_or(&tree);
            (error.text("Code").to_owned(), error.text("Message").to_owned())
        },
    );
    Err(refusal(answer.status, code, message))
}

/// The service's own words, or the status where it has none.
pub(crate) fn refusal(status: ::http::StatusCode, code: String, message: String) -> Error {
    if code.is_empty() {
        let message = status.canonical_reason().unwrap_or("no reason given").to_owned();
        return Error::Refused { code: format!("HTTP {}", status.as_u16()), message };
    }
    Error::Refused { code, message }
}
