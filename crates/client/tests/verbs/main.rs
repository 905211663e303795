//! The tools as a script sees them: a command line in; lines, an exit code and requests out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attributes;
mod bundles;
mod ec2;
mod failures;
mod groups;
mod images;
mod network;
mod server;

use client::{Environment, Streams};
use server::{Asked, Server};
use std::ffi::OsString;
use std::net::SocketAddr;

pub(crate) const ACCESS: &str = "ISMvKXpXpadDiUoOSoAfww";
pub(crate) const SECRET: &str = "not-a-secret";

/// What a tool did.
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) asked: Vec<Asked>,
}

pub(crate) fn eucarc(scheme: &str, address: SocketAddr) -> Vec<(String, String)> {
    [
        ("EC2_URL", format!("{scheme}://{address}/services/Eucalyptus")),
        ("S3_URL", format!("{scheme}://{address}/services/Walrus")),
        ("EC2_ACCESS_KEY", ACCESS.to_owned()),
        ("EC2_SECRET_KEY", SECRET.to_owned()),
        ("EC2_USER_ID", "000100729354".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Runs a command line in an environment; its words are separated by blanks.
pub(crate) fn run(line: &str, environment: Vec<(String, String)>) -> (u8, String, String) {
    let environment: Environment = environment.into_iter().collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams { out: &mut out, err: &mut err, watched: false };
    let mut words = line.split(' ').map(OsString::from);
    let name = words.next().unwrap().into_string().unwrap();
    let code = client::run(&name, words, &environment, &mut streams);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Runs a command line against a cloud that gives these answers.
pub(crate) fn tool(line: &str, answers: &[(u16, &str)]) -> Outcome {
    let server = Server::start(answers);
    let (code, out, err) = run(line, eucarc("http", server.address));
    Outcome { code, out, err, asked: server.asked() }
}
