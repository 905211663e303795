//! `get-console-output`, `get-password`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::print::time;
use crate::session::Session;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;

/// Prints what an instance wrote to its console.
#[derive(Debug, Parser)]
pub(super) struct GetConsoleOutput {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for GetConsoleOutput {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().with("InstanceId", &self.instance);
        let reply = call(session, &self.connection, "GetConsoleOutput", parameters)?;
        let packed: String = reply.text("output").split_ascii_whitespace().collect();
        let output = STANDARD.decode(packed).map_err(|_| Error::Answer {
            url: self.instance,
            reason: "the console's text is not in base64".to_owned(),
        })?;
        session.print(&[reply.text("instanceId")])?;
        session.print(&[&time(reply.text("timestamp"))])?;
        session.say(String::from_utf8_lossy(&output).trim_end_matches('\n'))
    }
}

/// Asks for the password of a Windows instance; instances of Eucalyptus have none.
#[derive(Debug, Parser)]
pub(super) struct GetPassword {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// The private key of the launch, as other clouds need it; it is not read
    #[arg(short = 'k', long, value_name = "FILE")]
    priv_launch_key: Option<std::path::PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for GetPassword {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().with("InstanceId", &self.instance);
        let reply = call(session, &self.connection, "GetPasswordData", parameters)?;
        session.say(reply.text("passwordData"))
    }
}
