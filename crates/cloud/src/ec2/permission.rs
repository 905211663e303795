//! How requests name the rules of a security group: one in flat parameters (the form of 2008 in
//! Query), or permissions in a list.

use super::call::Call;
use super::refusal::refuse;
use ec2_wire::{Code, Error, Kind, Place, Text, Value, Version, parameters};
use ipnet::Ipv4Net;
use protocol::{GroupRule, Peer};
use state::{Direction, GroupRef, NewRule, SecurityGroup};
use types::{AccountId, GroupId, GroupName, PortRange, Protocol};

/// The version since which requests and answers know a rule for all protocols. To older tools it
/// is three rules.
const ALL_PROTOCOLS: Version = Version::new(2010, 11, 15);

parameters! {
    /// Rules for one protocol and range.
    #[derive(Clone)]
    pub(super) struct Permission {
        /// tcp, udp, icmp, or -1 for all protocols.
        protocol: Text<16> = "IpProtocol", "ipProtocol";
        /// The first port, or the ICMP type.
        from_port: Option<i32> = "FromPort", "fromPort";
        /// The last port, or the ICMP code.
        to_port: Option<i32> = "ToPort", "toPort";
        /// The groups whose members are the other side.
        groups: Vec<PeerGroup> = "Groups.N", "groups/item";
        /// The networks that are the other side.
        ranges: Vec<Range> = "IpRanges.N", "ipRanges/item";
        /// IPv6 networks; they are refused, for instances have no IPv6.
        ranges_v6: Vec<RangeV6> = "Ipv6Ranges.N", "ipv6Ranges/item", since (2016, 11, 15);
        /// Prefix lists; they are refused, for this cloud has none.
        prefix_lists: Vec<PrefixList> =
            "PrefixListIds.N", "prefixListIds/item", since (2016, 11, 15);
    }
}

parameters! {
    /// A group whose members are the other side of a rule.
    #[derive(Clone)]
    pub(super) struct PeerGroup {
        /// Its owner: an account number or a user's name; the caller when none is given.
        owner: Option<Text<64>> = "UserId", "userId";
        /// Its name.
        name: Option<GroupName> = "GroupName", "groupName";
        /// Its id.
        id: Option<GroupId> = "GroupId", "groupId", since (2011, 1, 1);
        /// What the rule is for.
        description: Option<Description> = "Description", "description", since (2016, 11, 15);
    }
}

parameters! {
    /// A network that is the other side of a rule.
    #[derive(Clone)]
    pub(super) struct Range {
        /// The network.
        cidr: Ipv4Net = "CidrIp", "cidrIp";
        /// What the rule is for.
        description: Option<Description> = "Description", "description", since (2016, 11, 15);
    }
}

parameters! {
    /// An IPv6 network.
    #[derive(Clone)]
    pub(super) struct RangeV6 {
        /// The network.
        cidr: Text<64> = "CidrIpv6", "cidrIpv6", since (2016, 11, 15);
    }
}

parameters! {
    /// A prefix list.
    #[derive(Clone)]
    pub(super) struct PrefixList {
        /// Its id.
        id: Text<64> = "PrefixListId", "prefixListId", since (2016, 11, 15);
    }
}

/// What a rule is for, in the characters that EC2 allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description(String);

impl Value for Description {
    const KIND: Kind = Kind::Text(255);

    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
        let text = Text::<255>::parse(text, place)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
        if text.as_str().chars().all(allowed) {
            return Ok(Self(text.into()));
        }
        let rule = "It has letters, digits, spaces and ._-:/()#,@[]+=&;{}!$* only.";
        Err(Error::invalid(place, text.as_str(), rule))
    }
}

impl Description {
    /// The text; empty when none was given.
    pub(super) fn text(given: Option<Self>) -> String {
        given.map(|description| description.0).unwrap_or_default()
    }
}

