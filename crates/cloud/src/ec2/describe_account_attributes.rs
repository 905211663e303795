//! DescribeAccountAttributes.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::vpc;
use ec2_wire::{Action, Error, Response, Version, Xml, parameters, words};

pub(super) struct DescribeAccountAttributes;

words! {
    /// An attribute of an account.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Attribute {
        /// Where instances can be launched: in the default VPC.
        SupportedPlatforms = "supported-platforms",
        /// The id of that VPC.
        DefaultVpc = "default-vpc",
        /// How many instances the whole cloud could run at most.
        MaxInstances = "max-instances",
        /// How many groups an interface may have: as many as the account.
        MaxGroups = "vpc-max-security-groups-per-interface",
        /// How many addresses the account may have.
        MaxAddresses = "max-elastic-ips",
        /// The same of a VPC.
        MaxVpcAddresses = "vpc-max-elastic-ips",
    }
}

impl Attribute {
    const ALL: [Self; 6] = [
        Self::SupportedPlatforms,
        Self::DefaultVpc,
        Self::MaxInstances,
        Self::MaxGroups,
        Self::MaxAddresses,
        Self::MaxVpcAddresses,
    ];
}

parameters! {
    pub(super) struct Input {
        /// The attributes to show; all when none is named.
        names: Vec<Attribute> = "AttributeName.N", "accountAttributeNameSet/item/attributeName",
            since (2013, 2, 1);
    }
}

pub(super) struct Output(Vec<(Attribute, String)>);

impl Action for DescribeAccountAttributes {
    const NAME: &'static str = "DescribeAccountAttributes";
    const DOC: &'static str = "Shows where the account can launch instances, and its limits.";
    const SINCE: Version = Version::new(2013, 2, 1);
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeAccountAttributes {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let wanted =
            |attribute: &Attribute| input.names.is_empty() || input.names.contains(attribute);
        let mut shown = Vec::new();
        for attribute in Attribute::ALL.into_iter().filter(wanted) {
            let value = match attribute {
                Attribute::SupportedPlatforms => "VPC".to_owned(),
                Attribute::DefaultVpc => vpc::vpc(call.user.account).to_string(),
                Attribute::MaxInstances => most_instances(call).await?.to_string(),
                Attribute::MaxGroups => state::MOST_GROUPS.to_string(),
                Attribute::MaxAddresses | Attribute::MaxVpcAddresses => {
                    let settings = call.state().settings().await.map_err(refuse)?;
                    settings.addresses_per_user.to_string()
                }
            };
            shown.push((attribute, value));
        }
        Ok(Output(shown))
    }
}

/// How many instances of the smallest type all clusters together have room for when they are
/// empty. No account has a limit of its own.
async fn most_instances(call: &Call<'_>) -> Result<u64, Error> {
    let mut sum = 0;
    for cluster in call.state().clusters().await.map_err(refuse)? {
        let types = call.state().type_capacities(&cluster.config.name).await.map_err(refuse)?;
        sum += types.iter().map(|capacity| capacity.room.max).max().unwrap_or(0);
    }
    Ok(sum)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("accountAttributeSet", &self.0, |xml, (attribute, value)| {
            xml.text("attributeName", attribute.as_str());
            xml.list("attributeValueSet", [value], |xml, value| xml.text("attributeValue", value));
        });
    }
}
