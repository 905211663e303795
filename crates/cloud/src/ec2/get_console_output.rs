//! GetConsoleOutput.

use super::call::{Call, Run};
use super::describe_instances::one;
use ec2_wire::{Action, Code, Error, Response, Xml, parameters};
use protocol::{CallError, ConsoleOutput};
use types::{InstanceId, Timestamp};

pub(super) struct GetConsoleOutput;

parameters! {
    pub(super) struct Input {
        /// The instance.
        id: InstanceId = "InstanceId", "instanceId";
        /// Whether to answer with what is newest. It is what is always answered.
        _latest: Option<bool> = "Latest", "", since (2016, 11, 15);
    }
}

pub(super) struct Output {
    id: InstanceId,
    console: ConsoleOutput,
}

impl Action for GetConsoleOutput {
    const NAME: &'static str = "GetConsoleOutput";
    const DOC: &'static str = "Gives the last 64 KB that an instance wrote to its console.";
    type Input = Input;
    type Output = Output;
}

impl Run for GetConsoleOutput {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let (instance, _) = one(call, input.id).await?;
        let console = match call.cloud.console_output(&instance).await {
            Ok(console) => console,
            // It has not been started yet, or wrote nothing.
            Err(CallError::NotFound(_)) => empty(call.now),
            Err(error) => return Err(unavailable(input.id, error)),
        };
        Ok(Output { id: input.id, console })
    }
}

const fn empty(at: Timestamp) -> ConsoleOutput {
    ConsoleOutput { at, output_base64: String::new() }
}

fn unavailable(id: InstanceId, error: CallError) -> Error {
    let message = format!("the console of {id} cannot be read now: its node does not answer");
    Error::new(Code::Unavailable, message).because(error)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("instanceId", self.id);
        xml.text("timestamp", self.console.at);
        xml.text("output", &self.console.output_base64);
    }
}
