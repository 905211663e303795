//! Users with certificates, and a registry in memory.

use crate::certificate::fingerprint;
use crate::rule::REMOVED;
use crate::signer::{Shape, Signer};
use crate::{Registered, Registry};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Mutex;
use time::{Duration, OffsetDateTime};
use types::Timestamp;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) const REQUEST: &str = "<ns1:DescribeImages \
     xmlns:ns1=\"http://ec2.amazonaws.com/doc/2008-12-01/\"><ns1:executableBySet/><ns1:imagesSet/>\
     <ns1:ownersSet/></ns1:DescribeImages>";

/// What an attacker would rather have executed.
pub(super) const EVIL: &str = "<TerminateInstances \
     xmlns=\"http://ec2.amazonaws.com/doc/2008-12-01/\"><instancesSet><item>\
     <instanceId>i-12345678</instanceId></item></instancesSet></TerminateInstances>";

pub(super) struct Fixture {
    /// Two users with registered certificates.
    pub(super) alice: Signer,
    pub(super) bob: Signer,
    /// A certificate that nobody registered, with alice's name in it.
    pub(super) mallory: Signer,
    /// Registered, and its time is over or has not begun.
    pub(super) late: Signer,
    pub(super) early: Signer,
    /// Registered, with a key of 1024 bits.
    pub(super) weak: Signer,
    /// Not registered, with the fingerprint of alice's certificate.
    pub(super) twin: Signer,
    pub(super) registry: Memory,
}

#[derive(Default)]
pub(super) struct Memory {
    certificates: BTreeMap<String, (&'static str, Vec<u8>)>,
    messages: Mutex<BTreeSet<String>>,
}

impl Memory {
    pub(super) fn forget(&self) {
        self.messages.lock().unwrap().clear();
    }
}

impl Registry for Memory {
    type Caller = &'static str;
    type Error = Infallible;

    async fn certificate(
        &self,
        fingerprint: &str,
    ) -> Result<Option<Registered<&'static str>>, Infallible> {
        let found = self.certificates.get(fingerprint);
        Ok(found.map(|(caller, der)| Registered { caller: *caller, der: der.clone() }))
    }

    async fn remember(&self, message: &str, until: Timestamp) -> Result<bool, Infallible> {
        assert!(until > NOW || REMOVED.get().is_some(), "it could be forgotten too early");
        Ok(self.messages.lock().unwrap().insert(message.to_owned()))
    }
}

impl Fixture {
    pub(super) fn new() -> Self {
        let mut registry = Memory::default();
        let mut register = |caller, (signer, der): (Signer, Vec<u8>)| {
            registry.certificates.insert(fingerprint(&der), (caller, der));
            signer
        };
        let years =
            |first: i64, last: i64| (Duration::days(365 * first), Duration::days(365 * last));
        let (alice, of_alice) = user("alice", years(-1, 5));
        let (twin, of_twin) = user("twin", years(-1, 5));
        let fixture = (
            register("alice", (alice, of_alice.clone())),
            register("bob", user("bob", years(-1, 5))),
            register("late", user("late", years(-5, -1))),
            register("early", user("early", years(1, 5))),
            register("weak", weak()),
        );
        registry.certificates.insert(fingerprint(&of_twin), ("alice", of_alice));
        let (alice, bob, late, early, weak) = fixture;
        let (mallory, _) = user("alice", years(-1, 5));
        Self { alice, bob, mallory, late, early, weak, twin, registry }
    }

    /// A message of alice's, as her client wrote it.
    pub(super) fn message(&self, shape: Shape) -> String {
        self.alice.message(shape, REQUEST, NOW).unwrap()
    }

    /// A message that alice has signed as it was changed.
    pub(super) fn signed(&self, shape: Shape, edit: impl FnOnce(String) -> String) -> String {
        self.alice.fill(shape, &edit(shape.template(REQUEST, NOW))).unwrap()
    }
}

fn user(name: &str, (from, to): (Duration, Duration)) -> (Signer, Vec<u8>) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::from_unix_timestamp(NOW.millis() / 1000).unwrap();
    params.not_before = now + from;
    params.not_after = now + to;
    let der = params.self_signed(&key).unwrap().der().to_vec();
    (Signer::new(&key.serialize_pem(), &der).unwrap(), der)
}

fn weak() -> (Signer, Vec<u8>) {
    let pem = include_bytes!("weak-certificate.pem");
    let (_, block) = x509_parser::pem::parse_x509_pem(pem).unwrap();
    let signer = Signer::new(include_str!("weak-key.pem"), &block.contents).unwrap();
    (signer, block.contents)
}
