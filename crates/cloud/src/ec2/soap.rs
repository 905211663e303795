//! EC2's SOAP interface, beside Query at `/services/Eucalyptus`: SOAP 1.1 messages that are signed
//! with an X.509 certificate, as the EC2 tools of 2008 send them.
//!
//! A message is read once, into one tree; the action and its parameters come from the very body
//! whose signature was verified. The header `SOAPAction`, which is not signed, decides nothing.

use super::access::Access;
use super::call::Call;
use super::{actions, read_body, refusal};
use crate::Cloud;
use axum::body::Body;
use ec2_wire::{Code, Error, Service, binding, soap_tree};
use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use state::User;
use types::{RequestId, Timestamp};
use ws_security::{Authenticated, Certificate, Envelope, Failure, Registered, Registry, Rule};

/// Whether a request is a SOAP message. Query has no XML.
pub(super) fn is_soap(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let xml = ["text/xml", "application/xml", "application/soap+xml"].contains(&kind.as_str());
    head.method == Method::POST && (xml || head.headers.contains_key("soapaction"))
}

/// Answers a message.
///
/// # Errors
/// What the fault says.
pub(super) async fn perform(
    cloud: &Cloud,
    head: &Parts,
    body: Body,
    id: RequestId,
    access: &mut Access,
) -> Result<Body, Error> {
    let body = read_body(head, body).await?;
    let now = cloud.now();
    let (user, request) = authenticate(cloud, &body, now).await?;
    access.user = Some(user.name.to_string());
    if !user.enabled {
        let message = format!("the user {} is disabled; ask the administrator", user.name);
        return Err(Error::new(Code::AuthFailure, message));
    }
    let version = binding(&request.namespace)?;
    let entry = actions::find(Service::Ec2, &request.element.name)?;
    access.action = entry.definition.name;
    let (tree, ignored) = soap_tree(&request.element, entry.definition.parameters)?;
    super::note_ignored(cloud, entry.definition.name, ignored);
    let state = cloud.state().on_behalf_of(id);
    entry
        .call(Call { cloud, state, user: &user, version, now, request: id, soap: true }, &tree)
        .await
}

/// What a signed body asks for.
struct Request {
    namespace: String,
    element: ec2_wire::Element,
}

/// The user who has signed a message, enabled or not, and the request in it.
async fn authenticate(
    cloud: &Cloud,
    body: &[u8],
    now: Timestamp,
) -> Result<(User, Request), Error> {
    let envelope = Envelope::parse(body).map_err(refuse)?;
    let certificates = Certificates { state: cloud.state(), now };
    let Authenticated { caller, request } =
        envelope.authenticate(&certificates, now).await.map_err(|failure| match failure {
            Failure::Refused(rule) => refuse(rule),
            Failure::Registry(error) => refusal::refuse(error),
        })?;
    let namespace = request.namespace().to_owned();
    let element = element(request, &namespace)?;
    Ok((caller, Request { namespace, element }))
}

/// The element as the action's definition reads it: all of it is in one namespace.
fn element(of: ws_security::Element<'_>, namespace: &str) -> Result<ec2_wire::Element, Error> {
    if of.namespace() != namespace {
        let name = ec2_wire::shown(of.name());
        let message = format!("the element {name} is not in the namespace of the request");
        return Err(Error::new(Code::InvalidSoapRequest, message));
    }
    let children =
        of.children().map(|child| element(child, namespace)).collect::<Result<_, _>>()?;
    Ok(ec2_wire::Element { name: of.name().to_owned(), text: of.text(), children })
}

/// The code under which a rule of the message is told.
fn refuse(rule: Rule) -> Error {
    let code = match rule {
        Rule::NotExpired | Rule::NotFromFuture => Code::RequestExpired,
        Rule::CertificateKnown
        | Rule::CertificateSame
        | Rule::CertificateInTime
        | Rule::StrongKey
        | Rule::SignatureValid
        | Rule::BodyDigest
        | Rule::TimestampDigest
        | Rule::Once => Code::AuthFailure,
        Rule::Length
        | Rule::WellFormed
        | Rule::NoDocumentType
        | Rule::NoInstruction
        | Rule::NoComment
        | Rule::NoEntity
        | Rule::Depth
        | Rule::Elements
        | Rule::Attributes
        | Rule::Namespaces
        | Rule::PlainNames
        | Rule::Prefixes
        | Rule::AttributesDiffer
        | Rule::EnvelopeParts
        | Rule::BodyParts => Code::InvalidSoapRequest,
        _ => Code::InvalidSecurity,
    };
    Error::new(code, rule.to_string())
}

/// The users' certificates, and the messages that were taken, in the database.
struct Certificates<'a> {
    state: &'a state::State,
    now: Timestamp,
}

impl Registry for Certificates<'_> {
    type Caller = User;
    type Error = state::Error;

    /// What is stored and cannot be used is nobody's: bundles are verified with older
    /// certificates than messages are.
    async fn certificate(
        &self,
        fingerprint: &str,
    ) -> Result<Option<Registered<User>>, state::Error> {
        let found = self.state.certificate(fingerprint).await?;
        Ok(found.and_then(|(caller, pem)| {
            let certificate = Certificate::from_pem(pem.as_bytes()).ok()?;
            Some(Registered { caller, der: certificate.der().to_vec() })
        }))
    }

    async fn remember(&self, message: &str, until: Timestamp) -> Result<bool, state::Error> {
        self.state.remember_message(message.to_owned(), until, self.now).await
    }
}
