//! The things that CreateTags and DeleteTags name.

use super::call::Call;
use super::describe_instances::visible;
use super::refusal::refuse;
use super::vpc;
use ec2_wire::{Code, Error, Text, shown};
use state::Taggable;
use types::InterfaceId;

/// The things that ids name: those with a row of their own, and the ids of those without, which
/// are there.
///
/// # Errors
/// `InvalidID` for text that is no id of a thing that can be tagged; NotFound of its kind for a
/// thing without a row that is not there.
pub(super) async fn things(
    call: &Call<'_>,
    ids: &[Text<64>],
) -> Result<(Vec<Taggable>, Vec<String>), Error> {
    let (mut things, mut derived) = (Vec::new(), Vec::new());
    for id in ids.iter().map(Text::as_str) {
        match stored(id) {
            Some(thing) => things.push(thing),
            None => {
                check_derived(call, id).await?;
                derived.push(id.to_owned());
            }
        }
    }
    Ok((things, derived))
}

fn stored(id: &str) -> Option<Taggable> {
    let parsed = [
        id.parse().ok().map(Taggable::Instance),
        id.parse().ok().map(Taggable::Image),
        id.parse().ok().map(Taggable::Group),
        id.parse().ok().map(Taggable::Rule),
        id.parse().ok().map(Taggable::KeyPair),
        id.parse().ok().map(Taggable::Address),
    ];
    parsed.into_iter().flatten().next()
}

/// Makes sure that a thing of the default VPC is there.
async fn check_derived(call: &Call<'_>, id: &str) -> Result<(), Error> {
    if let Ok(interface) = id.parse::<InterfaceId>() {
        let found = visible(call, vec![vpc::instance_of(interface)]).await;
        let not_found = |_| missing(Code::InvalidNetworkInterfaceIdNotFound, id);
        return found.map(|_| ()).map_err(not_found);
    }
    let account = call.user.account;
    let own = [
        vpc::vpc(account).to_string(),
        vpc::route_table(account).to_string(),
        vpc::gateway(account).to_string(),
    ];
    if own.iter().any(|own| own == id) {
        return Ok(());
    }
    let clusters = call.state().clusters().await.map_err(refuse)?;
    let subnet = |cluster: &state::Cluster| vpc::subnet(account, &cluster.config.name).to_string();
    if clusters.iter().any(|cluster| subnet(cluster) == id) {
        return Ok(());
    }
    Err(match id.split_once('-').map(|(kind, _)| kind) {
        Some("vpc") => missing(Code::InvalidVpcIdNotFound, id),
        Some("subnet") => missing(Code::InvalidSubnetIdNotFound, id),
        Some("rtb") => missing(Code::InvalidRouteTableIdNotFound, id),
        Some("igw") => missing(Code::InvalidInternetGatewayIdNotFound, id),
        _ => {
            let message = format!("The ID '{}' is not valid: nothing like it has tags", shown(id));
            Error::new(Code::InvalidId, message)
        }
    })
}

fn missing(code: Code, id: &str) -> Error {
    Error::new(code, format!("The ID '{}' does not exist", shown(id)))
}

/// What `resource-type` says of an id.
pub(super) fn resource_type(id: &str) -> &'static str {
    match id.split_once('-').map(|(kind, _)| kind) {
        Some("i") => "instance",
        Some("emi" | "eki" | "eri") => "image",
        Some("sg") => "security-group",
        Some("sgr") => "security-group-rule",
        Some("key") => "key-pair",
        Some("eipalloc") => "elastic-ip",
        Some("eni") => "network-interface",
        Some("vpc") => "vpc",
        Some("subnet") => "subnet",
        Some("rtb") => "route-table",
        Some("igw") => "internet-gateway",
        _ => "unknown",
    }
}
