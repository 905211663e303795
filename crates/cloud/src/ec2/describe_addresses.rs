//! DescribeAddresses.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::vpc;
use ec2_wire::{
    Action, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use state::{Address, AddressRef, Association, Error as Refused, Owner};
use std::net::Ipv4Addr;
use types::{AllocationId, Tags};

pub(super) struct DescribeAddresses;

parameters! {
    pub(super) struct Input {
        /// The addresses to show; all when none is named.
        ips: Vec<Ipv4Addr> = "PublicIp.N", "publicIpsSet/item/publicIp";
        /// The same by their allocations.
        allocations: Vec<AllocationId> =
            "AllocationId.N", "allocationIdsSet/item/allocationId", since (2011, 1, 1);
        /// Shows only addresses with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

/// An address with the caller's tags.
pub(super) struct Shown {
    address: Address,
    tags: Tags,
}

impl Shown {
    const fn owner(&self) -> Option<&Owner> {
        self.address.owner.as_ref()
    }

    const fn association(&self) -> Option<&Association> {
        self.address.association.as_ref()
    }
}

pub(super) struct Output {
    shown: Vec<Shown>,
    /// Whether the caller sees whose they are.
    admin: bool,
}

filterable! {
    Shown, tagged by shown.tags: |shown, values| {
        "allocation-id" => values.all(shown.owner().map(|owner| owner.allocation)),
        "association-id" => values.all(shown.association().and_then(|there| there.id)),
        "domain" => values.add("vpc"),
        "instance-id" => values.all(shown.association().map(|there| there.instance)),
        "network-interface-id" =>
            values.all(shown.association().map(|there| vpc::interface(there.instance))),
        "network-interface-owner-id" =>
            values.all(shown.association().and(shown.owner()).map(|owner| owner.account)),
        "private-ip-address" => values.all(shown.association().map(|there| there.private_ip)),
        "public-ip" => values.add(shown.address.ip),
    }
}

impl Action for DescribeAddresses {
    const NAME: &'static str = "DescribeAddresses";
    const DOC: &'static str = "Shows the caller's public addresses. In the versions of old tools \
                               administrators see those of everybody, and the free ones.";
    const SINCE: Version = Version::new(2008, 2, 1);
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeAddresses {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown>(&input.filters)?;
        // SDKs take a free address of their list for one that they may use.
        let everybodys = call.user.admin && call.version < Version::new(2011, 1, 1);
        let account = (!everybodys).then_some(call.user.account);
        let mut addresses = call.state().addresses(account).await.map_err(refuse)?;
        let named = input.ips.into_iter().map(AddressRef::Ip);
        let by_allocation = input.allocations.into_iter().map(AddressRef::Allocation);
        let named: Vec<_> = named.chain(by_allocation).collect();
        if let Some(unknown) = named.iter().find(|name| !addresses.iter().any(|it| is(it, name))) {
            return Err(refuse(Refused::AddressNotFound(*unknown)));
        }
        addresses.retain(|it| named.is_empty() || named.iter().any(|name| is(it, name)));
        let tags = call.state().tags(call.user.account, &["eipalloc-"]).await.map_err(refuse)?;
        let with_tags = |address: Address| {
            let id = address.owner.as_ref().map(|owner| owner.allocation);
            Shown { tags: id.map(|id| tags.of(id)).unwrap_or_default(), address }
        };
        let mut shown: Vec<_> = addresses.into_iter().map(with_tags).collect();
        shown.retain(|shown| passes(shown, &input.filters));
        Ok(Output { shown, admin: call.user.admin })
    }
}

fn is(address: &Address, named: &AddressRef) -> bool {
    match named {
        AddressRef::Ip(ip) => address.ip == *ip,
        AddressRef::Allocation(id) => {
            address.owner.as_ref().is_some_and(|owner| owner.allocation == *id)
        }
        AddressRef::Association(_) => false,
    }
}

/// What 1.4 says in the place of the instance (FACTS 4.4).
fn as_in_1_4(shown: &Shown, admin: bool) -> String {
    let there = shown.association().map(|there| there.instance.to_string());
    match (shown.owner(), there) {
        (None, None) => "nobody".to_owned(),
        // as of 1.5, where the cloud itself has those that instances get at their launch
        (None, Some(there)) => format!("{there} (eucalyptus)"),
        (Some(owner), there) => {
            let there = there.unwrap_or_else(|| "available".to_owned());
            if admin { format!("{there} ({})", owner.user) } else { there }
        }
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("addressesSet", &self.shown, |xml, shown| {
            xml.text("publicIp", shown.address.ip);
            if !xml.since(2011, 1, 1) {
                return xml.text("instanceId", as_in_1_4(shown, self.admin));
            }
            xml.maybe("allocationId", shown.owner().map(|owner| owner.allocation));
            xml.text("domain", "vpc");
            let there = shown.association();
            xml.maybe("instanceId", there.map(|there| there.instance));
            xml.maybe("associationId", there.and_then(|there| there.id));
            xml.maybe("networkInterfaceId", there.map(|there| vpc::interface(there.instance)));
            let owner = there.and(shown.owner());
            xml.maybe("networkInterfaceOwnerId", owner.map(|owner| owner.account));
            xml.maybe("privateIpAddress", there.map(|there| there.private_ip));
            super::tag_specification::encode(xml, &shown.tags);
        });
    }
}