/// The flat parameters of a single rule.
pub(super) struct Flat {
    pub(super) protocol: Option<Text<16>>,
    pub(super) from_port: Option<i32>,
    pub(super) to_port: Option<i32>,
    pub(super) cidr: Option<Ipv4Net>,
    pub(super) group: Option<GroupName>,
    pub(super) owner: Option<Text<64>>,
}

impl Flat {
    /// Whether a rule is named in flat parameters.
    pub(super) const fn is_given(&self) -> bool {
        self.protocol.is_some() || self.cidr.is_some() || self.group.is_some()
    }

    /// The rule as a permission.
    fn permission(self) -> Result<Permission, Error> {
        // Old tools leave the protocol out to let all traffic of a group in.
        let protocol = match (self.protocol, &self.group) {
            (Some(protocol), _) => protocol,
            (None, Some(_)) => Text::parse("-1", &Place::ROOT)?,
            (None, None) => return Err(Error::missing("IpProtocol")),
        };
        let group = self.group.map(|name| PeerGroup {
            owner: self.owner,
            name: Some(name),
            id: None,
            description: None,
        });
        let range = self.cidr.map(|cidr| Range { cidr, description: None });
        Ok(Permission {
            protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            groups: group.into_iter().collect(),
            ranges: range.into_iter().collect(),
            ranges_v6: Vec::new(),
            prefix_lists: Vec::new(),
        })
    }
}

/// Makes sure that the owner of the group to be changed, where a request names one, is the caller.
///
/// # Errors
/// `InvalidGroup.NotFound`, as for a group that does not exist.
pub(super) fn check_owner(call: &Call<'_>, owner: Option<&Text<64>>) -> Result<(), Error> {
    let Some(owner) = owner.map(Text::as_str) else { return Ok(()) };
    if owner == call.user.name.as_str() || owner.parse() == Ok(call.user.account) {
        return Ok(());
    }
    let message = format!("the user \"{owner}\" has no such security group that you may change");
    Err(Error::new(Code::InvalidGroupNotFound, message))
}

/// The group that a request names; the id is preferred.
pub(super) fn named(name: Option<GroupName>, id: Option<GroupId>) -> Result<GroupRef, Error> {
    id.map(GroupRef::Id)
        .or(name.map(GroupRef::Name))
        .ok_or_else(|| Error::missing("GroupName or GroupId"))
}

/// The permissions of a request, which has them in one form only.
pub(super) fn permissions(flat: Flat, list: Vec<Permission>) -> Result<Vec<Permission>, Error> {
    match (flat.is_given(), list.is_empty()) {
        (true, true) => Ok(vec![flat.permission()?]),
        (true, false) => {
            let message = "IpPermissions and the parameters of a single rule exclude each other";
            Err(Error::new(Code::InvalidParameterCombination, message))
        }
        (false, true) => Err(Error::missing("IpPermissions")),
        (false, false) => Ok(list),
    }
}

/// Whether a caller of this version knows rules for all protocols. Egress is younger than they
/// are.
pub(super) fn knows_all_protocols(version: Version, direction: Direction) -> bool {
    version >= ALL_PROTOCOLS || direction == Direction::Egress
}

/// The three protocols that older tools know, each with everything that it has.
pub(super) fn three_protocols() -> [(Protocol, PortRange); 3] {
    let ports = PortRange { from: 0, to: 65535 };
    [(Protocol::Tcp, ports), (Protocol::Udp, ports), (Protocol::Icmp, PortRange::ALL)]
}

/// How permissions become rules.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// Whether a permission for all protocols is one rule; it is three otherwise.
    pub(super) all_is_one: bool,
    /// The code for an IPv6 network and a prefix list, which no rule here has.
    pub(super) not_here: Code,
}

