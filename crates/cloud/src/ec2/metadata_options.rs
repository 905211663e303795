//! How an instance's metadata requests are answered: as requests ask for it, and as answers show it.

use ec2_wire::{Code, Error, Xml, parameters, words};
use protocol::MetadataOptions;
use state::MetadataChange;

parameters! {
    /// The options that a request sets; those that are not given stay.
    #[derive(Debug, Default)]
    pub(super) struct Options {
        /// Whether only requests with a session token are answered.
        pub(super) tokens: Option<Tokens> = "HttpTokens", "";
        /// Whether requests are answered at all.
        pub(super) endpoint: Option<Switch> = "HttpEndpoint", "";
        /// How many hops a session token may travel, 1 to 64.
        pub(super) hops: Option<u32> = "HttpPutResponseHopLimit", "";
        /// Only `disabled`: instances have no IPv6 addresses.
        pub(super) ipv6: Option<Switch> = "HttpProtocolIpv6", "";
        /// Only `disabled`: instances are not told their tags.
        pub(super) tags: Option<Switch> = "InstanceMetadataTags", "";
    }
}

words! {
    /// Whether a session token is needed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Tokens {
        /// It may be used.
        Optional = "optional",
        /// It must be.
        Required = "required",
    }
}

words! {
    /// On or off.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Switch {
        /// On.
        Enabled = "enabled",
        /// Off.
        Disabled = "disabled",
    }
}

impl Options {
    /// What they change.
    ///
    /// # Errors
    /// `UnsupportedOperation` for what cannot be enabled here, `InvalidParameterValue` for a
    /// number of hops that EC2 does not take either.
    pub(super) fn change(&self) -> Result<MetadataChange, Error> {
        for (name, switch) in [("HttpProtocolIpv6", self.ipv6), ("InstanceMetadataTags", self.tags)]
        {
            if switch == Some(Switch::Enabled) {
                let message = format!("this cloud does not offer {name}=enabled");
                return Err(Error::new(Code::UnsupportedOperation, message));
            }
        }
        Ok(MetadataChange {
            enabled: self.endpoint.map(|endpoint| endpoint == Switch::Enabled),
            tokens_required: self.tokens.map(|tokens| tokens == Tokens::Required),
            hops: self.hops.map(hops).transpose()?,
        })
    }
}

fn hops(asked: u32) -> Result<u8, Error> {
    let hops = u8::try_from(asked).ok();
    hops.filter(|hops| (1..=MetadataOptions::MOST_HOPS).contains(hops)).ok_or_else(|| {
        let rule = format!("It must be a number from 1 to {}.", MetadataOptions::MOST_HOPS);
        Error::invalid("HttpPutResponseHopLimit", &asked.to_string(), rule)
    })
}

/// EC2's word for whether a session token is needed.
pub(super) const fn tokens(options: MetadataOptions) -> &'static str {
    if options.tokens_required { "required" } else { "optional" }
}

/// EC2's word for whether requests are answered.
pub(super) const fn endpoint(options: MetadataOptions) -> &'static str {
    if options.enabled { "enabled" } else { "disabled" }
}

/// The options that an instance has; `pending` says that its node still has to put them in force.
pub(super) fn encode(xml: &mut Xml, options: MetadataOptions, pending: bool) {
    xml.text("state", if pending { "pending" } else { "applied" });
    xml.text("httpTokens", tokens(options));
    xml.text("httpPutResponseHopLimit", options.hops);
    xml.text("httpEndpoint", endpoint(options));
    xml.text("httpProtocolIpv6", "disabled");
    xml.text("instanceMetadataTags", "disabled");
}
