//! `modify-instance-metadata-options`.

use super::Verb;
use crate::ec2::{Connection, NEW, Parameters, call_in};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Changes how the metadata requests of an instance are answered.
#[derive(Debug, Parser)]
pub(super) struct ModifyOptions {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    /// Whether requests need a session token: optional or required
    #[arg(long, value_name = "WORD")]
    http_tokens: Option<String>,
    /// Whether there is metadata at all: enabled or disabled
    #[arg(long, value_name = "WORD")]
    http_endpoint: Option<String>,
    /// How many hops the answer with a session token may go, 1 to 64
    #[arg(long, value_name = "N")]
    http_put_response_hop_limit: Option<u8>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for ModifyOptions {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("InstanceId", &self.instance)
            .maybe("HttpTokens", self.http_tokens)
            .maybe("HttpEndpoint", self.http_endpoint)
            .maybe("HttpPutResponseHopLimit", self.http_put_response_hop_limit);
        let action = "ModifyInstanceMetadataOptions";
        let reply = call_in(NEW, session, &self.connection, action, parameters)?;
        let option = |name: &str| reply.text(&format!("instanceMetadataOptions/{name}")).to_owned();
        let fields = ["state", "httpTokens", "httpEndpoint", "httpPutResponseHopLimit"].map(option);
        let [state, tokens, endpoint, hops] = &fields;
        session.print(&["METADATAOPTIONS", &self.instance, state, tokens, endpoint, hops])
    }
}
