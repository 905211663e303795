//! `get-caller-identity` and `get-user`, which the cloud answers at the address of EC2 too.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Shows whose keys you use: account number and name.
#[derive(Debug, Parser)]
pub(super) struct GetCallerIdentity {
    #[command(flatten)]
    connection: Connection,
}

impl Verb for GetCallerIdentity {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let reply = call(session, &self.connection, "GetCallerIdentity", Parameters::default())?;
        let field = |name: &str| reply.text(&format!("GetCallerIdentityResult/{name}"));
        session.print(&["CALLER", field("Account"), field("UserId"), field("Arn")])
    }
}

/// Shows a user.
#[derive(Debug, Parser)]
pub(super) struct GetUser {
    /// The user's name (yourself if none is named)
    #[arg(value_name = "USER")]
    name: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for GetUser {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().maybe("UserName", self.name);
        let reply = call(session, &self.connection, "GetUser", parameters)?;
        let field = |name: &str| reply.text(&format!("GetUserResult/User/{name}"));
        session.print(&["USER", field("UserName"), field("UserId"), field("Arn")])
    }
}
