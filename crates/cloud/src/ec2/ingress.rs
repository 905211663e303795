//! The parameters that AuthorizeSecurityGroupIngress and RevokeSecurityGroupIngress share: one
//! rule in flat parameters (the form of 2008 in Query), or permissions in a list.

use super::call::Call;
use super::refusal::refuse;
use ec2_wire::{Code, Error, Place, Text, Value, parameters};
use ipnet::Ipv4Net;
use protocol::{IngressRule, RuleSource};
use state::{GroupRef, SecurityGroup};
use types::{AccountId, GroupId, GroupName, PortRange, Protocol};

parameters! {
    pub(super) struct Input {
        /// The group, by name.
        group: Option<GroupName> = "GroupName", "groupName";
        /// The group, by id.
        group_id: Option<GroupId> = "GroupId", "groupId", since (2011, 1, 1);
        /// The rules.
        permissions: Vec<Permission> = "IpPermissions.N", "ipPermissions/item";
        /// The protocol of a single rule: tcp, udp, icmp, or -1 for all three.
        protocol: Option<Text<16>> = "IpProtocol", "";
        /// The first port of a single rule, or the ICMP type.
        from_port: Option<i32> = "FromPort", "";
        /// The last port of a single rule, or the ICMP code.
        to_port: Option<i32> = "ToPort", "";
        /// The network that a single rule lets in.
        cidr: Option<Ipv4Net> = "CidrIp", "";
        /// The group whose members a single rule lets in; without a protocol, for all of them.
        source_group: Option<GroupName> = "SourceSecurityGroupName", "";
        /// The owner of that group: an account number or a user's name.
        source_owner: Option<Text<64>> =
            "SourceSecurityGroupOwnerId", "";
    }
}

parameters! {
    /// Rules for one protocol and range.
    pub(super) struct Permission {
        /// tcp, udp, icmp, or -1 for all three.
        protocol: Text<16> = "IpProtocol", "ipProtocol";
        /// The first port, or the ICMP type.
        from_port: Option<i32> = "FromPort", "fromPort";
        /// The last port, or the ICMP code.
        to_port: Option<i32> = "ToPort", "toPort";
        /// The groups whose members are let in.
        groups: Vec<SourceGroup> = "Groups.N", "groups/item";
        /// The networks that are let in.
        ranges: Vec<Range> = "IpRanges.N", "ipRanges/item";
        /// IPv6 networks; they are refused, for instances have no IPv6.
        ranges_v6: Vec<RangeV6> = "Ipv6Ranges.N", "ipv6Ranges/item", since (2016, 11, 15);
    }
}

parameters! {
    /// A group whose members are let in.
    pub(super) struct SourceGroup {
        /// Its owner: an account number or a user's name; the caller when none is given.
        owner: Option<Text<64>> = "UserId", "userId";
        /// Its name.
        name: Option<GroupName> = "GroupName", "groupName";
        /// Its id.
        id: Option<GroupId> = "GroupId", "groupId", since (2011, 1, 1);
    }
}

parameters! {
    /// A network that is let in.
    pub(super) struct Range {
        /// The network.
        cidr: Ipv4Net = "CidrIp", "cidrIp";
    }
}

parameters! {
    /// An IPv6 network.
    pub(super) struct RangeV6 {
        /// The network.
        cidr: Text<64> = "CidrIpv6", "cidrIpv6";
    }
}

/// The group that a request names; the id is preferred.
pub(super) fn named(name: Option<GroupName>, id: Option<GroupId>) -> Result<GroupRef, Error> {
    id.map(GroupRef::Id)
        .or(name.map(GroupRef::Name))
        .ok_or_else(|| Error::missing("GroupName or GroupId"))
}

/// The group of the caller and the rules that a request names.
///
/// # Errors
/// When the group or a rule is not fully or not rightly named, or a source group is not there.
pub(super) async fn change(
    call: &Call<'_>,
    input: Input,
) -> Result<(GroupRef, Vec<IngressRule>), Error> {
    let group = named(input.group.clone(), input.group_id)?;
    let flat = input.protocol.is_some() || input.cidr.is_some() || input.source_group.is_some();
    let permissions = match (flat, input.permissions.is_empty()) {
        (true, true) => vec![single(input)?],
        (true, false) => {
            let message = "IpPermissions and the parameters of a single rule exclude each other";
            return Err(Error::new(Code::InvalidParameterCombination, message));
        }
        (false, true) => return Err(Error::missing("IpPermissions")),
        (false, false) => input.permissions,
    };
    let mut rules = Vec::new();
    for permission in permissions {
        let sources = sources(call, &permission).await?;
        for (protocol, ports) in traffic(&permission)? {
            let rule = |source| IngressRule { protocol, ports, source };
            rules.extend(sources.iter().cloned().map(rule));
        }
    }
    Ok((group, rules))
}

