//! EC2's Query interface, served at `/services/Eucalyptus` beside [`soap`], and what clients ask
//! STS and IAM before they use it, served at `/services/Tokens` and `/services/Euare` and beside
//! EC2 too.
//!
//! Each action is one file below, called after it: what it takes and answers (an
//! [`ec2_wire::Action`]) and what it does (a [`Run`](call::Run)). [`actions`] lists them.

mod access;
mod act;
mod actions;
mod address;
mod allocate_address;
mod associate_address;
mod authenticate;
mod authorize;
mod authorize_security_group_egress;
mod authorize_security_group_ingress;
mod call;
mod confirm_product_instance;
mod create_key_pair;
mod create_security_group;
mod create_tags;
mod delete_key_pair;
mod delete_security_group;
mod delete_tags;
mod der;
mod deregister_image;
mod describe_account_attributes;
mod describe_addresses;
mod describe_availability_zones;
mod describe_image_attribute;
mod describe_images;
mod describe_instance_attribute;
mod describe_instance_status;
mod describe_instance_type_offerings;
mod describe_instance_types;
mod describe_instances;
mod describe_internet_gateways;
mod describe_key_pairs;
mod describe_network_interfaces;
mod describe_regions;
mod describe_route_tables;
mod describe_security_group_rules;
mod describe_security_groups;
mod describe_subnets;
mod describe_tags;
mod describe_vpc_attribute;
mod describe_vpcs;
mod disassociate_address;
mod get_caller_identity;
mod get_console_output;
mod get_password_data;
mod get_user;
mod group_rule;
mod image_attribute;
mod import_key_pair;
mod instance_attribute;
mod interface;
mod launch_network;
mod launch_options;
mod metadata_options;
mod modify_image_attribute;
mod modify_instance_attribute;
mod modify_instance_metadata_options;
mod modify_security_group_rules;
mod monitor_instances;
mod notes;
mod page;
mod permission;
mod public_key;
mod reboot_instances;
mod refusal;
mod register_image;
mod release_address;
mod reservation;
mod reset_image_attribute;
mod reset_instance_attribute;
mod revoke;
mod revoke_security_group_egress;
mod revoke_security_group_ingress;
mod rsa_key;
mod rule_descriptions;
mod run_instances;
mod soap;
mod start_instances;
mod state_changes;
mod stop_instances;
mod tag_specification;
mod taggable;
mod terminate_instances;
mod unmonitor_instances;
mod update_security_group_rule_descriptions_egress;
mod update_security_group_rule_descriptions_ingress;
mod vpc;

#[cfg(test)]
mod tests;

pub use act::{Refused, act};

use crate::{Cloud, front};
use access::Access;
use authenticate::authenticate;
use axum::body::Body;
use bytes::Bytes;
use call::Call;
use ec2_wire::{
    Code, Definition, Error, Service, Tree, Version, error_document, fault_document, unknown,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tracing::Instrument;
use types::RequestId;

/// The longest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// What every action takes and answers, for documentation and for tests that try them all.
pub fn definitions() -> impl Iterator<Item = &'static Definition> {
    actions::ACTIONS.iter().map(|entry| &entry.definition)
}

/// Answers one request: a GET, a POST with a form, or a SOAP message.
pub async fn handle(cloud: &Cloud, request: Request<Body>) -> Response<Body> {
    let id = RequestId::random();
    let span = tracing::info_span!("ec2", request = %id);
    let (status, document) = async {
        let at = front::query_service(request.uri().path()).unwrap_or(Service::Ec2);
        let (head, body) = request.into_parts();
        if at == Service::Ec2 && soap::is_soap(&head) {
            handle_soap(cloud, &head, body, id).await
        } else {
            handle_query(cloud, at, head, body, id).await
        }
    }
    .instrument(span)
    .await;
    respond(status, document, &id.to_string())
}

async fn handle_query(
    cloud: &Cloud,
    at: Service,
    head: Parts,
    body: Body,
    id: RequestId,
) -> (StatusCode, Body) {
    let mut access = Access::begin();
    match answer(cloud, at, head, body, id, &mut access).await {
        Ok((service, document)) => {
            access.end(cloud, service, None);
            (StatusCode::OK, document)
        }
        Err((service, error)) => {
            access.end(cloud, service, Some(&error));
            let (status, document) = error_document(service, &error, &id.to_string());
            (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), document.into())
        }
    }
}

async fn handle_soap(cloud: &Cloud, head: &Parts, body: Body, id: RequestId) -> (StatusCode, Body) {
    let mut access = Access::begin();
    match soap::perform(cloud, head, body, id, &mut access).await {
        Ok(document) => {
            access.end(cloud, Service::Ec2, None);
            (StatusCode::OK, document)
        }
        Err(error) => {
            access.end(cloud, Service::Ec2, Some(&error));
            let fault = fault_document(&error, &id.to_string());
            (StatusCode::INTERNAL_SERVER_ERROR, fault.into())
        }
    }
}

