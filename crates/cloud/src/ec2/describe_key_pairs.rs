//! DescribeKeyPairs.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Xml, check_filters, filterable, parameters,
    passes,
};
use state::KeyPair;
use types::KeyName;

pub(super) struct DescribeKeyPairs;

parameters! {
    pub(super) struct Input {
        /// The pairs to show; all when none is named.
        names: Vec<KeyName> = "KeyName.N", "keySet/item/keyName";
        /// Shows only pairs with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

pub(super) struct Output(Vec<KeyPair>);

/// A key pair, to be filtered.
struct Shown<'a>(&'a KeyPair);

filterable! {
    Shown<'_>: |shown, values| {
        "fingerprint" => values.add(&shown.0.fingerprint),
        "key-name" => values.add(&shown.0.name),
    }
}

impl Action for DescribeKeyPairs {
    const NAME: &'static str = "DescribeKeyPairs";
    const DOC: &'static str = "Shows the caller's key pairs.";
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeKeyPairs {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let mut pairs = call.state().key_pairs(call.user.account).await.map_err(refuse)?;
        for name in &input.names {
            if !pairs.iter().any(|pair| pair.name == *name) {
                let message = format!("The key pair '{name}' does not exist");
                return Err(Error::new(Code::InvalidKeyPairNotFound, message));
            }
        }
        pairs.retain(|pair| input.names.is_empty() || input.names.contains(&pair.name));
        pairs.retain(|pair| passes(&Shown(pair), &input.filters));
        Ok(Output(pairs))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("keySet", &self.0, |xml, pair| {
            xml.text("keyName", &pair.name);
            xml.text("keyFingerprint", &pair.fingerprint);
        });
    }
}
