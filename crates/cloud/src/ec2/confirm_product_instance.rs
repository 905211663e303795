//! ConfirmProductInstance.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Response, Text, Version, Xml, parameters};
use types::{AccountId, InstanceId};

pub(super) struct ConfirmProductInstance;

parameters! {
    pub(super) struct Input {
        /// A product code of an image of the caller's.
        product: Text<64> = "ProductCode", "productCode";
        /// The instance, which may be anybody's.
        instance: InstanceId = "InstanceId", "instanceId";
    }
}

/// The owner of the instance, where it carries the product code.
pub(super) struct Output(Option<AccountId>);

impl Action for ConfirmProductInstance {
    const NAME: &'static str = "ConfirmProductInstance";
    const DOC: &'static str = "Tells the owner of a product code whether an instance carries it, \
                               and whose it is.";
    const SINCE: Version = Version::new(2007, 3, 1);
    type Input = Input;
    type Output = Output;
}

impl Run for ConfirmProductInstance {
    /// An instance that does not exist and one without the code look the same.
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let code = input.product.as_str();
        let owner = call.state().product_instance_owner(call.user, code, input.instance).await;
        owner.map(Output).map_err(refuse)
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", self.0.is_some());
        xml.maybe("ownerId", self.0);
    }
}
