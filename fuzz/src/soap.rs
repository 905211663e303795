//! A SOAP message, as anybody may send it.

use crate::query;
use ec2_wire::soap_tree;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use types::Timestamp;
use ws_security::{
    Authenticated, Certificate, Element, Envelope, Registered, Registry, canonical, with_root,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// What the owner of the certificate has signed, twice: the messages of the corpus.
const REQUEST: &str = "<ns1:DescribeKeyPairs \
     xmlns:ns1=\"http://ec2.amazonaws.com/doc/2008-12-01/\"><ns1:keySet><ns1:item>\
     <ns1:keyName>mykey</ns1:keyName></ns1:item></ns1:keySet></ns1:DescribeKeyPairs>";

static CERTIFICATE: LazyLock<Certificate> = LazyLock::new(|| {
    Certificate::from_pem(include_bytes!("soap-certificate.pem")).expect("a certificate")
});

/// The one user, whose key nobody has any more.
struct Owner;

impl Registry for Owner {
    type Caller = ();
    type Error = Infallible;

    async fn certificate(&self, fingerprint: &str) -> Result<Option<Registered<()>>, Infallible> {
        let own = CERTIFICATE.fingerprint() == fingerprint;
        Ok(own.then(|| Registered { caller: (), der: CERTIFICATE.der().to_vec() }))
    }

    async fn remember(&self, _: &str, _: Timestamp) -> Result<bool, Infallible> {
        Ok(true)
    }
}

/// Whatever is taken asks for the very thing that was signed; what is not a message at all is
/// read or refused, and its canonical form is its own.
pub fn soap(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        let mut authentication = pin!(envelope.authenticate(&Owner, NOW));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(outcome) = authentication.as_mut().poll(&mut context) else {
            panic!("there is nothing to wait for")
        };
        if let Ok(Authenticated { request, .. }) = outcome {
            let asked = canonical(request).expect("it was digested");
            assert_eq!(String::from_utf8_lossy(&asked), REQUEST, "forged");
        }
    }
    let _ = with_root(bytes, |root| {
        let Ok(once) = canonical(root) else { return };
        // a root without its surroundings has fewer namespaces, never more depth
        let again = with_root(&once, canonical).expect("canonical form is XML");
        // declarations at the same element may pass the limit that they did not pass before
        assert!(again.is_err() || again.is_ok_and(|again| again == once));
        if let Some(tree) = query::checked(soap_tree(&element(root), query::table())) {
            query::read(&tree.0);
            assert!(tree.1.iter().all(|name| crate::is_short(name)));
        }
    });
}

fn element(of: Element<'_>) -> ec2_wire::Element {
    let (name, text) = (of.name().to_owned(), of.text());
    ec2_wire::Element { name, text, children: of.children().map(element).collect() }
}
