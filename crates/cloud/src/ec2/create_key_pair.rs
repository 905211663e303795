//! CreateKeyPair.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::rsa_key::RsaKey;
use super::tag_specification::{self, TagSpecification};
use ec2_wire::{Action, Error, Response, Xml, parameters, words};
use state::{KeyPair, NewKeyPair};
use tokio::sync::Semaphore;
use types::{KeyName, KeyPairId, Secret, Tags};

/// How many keys are made at the same time: each takes a processor for a tenth of a second.
static MAKING: Semaphore = Semaphore::const_new(2);

pub(super) struct CreateKeyPair;

parameters! {
    pub(super) struct Input {
        /// The name of the new pair.
        name: KeyName = "KeyName", "keyName";
        /// The kind of key.
        _kind: Option<KeyType> = "KeyType", "keyType", since (2016, 11, 15);
        /// The form in which the private key is given.
        _format: Option<KeyFormat> = "KeyFormat", "keyFormat", since (2016, 11, 15);
        /// Tags for the pair.
        tags: Vec<TagSpecification> =
            "TagSpecification.N", "tagSpecification/item", since (2016, 11, 15);
    }
}

words! {
    /// The kinds of keys that can be made.
    pub(super) enum KeyType {
        /// RSA with 2048 bits.
        Rsa = "rsa",
    }
}

words! {
    /// The forms in which a private key can be given.
    pub(super) enum KeyFormat {
        /// PKCS#1 in PEM.
        Pem = "pem",
    }
}

pub(super) struct Output {
    id: KeyPairId,
    name: KeyName,
    fingerprint: String,
    material: Secret<String>,
    tags: Tags,
}

impl Action for CreateKeyPair {
    const NAME: &'static str = "CreateKeyPair";
    const DOC: &'static str = "Makes a key pair and gives its private half, which is not kept.";
    type Input = Input;
    type Output = Output;
}

impl Run for CreateKeyPair {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let tags = tag_specification::of("key-pair", &[], input.tags)?;
        let key = {
            let _turn = MAKING.acquire().await.map_err(Error::internal)?;
            tokio::task::spawn_blocking(RsaKey::generate).await.map_err(Error::internal)?
        };
        let key = key.map_err(Error::internal)?;
        let new = NewKeyPair {
            tags: tags.clone(),
            name: input.name,
            kind: state::KeyType::Rsa,
            fingerprint: key.fingerprint(),
            public_key: key.public_line(&format!("{}@eucalyptus", call.user.name)),
        };
        let pair = call.state().add_key_pair(call.user.account, new, call.now).await;
        let KeyPair { id, name, fingerprint, .. } = pair.map_err(refuse)?;
        Ok(Output { id, name, fingerprint, material: key.pem(), tags })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("keyName", &self.name);
        xml.text("keyFingerprint", &self.fingerprint);
        xml.text("keyMaterial", self.material.expose());
        if xml.since(2016, 11, 15) {
            xml.text("keyPairId", self.id);
            tag_specification::encode(xml, &self.tags);
        }
    }
}