/// The rules that permissions name.
///
/// # Errors
/// When a rule is not fully or not rightly named, or a group that it names is not there.
pub(super) async fn rules(
    call: &Call<'_>,
    permissions: Vec<Permission>,
    how: Reading,
) -> Result<Vec<NewRule>, Error> {
    let mut rules = Vec::new();
    for permission in permissions {
        let traffic = match traffic(
            permission.protocol.as_str(),
            permission.from_port,
            permission.to_port,
        )? {
            (Protocol::All, _) if !how.all_is_one => three_protocols().to_vec(),
            one => vec![one],
        };
        let peers = peers(call, permission, how.not_here).await?;
        for (protocol, ports) in traffic {
            let rule = |(peer, description): (Peer, String)| NewRule {
                rule: GroupRule { protocol, ports, peer },
                description,
            };
            rules.extend(peers.iter().cloned().map(rule));
        }
    }
    Ok(rules)
}

/// The protocol and the ports of a rule.
pub(super) fn traffic(
    protocol: &str,
    from: Option<i32>,
    to: Option<i32>,
) -> Result<(Protocol, PortRange), Error> {
    let protocol =
        Protocol::parse(protocol).map_err(|error| Error::invalid("IpProtocol", protocol, error))?;
    let port = |given: Option<i32>, name| match (given, protocol) {
        (Some(port), _) => Ok(port),
        (None, Protocol::Icmp | Protocol::All) => Ok(-1),
        (None, _) => Err(Error::missing(name)),
    };
    let (from, to) = (port(from, "FromPort")?, port(to, "ToPort")?);
    let ports = PortRange::checked(protocol, from, to)
        .map_err(|error| Error::new(Code::InvalidParameterValue, error.to_string()))?;
    Ok((protocol, ports))
}

/// What is refused for naming something that rules of this cloud do not have.
pub(super) fn not_here(named: &str, code: Code) -> Error {
    let message = format!("{named}: rules name IPv4 networks and groups; instances have no IPv6");
    Error::new(code, message)
}

/// The other sides of a permission, each with its description.
async fn peers(
    call: &Call<'_>,
    permission: Permission,
    code: Code,
) -> Result<Vec<(Peer, String)>, Error> {
    let v6 = permission.ranges_v6.first().map(|range| range.cidr.as_str());
    let list = permission.prefix_lists.first().map(|list| list.id.as_str());
    if let Some(named) = v6.or(list) {
        return Err(not_here(named, code));
    }
    let range = |range: Range| (Peer::Cidr(range.cidr), Description::text(range.description));
    let mut peers: Vec<_> = permission.ranges.into_iter().map(range).collect();
    for group in permission.groups {
        peers.push((peer_group(call, &group).await?, Description::text(group.description)));
    }
    if peers.is_empty() {
        return Err(Error::missing("CidrIp, or a group"));
    }
    Ok(peers)
}

async fn peer_group(call: &Call<'_>, group: &PeerGroup) -> Result<Peer, Error> {
    let owner = owner(call, group).await?;
    let name = match (&group.name, group.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => {
            let groups = call.state().security_groups(owner, call.now).await.map_err(refuse)?;
            let found = groups.into_iter().find(|candidate| candidate.id == id);
            let SecurityGroup { name, .. } = found.ok_or_else(|| not_found(group))?;
            name
        }
        (None, None) => return Err(Error::missing("GroupName or GroupId of the rule's group")),
    };
    Ok(Peer::Group { account: owner, group: name })
}

/// The owner of a rule's group: named by number or name, else the caller.
async fn owner(call: &Call<'_>, group: &PeerGroup) -> Result<AccountId, Error> {
    let Some(named) = group.owner.as_ref().map(Text::as_str) else { return Ok(call.user.account) };
    let user = match named.parse() {
        Ok(account) => call.state().user_by_account(account).await,
        Err(_) => call.state().user_by_name(named).await,
    };
    Ok(user.map_err(refuse)?.ok_or_else(|| not_found(group))?.account)
}

/// The same for a user who does not exist as for a group that does not.
fn not_found(group: &PeerGroup) -> Error {
    let id = group.id.map(|id| id.to_string());
    let name = group.name.as_ref().map(ToString::to_string).or(id).unwrap_or_default();
    Error::new(Code::InvalidGroupNotFound, format!("the security group \"{name}\" does not exist"))
}
