//! DescribeKeyPairs.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::tag_specification;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Xml, check_filters, filterable, parameters,
    passes,
};
use state::KeyPair;
use types::{KeyName, KeyPairId, Tags};

pub(super) struct DescribeKeyPairs;

parameters! {
    pub(super) struct Input {
        /// The pairs to show; all when none is named.
        names: Vec<KeyName> = "KeyName.N", "keySet/item/keyName";
        /// The pairs to show by their ids.
        ids: Vec<KeyPairId> = "KeyPairId.N", "", since (2016, 11, 15);
        /// Whether the public keys are shown too.
        public: Option<bool> = "IncludePublicKey", "includePublicKey", since (2016, 11, 15);
        /// Shows only pairs with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

pub(super) struct Output {
    pairs: Vec<(KeyPair, Tags)>,
    with_public_keys: bool,
}

/// A key pair, to be filtered.
struct Shown<'a>(&'a KeyPair, &'a Tags);

filterable! {
    Shown<'_>, tagged by shown.1: |shown, values| {
        "fingerprint" => values.add(&shown.0.fingerprint),
        "key-name" => values.add(&shown.0.name),
        "key-pair-id" => values.add(shown.0.id),
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
                return Err(not_found(format!("The key pair '{name}' does not exist")));
            }
        }
        for id in &input.ids {
            if !pairs.iter().any(|pair| pair.id == *id) {
                return Err(not_found(format!("The key pair ID '{id}' does not exist")));
            }
        }
        let all = input.names.is_empty() && input.ids.is_empty();
        pairs
            .retain(|pair| all || input.names.contains(&pair.name) || input.ids.contains(&pair.id));
        let tags = call.state().tags(call.user.account, &["key-"]).await.map_err(refuse)?;
        let with_tags = |pair: KeyPair| {
            let tags = tags.of(pair.id);
            (pair, tags)
        };
        let mut pairs: Vec<_> = pairs.into_iter().map(with_tags).collect();
        pairs.retain(|(pair, tags)| passes(&Shown(pair, tags), &input.filters));
        Ok(Output { pairs, with_public_keys: input.public == Some(true) })
    }
}

fn not_found(message: String) -> Error {
    Error::new(Code::InvalidKeyPairNotFound, message)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("keySet", &self.pairs, |xml, (pair, tags)| {
            xml.text("keyName", &pair.name);
            xml.text("keyFingerprint", &pair.fingerprint);
            if xml.since(2016, 11, 15) {
                xml.text("keyPairId", pair.id);
                xml.text("keyType", pair.kind.as_str());
                xml.maybe("publicKey", self.with_public_keys.then_some(&pair.public_key));
                xml.text("createTime", pair.created);
                tag_specification::encode(xml, tags);
            }
        });
    }
}