fn respond(status: StatusCode, document: Body, request_id: &str) -> Response<Body> {
    let mut response = Response::new(document);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let xml = HeaderValue::from_static("text/xml;charset=UTF-8");
    headers.insert(header::CONTENT_TYPE, xml);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// A request as it was read.
struct Asked {
    head: Parts,
    body: Bytes,
    parameters: Vec<(String, String)>,
    tree: Tree,
}

impl Asked {
    async fn read(head: Parts, body: Body) -> Result<Self, Error> {
        let body = read_body(&head, body).await?;
        let parameters = parameters(&head, &body)?;
        // First the limits, so that a stranger cannot make the signature costly to check.
        let tree = Tree::from_pairs(&parameters)?;
        Ok(Self { head, body, parameters, tree })
    }

    fn version(&self) -> Result<Version, Error> {
        let version = self.tree.at("Version").and_then(Tree::value).filter(|text| !text.is_empty());
        version.map_or(Ok(Version::DEFAULT), Version::parse)
    }

    /// The service that is meant by a request to this one: Ansible asks STS who it is at the
    /// address of EC2.
    fn service(&self, at: Service) -> Service {
        if at != Service::Ec2 {
            return at;
        }
        let by_name = action_name(&self.tree).ok().and_then(actions::service_of);
        by_name.unwrap_or_else(|| self.version().map_or(at, Service::of_version))
    }
}

/// Answers a request; a refusal comes with the service whose document carries it.
async fn answer(
    cloud: &Cloud,
    at: Service,
    head: Parts,
    body: Body,
    id: RequestId,
    access: &mut Access,
) -> Result<(Service, Body), (Service, Error)> {
    let asked = Asked::read(head, body).await.map_err(|error| (at, error))?;
    let service = asked.service(at);
    match perform(cloud, service, &asked, id, access).await {
        Ok(document) => Ok((service, document)),
        Err(error) => Err((service, error)),
    }
}

async fn perform(
    cloud: &Cloud,
    service: Service,
    asked: &Asked,
    id: RequestId,
    access: &mut Access,
) -> Result<Body, Error> {
    let now = cloud.now();
    let user = authenticate(cloud, &asked.head, &asked.parameters, &asked.body, now).await?;
    access.user = Some(user.name.to_string());
    let entry = actions::find(service, action_name(&asked.tree)?)?;
    let action = entry.definition.name;
    access.action = action;
    note_ignored(cloud, action, unknown(&asked.tree, entry.definition.parameters));
    let version = asked.version()?;
    let state = cloud.state().on_behalf_of(id);
    entry
        .call(
            Call { cloud, state, user: &user, version, now, request: id, soap: false },
            &asked.tree,
        )
        .await
}

/// Logs and counts what a request has that its action does not know.
fn note_ignored(cloud: &Cloud, action: &'static str, ignored: Vec<String>) {
    if !ignored.is_empty() {
        tracing::info!(count = ignored.len(), "ignored unknown parameters: {}", ignored.join(" "));
        cloud.ignored.count(action, ignored);
    }
}

async fn read_body(head: &Parts, body: Body) -> Result<Bytes, Error> {
    if head.method != Method::POST {
        return Ok(Bytes::new());
    }
    let collected = Limited::new(body, MAX_BODY_BYTES).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            let message = format!("the request's body has more than {MAX_BODY_BYTES} bytes");
            return Error::new(Code::RequestEntityTooLarge, message);
        }
        let message = "the request's body ended before it was complete";
        Error::new(Code::MalformedQueryString, message).because(error)
    })
}

/// The parameters of the query, then those of the form.
fn parameters(head: &Parts, body: &[u8]) -> Result<Vec<(String, String)>, Error> {
    if head.method != Method::GET && head.method != Method::POST {
        let message = "requests are made with GET, or with POST and a form";
        return Err(Error::new(Code::InvalidAction, message));
    }
    let malformed = |why: &str| Error::new(Code::MalformedQueryString, why);
    let decode =
        |text: &str| signature::decode_pairs(text).map_err(|error| malformed(&error.to_string()));
    let form = std::str::from_utf8(body).map_err(|_| malformed("the form is not UTF-8"))?;
    let mut pairs = decode(head.uri.query().unwrap_or(""))?;
    pairs.extend(decode(form)?);
    Ok(pairs)
}

fn action_name(tree: &Tree) -> Result<&str, Error> {
    let named = |name| tree.at(name).and_then(Tree::value).filter(|text| !text.is_empty());
    named("Action").or_else(|| named("Operation")).ok_or_else(|| {
        Error::new(Code::MissingAction, "the request must contain the parameter Action")
    })
}
