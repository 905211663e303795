//! ImportKeyPair.

use super::call::{Call, Run};
use super::public_key::PublicKey;
use super::refusal::refuse;
use super::tag_specification::{self, TagSpecification};
use ec2_wire::{Action, Base64, Code, Error, Response, Version, Xml, parameters};
use state::{KeyPair, NewKeyPair};
use types::{KeyName, Tags};

/// The longest public key in any of its forms, in bytes; one of 4096 bits has about 800.
const MOST_MATERIAL: usize = 8 << 10;

pub(super) struct ImportKeyPair;

parameters! {
    pub(super) struct Input {
        /// The name of the new pair.
        name: KeyName = "KeyName", "keyName";
        /// The public key: a line as OpenSSH writes it, RFC 4716, or DER; RSA with 1024 to 4096
        /// bits, or Ed25519.
        material: Base64<MOST_MATERIAL> = "PublicKeyMaterial", "publicKeyMaterial";
        /// Tags for the pair.
        tags: Vec<TagSpecification> =
            "TagSpecification.N", "tagSpecification/item", since (2016, 11, 15);
    }
}

pub(super) struct Output(KeyPair, Tags);

impl Action for ImportKeyPair {
    const NAME: &'static str = "ImportKeyPair";
    const DOC: &'static str = "Keeps the public half of a key pair that was made elsewhere.";
    const SINCE: Version = Version::new(2010, 8, 31);
    type Input = Input;
    type Output = Output;
}

impl Run for ImportKeyPair {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let tags = tag_specification::of("key-pair", &[], input.tags)?;
        let key = PublicKey::parse(&input.material.0)
            .map_err(|wrong| Error::new(Code::InvalidKeyFormat, wrong.to_string()))?;
        let new = NewKeyPair {
            tags: tags.clone(),
            name: input.name,
            kind: key.kind(),
            fingerprint: key.fingerprint(),
            public_key: key.line(&format!("{}@eucalyptus", call.user.name)),
        };
        let pair = call.state().add_key_pair(call.user.account, new, call.now).await;
        pair.map(|pair| Output(pair, tags)).map_err(refuse)
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("keyName", &self.0.name);
        xml.text("keyFingerprint", &self.0.fingerprint);
        if xml.since(2016, 11, 15) {
            xml.text("keyPairId", self.0.id);
            tag_specification::encode(xml, &self.1);
        }
    }
}