/// The flat parameters as a permission.
fn single(input: Input) -> Result<Permission, Error> {
    // Old tools leave the protocol out to let all traffic of a group in.
    let protocol = match (input.protocol, &input.source_group) {
        (Some(protocol), _) => protocol,
        (None, Some(_)) => Text::parse("-1", &Place::ROOT)?,
        (None, None) => return Err(Error::missing("IpProtocol")),
    };
    let source = input.source_group.map(|name| SourceGroup {
        owner: input.source_owner,
        name: Some(name),
        id: None,
    });
    Ok(Permission {
        protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        groups: source.into_iter().collect(),
        ranges: input.cidr.into_iter().map(|cidr| Range { cidr }).collect(),
        ranges_v6: Vec::new(),
    })
}

/// Protocols and ports of a permission: one of each, or all there are.
fn traffic(permission: &Permission) -> Result<Vec<(Protocol, PortRange)>, Error> {
    if matches!(permission.protocol.as_str(), "-1" | "all") {
        let all = |protocol, from, to| (protocol, PortRange { from, to });
        return Ok(vec![
            all(Protocol::Tcp, 0, 65535),
            all(Protocol::Udp, 0, 65535),
            all(Protocol::Icmp, -1, -1),
        ]);
    }
    let protocol = Protocol::parse(permission.protocol.as_str())
        .map_err(|error| Error::invalid("IpProtocol", permission.protocol.as_str(), error))?;
    let port = |given: Option<i32>, name| match (given, protocol) {
        (Some(port), _) => Ok(port),
        (None, Protocol::Icmp) => Ok(-1),
        (None, _) => Err(Error::missing(name)),
    };
    let (from, to) = (port(permission.from_port, "FromPort")?, port(permission.to_port, "ToPort")?);
    let ports = PortRange::checked(protocol, from, to)
        .map_err(|error| Error::new(Code::InvalidParameterValue, error.to_string()))?;
    Ok(vec![(protocol, ports)])
}

async fn sources(call: &Call<'_>, permission: &Permission) -> Result<Vec<RuleSource>, Error> {
    if let Some(range) = permission.ranges_v6.first() {
        let message = format!("{}: instances of this cloud have no IPv6", range.cidr);
        return Err(Error::new(Code::UnsupportedOperation, message));
    }
    let mut sources: Vec<_> =
        permission.ranges.iter().map(|range| RuleSource::Cidr(range.cidr)).collect();
    for group in &permission.groups {
        sources.push(source_group(call, group).await?);
    }
    if sources.is_empty() {
        return Err(Error::missing("CidrIp, or a source group"));
    }
    Ok(sources)
}

async fn source_group(call: &Call<'_>, group: &SourceGroup) -> Result<RuleSource, Error> {
    let owner = owner(call, group).await?;
    let name = match (&group.name, group.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => {
            let groups = call.state().security_groups(owner, call.now).await.map_err(refuse)?;
            let found = groups.into_iter().find(|candidate| candidate.id == id);
            let SecurityGroup { name, .. } = found.ok_or_else(|| not_found(group))?;
            name
        }
        (None, None) => return Err(Error::missing("GroupName or GroupId of the source group")),
    };
    Ok(RuleSource::Group { account: owner, group: name })
}

/// The owner of a source group: named by number or name, else the caller.
async fn owner(call: &Call<'_>, group: &SourceGroup) -> Result<AccountId, Error> {
    let Some(named) = group.owner.as_ref().map(Text::as_str) else { return Ok(call.user.account) };
    let user = match named.parse() {
        Ok(account) => call.state().user_by_account(account).await,
        Err(_) => call.state().user_by_name(named).await,
    };
    Ok(user.map_err(refuse)?.ok_or_else(|| not_found(group))?.account)
}

/// The same for a user who does not exist as for a group that does not.
fn not_found(group: &SourceGroup) -> Error {
    let id = group.id.map(|id| id.to_string());
    let name = group.name.as_ref().map(ToString::to_string).or(id).unwrap_or_default();
    Error::new(Code::InvalidGroupNotFound, format!("the security group \"{name}\" does not exist"))
}
