//! DescribeInstanceTypeOfferings.

use super::call::{Call, Run};
use super::describe_availability_zones::{REGION, zone_id};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use ec2_wire::{
    Action, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes, words,
};

pub(super) struct DescribeInstanceTypeOfferings;

words! {
    /// What kind of place is shown beside a type.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum LocationType {
        /// The region.
        Region = "region",
        /// Each zone by name.
        Zone = "availability-zone",
        /// Each zone by id.
        ZoneId = "availability-zone-id",
    }
}

parameters! {
    pub(super) struct Input {
        /// The kind of place; the region unless it is named.
        kind: Option<LocationType> = "LocationType", "", since (2016, 11, 15);
        /// Shows only offerings with these attributes.
        filters: Vec<Filter> = "Filter.N", "", since (2016, 11, 15);
        /// The most offerings of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "", since (2016, 11, 15);
    }
}

/// A type that is to be had at a place.
struct Offering {
    vm_type: String,
    location: String,
}

pub(super) struct Output {
    kind: LocationType,
    offerings: Vec<Offering>,
    next: Option<String>,
}

filterable! {
    Offering: |offering, values| {
        "instance-type" => values.add(&offering.vm_type),
        "location" => values.add(&offering.location),
    }
}

impl Action for DescribeInstanceTypeOfferings {
    const NAME: &'static str = "DescribeInstanceTypeOfferings";
    const DOC: &'static str = "Shows where each instance type is to be had: everywhere.";
    const FILTERS: &'static [&'static str] = Offering::ATTRIBUTES;
    const SINCE: Version = Version::new(2016, 11, 15);
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeInstanceTypeOfferings {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Offering>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let kind = input.kind.unwrap_or(LocationType::Region);
        let clusters = call.state().clusters().await.map_err(refuse)?;
        let names = clusters.iter().map(|cluster| &cluster.config.name);
        let locations: Vec<String> = match kind {
            LocationType::Region => vec![REGION.to_owned()],
            LocationType::Zone => names.map(ToString::to_string).collect(),
            LocationType::ZoneId => names.map(zone_id).collect(),
        };
        let mut offerings = Vec::new();
        for vm_type in call.state().vm_types().await.map_err(refuse)? {
            offerings.extend(locations.iter().map(|location| Offering {
                vm_type: vm_type.name.clone(),
                location: location.clone(),
            }));
        }
        offerings.retain(|offering| passes(offering, &input.filters));
        let key = |it: &Offering| format!("{} {}", it.vm_type, it.location);
        let (offerings, next) = cut(page, offerings, key);
        Ok(Output { kind, offerings, next })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("instanceTypeOfferingSet", &self.offerings, |xml, offering| {
            xml.text("instanceType", &offering.vm_type);
            xml.text("locationType", self.kind.as_str());
            xml.text("location", &offering.location);
        });
        xml.maybe("nextToken", self.next.as_ref());
    }
}
