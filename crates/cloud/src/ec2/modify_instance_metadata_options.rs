//! ModifyInstanceMetadataOptions.

use super::call::{Call, Run};
use super::metadata_options::{self, Options, Switch, Tokens};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Response, Version, Xml, parameters};
use protocol::MetadataOptions;
use types::InstanceId;

pub(super) struct ModifyInstanceMetadataOptions;

parameters! {
    pub(super) struct Input {
        /// The instance.
        id: InstanceId = "InstanceId", "";
        /// `required` answers only requests with a session token.
        tokens: Option<Tokens> = "HttpTokens", "";
        /// `disabled` answers no request.
        endpoint: Option<Switch> = "HttpEndpoint", "";
        /// How many hops a session token may travel, 1 to 64.
        hops: Option<u32> = "HttpPutResponseHopLimit", "";
        /// Only `disabled`: instances have no IPv6 addresses.
        ipv6: Option<Switch> = "HttpProtocolIpv6", "";
        /// Only `disabled`: instances are not told their tags.
        tags: Option<Switch> = "InstanceMetadataTags", "";
    }
}

pub(super) struct Output {
    id: InstanceId,
    options: MetadataOptions,
    pending: bool,
}

impl Action for ModifyInstanceMetadataOptions {
    const NAME: &'static str = "ModifyInstanceMetadataOptions";
    const DOC: &'static str = "Changes how an instance's metadata requests are answered. What is \
                               not given stays.";
    const SINCE: Version = Version::new(2016, 11, 15);
    type Input = Input;
    type Output = Output;
}

impl Run for ModifyInstanceMetadataOptions {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let Input { id, tokens, endpoint, hops, ipv6, tags } = input;
        let change = Options { tokens, endpoint, hops, ipv6, tags }.change()?;
        let changed = call.state().set_metadata_options(call.scope(), id, change, call.now).await;
        let (options, pending) = changed.map_err(refuse)?;
        call.cloud.poke();
        Ok(Output { id, options, pending })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("instanceId", self.id);
        xml.element("instanceMetadataOptions", |xml| {
            metadata_options::encode(xml, self.options, self.pending);
        });
    }
}
