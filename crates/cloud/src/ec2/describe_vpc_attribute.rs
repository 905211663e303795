//! DescribeVpcAttribute.

use super::call::{Call, Run};
use super::describe_vpcs::check_own;
use ec2_wire::{Action, Error, Response, Version, Xml, parameters, words};
use types::VpcId;

pub(super) struct DescribeVpcAttribute;

parameters! {
    pub(super) struct Input {
        /// The VPC.
        id: VpcId = "VpcId", "vpcId", since (2013, 2, 1);
        /// The attribute.
        attribute: Attribute = "Attribute", "attribute", since (2013, 2, 1);
    }
}

words! {
    /// What can be asked about a VPC.
    #[derive(Debug, Clone, Copy)]
    pub(super) enum Attribute {
        /// Whether instances are told a name server.
        DnsSupport = "enableDnsSupport",
        /// Whether instances have public names.
        DnsHostnames = "enableDnsHostnames",
        /// Whether use of addresses is counted.
        AddressUsage = "enableNetworkAddressUsageMetrics",
    }
}

pub(super) struct Output(VpcId, Attribute);

impl Action for DescribeVpcAttribute {
    const NAME: &'static str = "DescribeVpcAttribute";
    const DOC: &'static str = "Shows an attribute of the caller's VPC: instances are told a name \
                               server and have addresses for names.";
    const SINCE: Version = Version::new(2013, 2, 1);
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeVpcAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_own(call, &[input.id])?;
        Ok(Output(input.id, input.attribute))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("vpcId", self.0);
        let (element, value) = match self.1 {
            Attribute::DnsSupport => ("enableDnsSupport", true),
            Attribute::DnsHostnames => ("enableDnsHostnames", false),
            Attribute::AddressUsage => ("enableNetworkAddressUsageMetrics", false),
        };
        xml.element(element, |xml| xml.text("value", value));
    }
}
