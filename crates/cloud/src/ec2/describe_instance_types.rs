//! DescribeInstanceTypes.

use super::call::{Call, Run};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Text, Version, Xml, check_filters,
    filterable, parameters, passes,
};
use types::VmType;

/// What nodes run, by EC2's names.
const ARCHITECTURES: &[&str] = &["i386", "x86_64"];
const USAGE_CLASS: &str = "on-demand";
const ROOT_DEVICE: &str = "instance-store";
const VIRTUALIZATION: &str = "hvm";

pub(super) struct DescribeInstanceTypes;

parameters! {
    pub(super) struct Input {
        /// The types to show; all when none is named.
        names: Vec<Text<64>> = "InstanceType.N", "", since (2016, 11, 15);
        /// Shows only types with these attributes.
        filters: Vec<Filter> = "Filter.N", "", since (2016, 11, 15);
        /// The most types of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "", since (2016, 11, 15);
    }
}

/// A type, to be filtered.
struct Shown<'a>(&'a VmType);

pub(super) struct Output(Vec<VmType>, Option<String>);

filterable! {
    Shown<'_>: |shown, values| {
        "auto-recovery-supported" => values.add(false),
        "bare-metal" => values.add(false),
        "burstable-performance-supported" => values.add(false),
        "current-generation" => values.add(true),
        "dedicated-hosts-supported" => values.add(false),
        "ebs-info.ebs-optimized-support" => values.add("unsupported"),
        "ebs-info.encryption-support" => values.add("unsupported"),
        "ebs-info.nvme-support" => values.add("unsupported"),
        "free-tier-eligible" => values.add(false),
        "hibernation-supported" => values.add(false),
        "instance-storage-info.disk.count" => values.add(1),
        "instance-storage-info.disk.size-in-gb" => values.add(shown.0.figures.disk_gb),
        "instance-storage-info.encryption-support" => values.add("unsupported"),
        "instance-storage-info.nvme-support" => values.add("unsupported"),
        "instance-storage-info.total-size-in-gb" => values.add(shown.0.figures.disk_gb),
        "instance-storage-supported" => values.add(true),
        "instance-type" => values.add(&shown.0.name),
        "memory-info.size-in-mib" => values.add(shown.0.figures.memory_mb),
        "network-info.efa-supported" => values.add(false),
        "network-info.ipv4-addresses-per-interface" => values.add(1),
        "network-info.ipv6-addresses-per-interface" => values.add(0),
        "network-info.ena-support" => values.add("unsupported"),
        "network-info.ipv6-supported" => values.add(false),
        "network-info.maximum-network-interfaces" => values.add(1),
        "processor-info.supported-architecture" => values.all(ARCHITECTURES),
        "supported-root-device-type" => values.add(ROOT_DEVICE),
        "supported-usage-class" => values.add(USAGE_CLASS),
        "supported-virtualization-type" => values.add(VIRTUALIZATION),
        "vcpu-info.default-cores" => values.add(shown.0.figures.cores),
        "vcpu-info.default-threads-per-core" => values.add(1),
        "vcpu-info.default-vcpus" => values.add(shown.0.figures.cores),
    }
}

impl Action for DescribeInstanceTypes {
    const NAME: &'static str = "DescribeInstanceTypes";
    const DOC: &'static str = "Shows the instance types and what an instance of each gets.";
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    const SINCE: Version = Version::new(2016, 11, 15);
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeInstanceTypes {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let mut types = call.state().vm_types().await.map_err(refuse)?;
        let named = |vm_type: &VmType, name: &Text<64>| vm_type.name == name.as_str();
        let exists = |name: &&Text<64>| types.iter().any(|vm_type| named(vm_type, name));
        if let Some(unknown) = input.names.iter().find(|name| !exists(name)) {
            let message = format!("the instance type \"{unknown}\" does not exist");
            return Err(Error::new(Code::InvalidInstanceType, message));
        }
        types.retain(|vm_type| {
            let wanted =
                input.names.is_empty() || input.names.iter().any(|name| named(vm_type, name));
            wanted && passes(&Shown(vm_type), &input.filters)
        });
        let (types, next) = cut(page, types, |vm_type| vm_type.name.clone());
        Ok(Output(types, next))
    }
}

impl Response for Output {
    /// Before Amazon had the action, Eucalyptus had one of the same name with a shape of its own,
    /// for which euca2ools still asks.
    fn encode(&self, xml: &mut Xml) {
        if xml.since(2016, 11, 15) {
            xml.list("instanceTypeSet", &self.0, encode_type);
            xml.maybe("nextToken", self.1.as_ref());
        } else {
            xml.list("instanceTypeDetails", &self.0, |xml, vm_type| {
                xml.text("name", &vm_type.name);
                xml.text("cpu", vm_type.figures.cores);
                xml.text("disk", vm_type.figures.disk_gb);
                xml.text("memory", vm_type.figures.memory_mb);
            });
        }
    }
}

/// A type as Amazon shows it. What hypervisor runs it is left out: EC2 has no word for KVM with
/// virtio.
fn encode_type(xml: &mut Xml, vm_type: &VmType) {
    let figures = &vm_type.figures;
    xml.text("instanceType", &vm_type.name);
    xml.text("currentGeneration", true);
    xml.text("freeTierEligible", false);
    xml.element("supportedUsageClasses", |xml| xml.text("item", USAGE_CLASS));
    xml.element("supportedRootDeviceTypes", |xml| xml.text("item", ROOT_DEVICE));
    xml.element("supportedVirtualizationTypes", |xml| xml.text("item", VIRTUALIZATION));
    xml.text("bareMetal", false);
    xml.element("processorInfo", |xml| {
        xml.element("supportedArchitectures", |xml| {
            ARCHITECTURES.iter().for_each(|architecture| xml.text("item", architecture));
        });
    });
    xml.element("vCpuInfo", |xml| {
        xml.text("defaultVCpus", figures.cores);
        xml.text("defaultCores", figures.cores);
        xml.text("defaultThreadsPerCore", 1);
    });
    xml.element("memoryInfo", |xml| xml.text("sizeInMiB", figures.memory_mb));
    xml.text("instanceStorageSupported", true);
    xml.element("instanceStorageInfo", |xml| {
        xml.text("totalSizeInGB", figures.disk_gb);
        xml.element("disks", |xml| {
            xml.element("item", |xml| {
                xml.text("sizeInGB", figures.disk_gb);
                xml.text("count", 1);
            });
        });
        xml.text("nvmeSupport", "unsupported");
        xml.text("encryptionSupport", "unsupported");
    });
    xml.element("ebsInfo", |xml| {
        xml.text("ebsOptimizedSupport", "unsupported");
        xml.text("encryptionSupport", "unsupported");
        xml.text("nvmeSupport", "unsupported");
    });
    encode_network(xml);
    xml.element("placementGroupInfo", |xml| xml.empty("supportedStrategies"));
    xml.text("hibernationSupported", false);
    xml.text("burstablePerformanceSupported", false);
    xml.text("dedicatedHostsSupported", false);
    xml.text("autoRecoverySupported", false);
}

fn encode_network(xml: &mut Xml) {
    xml.element("networkInfo", |xml| {
        xml.text("networkPerformance", "That of the node");
        xml.text("maximumNetworkInterfaces", 1);
        xml.text("ipv4AddressesPerInterface", 1);
        xml.text("ipv6AddressesPerInterface", 0);
        xml.text("ipv6Supported", false);
        xml.text("enaSupport", "unsupported");
        xml.text("efaSupported", false);
    });
}
