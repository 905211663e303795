//! DescribeRegions.

use super::call::{Call, Run};
use super::describe_availability_zones::{OPT_IN, REGION};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Text, Xml, check_filters, filterable,
    parameters, passes,
};

pub(super) struct DescribeRegions;

parameters! {
    pub(super) struct Input {
        /// The regions to show; there is one.
        names: Vec<Text<64>> = "RegionName.N", "regionSet/item/regionName";
        /// Whether to show regions that are not open to the caller too; the one is.
        _all: Option<bool> = "AllRegions", "", since (2016, 11, 15);
        /// Shows only regions with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

/// The region, with the address at which its EC2 API is reached.
struct Region {
    endpoint: String,
}

pub(super) struct Output(Vec<Region>);

filterable! {
    Region: |region, values| {
        "endpoint" => values.add(&region.endpoint),
        "opt-in-status" => values.add(OPT_IN),
        "region-name" => values.add(REGION),
    }
}

impl Action for DescribeRegions {
    const NAME: &'static str = "DescribeRegions";
    const DOC: &'static str = "Shows the one region that a cloud is.";
    const FILTERS: &'static [&'static str] = Region::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeRegions {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Region>(&input.filters)?;
        if let Some(other) = input.names.iter().find(|name| name.as_str() != REGION) {
            let message = format!("the region \"{other}\" does not exist; this cloud is {REGION}");
            return Err(Error::new(Code::InvalidParameterValue, message));
        }
        let mut regions =
            vec![Region { endpoint: call.cloud.ec2_url().await.map_err(Error::internal)? }];
        regions.retain(|region| passes(region, &input.filters));
        Ok(Output(regions))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("regionInfo", &self.0, |xml, region| {
            xml.text("regionName", REGION);
            xml.text("regionEndpoint", &region.endpoint);
            if xml.since(2016, 11, 15) {
                xml.text("optInStatus", OPT_IN);
            }
        });
    }
}
