//! DeleteKeyPair.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Code, Error, Response, Xml, parameters};
use state::KeyPairRef;
use types::{KeyName, KeyPairId};

pub(super) struct DeleteKeyPair;

parameters! {
    pub(super) struct Input {
        /// The name of the pair.
        name: Option<KeyName> = "KeyName", "keyName";
        /// The id of the pair, in place of its name.
        id: Option<KeyPairId> = "KeyPairId", "keyPairId", since (2016, 11, 15);
    }
}

/// The id of the pair that there was.
pub(super) struct Output(Option<KeyPairId>);

impl Action for DeleteKeyPair {
    const NAME: &'static str = "DeleteKeyPair";
    const DOC: &'static str = "Forgets a key pair; it is no error when there is none of the name.";
    type Input = Input;
    type Output = Output;
}

impl Run for DeleteKeyPair {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let which = match (input.name, input.id) {
            (Some(name), None) => KeyPairRef::Name(name),
            (None, Some(id)) => KeyPairRef::Id(id),
            (None, None) => return Err(Error::missing("KeyName")),
            (Some(_), Some(_)) => {
                let message = "KeyName and KeyPairId exclude each other";
                return Err(Error::new(Code::InvalidParameterCombination, message));
            }
        };
        let deleted = call.state().delete_key_pair(call.user.account, which).await;
        deleted.map(Output).map_err(refuse)
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", true);
        if xml.since(2016, 11, 15) {
            xml.maybe("keyPairId", self.0);
        }
    }
}
