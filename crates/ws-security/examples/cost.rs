//! What messages cost, for `make bench-soap`: one of 5 KB as the tools send it, and the worst that
//! a user can send within the limits, signed with the user's own key.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and prints")]

use futures_util::FutureExt;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use types::Timestamp;
use ws_security::signer::{Shape, Signer};
use ws_security::{Certificate, Envelope, Failure, Registered, Registry, Rule};

/// The one registered certificate.
struct One(Certificate);

impl Registry for One {
    type Caller = ();
    type Error = Infallible;

    async fn certificate(&self, fingerprint: &str) -> Result<Option<Registered<()>>, Infallible> {
        let own = self.0.fingerprint() == fingerprint;
        Ok(own.then(|| Registered { caller: (), der: self.0.der().to_vec() }))
    }

    async fn remember(&self, _: &str, _: Timestamp) -> Result<bool, Infallible> {
        Ok(true)
    }
}

fn verify(registry: &One, message: &[u8], now: Timestamp) -> Result<(), Rule> {
    let envelope = Envelope::parse(message)?;
    match envelope.authenticate(registry, now).now_or_never().unwrap() {
        Ok(_) => Ok(()),
        Err(Failure::Refused(rule)) => Err(rule),
        Err(Failure::Registry(never)) => match never {},
    }
}

fn hostile() -> Vec<(&'static str, String)> {
    let wrap = |inner: String| format!("<r xmlns='urn:r'>{inner}</r>");
    let nested = "<a>".repeat(28) + &"</a>".repeat(28);
    vec![
        ("references to characters, 1 MB", wrap("&amp;".repeat(200_000))),
        ("text, 1 MB", wrap("x".repeat(1_000_000))),
        ("16,000 elements", wrap("<a/>".repeat(16_000))),
        (
            "16,000 elements of 60 bytes",
            wrap(format!("<{0}></{0}>", "n".repeat(27)).repeat(16_000)),
        ),
        ("deep elements", wrap(nested.repeat(570))),
        ("long attributes", wrap(format!("<a b='{}'/>", "&#9;".repeat(15_000)).repeat(16))),
        (
            "declarations that canonical form repeats",
            format!("<r xmlns:p='{:n>128}'>{}</r>", "", "<p:a/>".repeat(12_500)),
        ),
        (
            "16 attributes at each of 250 elements",
            wrap(
                format!("<a{}/>", (0..16).map(|n| format!(" a{n}='x'")).collect::<String>())
                    .repeat(250),
            ),
        ),
    ]
}

fn main() {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    let signer = Signer::new(&key.serialize_pem(), certificate.der()).unwrap();
    let registry = One(Certificate::from_pem(certificate.pem().as_bytes()).unwrap());
    let now = Timestamp::now();
    println!("{:46} {:>9} {:>9} {:>9}", "ms of one processor", "bytes", "median", "most");
    let request = "<ns1:DescribeImages xmlns:ns1=\"http://ec2.amazonaws.com/doc/2008-12-01/\"/>";
    let plain = [("a message of the tools (at most 1)", request.to_owned())];
    for (name, request) in plain.into_iter().chain(hostile()) {
        let message = signer.message(Shape::Java, &request, now).unwrap();
        let mut laps: Vec<Duration> = (0..50).map(|_| lap(&registry, &message, now)).collect();
        laps.sort();
        let ms = |lap: Duration| lap.as_secs_f64() * 1000.0;
        println!("{name:46} {:9} {:9.3} {:9.3}", message.len(), ms(laps[25]), ms(laps[49]));
    }
}

/// How long it takes to verify a message, which is taken.
fn lap(registry: &One, message: &str, now: Timestamp) -> Duration {
    let begun = Instant::now();
    let outcome = verify(registry, message.as_bytes(), now);
    let lap = begun.elapsed();
    assert_eq!(outcome, Ok(()));
    lap
}
