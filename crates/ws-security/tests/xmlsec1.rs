//! Other implementations agree: `xmlsec1` (libxml2 and OpenSSL) verifies what is signed here, and
//! what it signs is verified here.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use futures_util::FutureExt;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;
use types::Timestamp;
use ws_security::signer::{Shape, Signer};
use ws_security::{Certificate, Envelope, Failure, Registered, Registry, Rule};

const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Requests whose canonical form is not what was sent.
const REQUESTS: [&str; 7] = [
    "<DescribeImages xmlns=\"http://ec2.amazonaws.com/doc/2008-12-01/\"/>",
    "<a:b xmlns:a='urn:a' xmlns:unused='urn:b'><c xmlns='urn:c'><a:d/><e xmlns=''/></c></a:b>",
    "<a xmlns='urn:a' z='1' b='2' xmlns:y='urn:x' xmlns:x='urn:y' y:a='3' x:a='4' xml:lang='en'/>",
    "<a b=' \t\n&#9;&#10;&#13;&lt;&gt;&amp;&quot;\"&apos;'>\r\n&#13;&lt;>&amp;\"'\u{e9}&#x1F600;\t</a>",
    "<p:a xmlns:p='urn:u'><b xmlns:p='urn:v'><p:c xmlns:p='urn:u'><p:d p:e='1' xmlns:q='urn:u' q:f='2'/></p:c></b></p:a>",
    "<a xmlns='urn:a'>  <b xmlns=''>  <c xmlns='urn:a'/>\n</b><b/>  </a>",
    "<soap:a xmlns:soap='urn:other'><soap:b xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'/></soap:a>",
];

/// One user with a certificate and its key, in files too.
struct User {
    directory: TempDir,
    signer: Signer,
    certificate: Certificate,
}

impl User {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("key.pem"), key.serialize_pem()).unwrap();
        fs::write(directory.path().join("cert.pem"), certificate.pem()).unwrap();
        let signer = Signer::new(&key.serialize_pem(), certificate.der()).unwrap();
        let certificate = Certificate::from_pem(certificate.pem().as_bytes()).unwrap();
        Self { directory, signer, certificate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `xmlsec1` with what it needs to know to find `wsu:Id`.
    fn xmlsec1(&self, action: &str, key: [&str; 2], message: &str) -> std::process::Output {
        let file = self.path("message.xml");
        fs::write(&file, message).unwrap();
        Command::new("xmlsec1")
            .arg(action)
            .arg(key[0])
            .arg(self.path(key[1]))
            .args(["--id-attr:Id", &format!("{UTILITY}:Timestamp")])
            .args(["--id-attr:Id", &format!("{SOAP}:Body")])
            .arg(file)
            .output()
            .expect("xmlsec1 is installed (scripts/install-deps test)")
    }

    fn authenticate(&self, message: &[u8]) -> Result<String, Rule> {
        let envelope = Envelope::parse(message)?;
        let outcome = envelope.authenticate(self, Timestamp::now()).now_or_never().unwrap();
        match outcome {
            Ok(authenticated) => Ok(authenticated.request.name().to_owned()),
            Err(Failure::Refused(rule)) => Err(rule),
            Err(Failure::Registry(never)) => match never {},
        }
    }
}

impl Registry for User {
    type Caller = ();
    type Error = Infallible;

    async fn certificate(&self, fingerprint: &str) -> Result<Option<Registered<()>>, Infallible> {
        let own = self.certificate.fingerprint() == fingerprint;
        Ok(own.then(|| Registered { caller: (), der: self.certificate.der().to_vec() }))
    }

    async fn remember(&self, _message: &str, _until: Timestamp) -> Result<bool, Infallible> {
        Ok(true)
    }
}

#[test]
fn xmlsec1_verifies_what_is_signed_here() {
    let user = User::new();
    for shape in [Shape::Java, Shape::Python] {
        for request in REQUESTS {
            let message = user.signer.message(shape, request, Timestamp::now()).unwrap();
            let output = user.xmlsec1("--verify", ["--pubkey-cert-pem", "cert.pem"], &message);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{request}\n{said}\n{message}");
            let changed = message.replace("<wsu:Created>2", "<wsu:Created>1");
            let output = user.xmlsec1("--verify", ["--pubkey-cert-pem", "cert.pem"], &changed);
            assert!(!output.status.success(), "it verifies anything");
        }
    }
}

#[test]
fn what_xmlsec1_signs_is_verified_here() {
    let user = User::new();
    let certificate = fs::read_to_string(user.path("cert.pem")).unwrap();
    let base64: String = certificate.lines().filter(|line| !line.starts_with("---")).collect();
    for shape in [Shape::Java, Shape::Python] {
        for request in REQUESTS {
            let template = shape
                .template(request, Timestamp::now())
                .replace("@CERTIFICATE@", &base64)
                .replace("@TIMESTAMP-DIGEST@", "")
                .replace("@BODY-DIGEST@", "")
                .replace("@SIGNATURE@", "");
            let output = user.xmlsec1("--sign", ["--privkey-pem", "key.pem"], &template);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}\n{template}");
            let name = user.authenticate(&output.stdout);
            assert!(name.is_ok(), "{name:?}\n{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}
