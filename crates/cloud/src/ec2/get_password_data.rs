//! GetPasswordData.

use super::call::{Call, Run};
use super::describe_instances::one;
use ec2_wire::{Action, Code, Error, Response, Version, Xml, parameters};
use types::InstanceId;

pub(super) struct GetPasswordData;

parameters! {
    pub(super) struct Input {
        /// The instance.
        id: InstanceId = "InstanceId", "instanceId", since (2008, 8, 8);
    }
}

/// There is no answer but a refusal.
pub(super) enum Never {}

impl Action for GetPasswordData {
    const NAME: &'static str = "GetPasswordData";
    const DOC: &'static str = "Refuses: instances of this cloud have no Windows password.";
    const SINCE: Version = Version::new(2008, 8, 8);
    type Input = Input;
    type Output = Never;
}

impl Run for GetPasswordData {
    async fn run(call: &Call<'_>, input: Input) -> Result<Never, Error> {
        one(call, input.id).await?;
        let message = "instances of this cloud have no Windows password: log in with the key pair \
                       of the launch";
        Err(Error::new(Code::UnsupportedOperation, message))
    }
}

impl Response for Never {
    fn encode(&self, _xml: &mut Xml) {
        match *self {}
    }
}
