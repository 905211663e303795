//! DeleteKeyPair.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, parameters};
use types::KeyName;

pub(super) struct DeleteKeyPair;

parameters! {
    pub(super) struct Input {
        /// The name of the pair.
        name: KeyName = "KeyName", "keyName";
    }
}

impl Action for DeleteKeyPair {
    const NAME: &'static str = "DeleteKeyPair";
    const DOC: &'static str = "Forgets a key pair; it is no error when there is none of the name.";
    type Input = Input;
    type Output = Return;
}

impl Run for DeleteKeyPair {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        call.state().delete_key_pair(call.user.account, input.name).await.map_err(refuse)?;
        Ok(Return(true))
    }
}
