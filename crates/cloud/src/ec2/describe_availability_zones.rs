//! DescribeAvailabilityZones, with the sub-command `verbose` of 1.4.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Text, Xml, check_filters, filterable,
    parameters, passes,
};
use protocol::NodeStatus;
use state::{Cluster, TypeCapacity};
use time::OffsetDateTime;
use time::macros::format_description;
use types::{ClusterName, Timestamp, host_of_endpoint};

pub(super) use types::REGION;

/// Nobody has to ask for a zone or the region before using it.
pub(super) const OPT_IN: &str = "opt-in-not-required";
/// The only kind of zone.
const ZONE_TYPE: &str = "availability-zone";
/// The first "zone" of a request that wants to see capacity and nodes.
const VERBOSE: &str = "verbose";

pub(super) struct DescribeAvailabilityZones;

parameters! {
    pub(super) struct Input {
        /// The zones to show, all when none is named; `verbose` shows what they have room for,
        /// and to administrators the nodes.
        names: Vec<Text<64>> = "ZoneName.N", "availabilityZoneSet/item/zoneName";
        /// The zones to show, by their ids.
        ids: Vec<Text<128>> = "ZoneId.N", "", since (2016, 11, 15);
        /// Whether to show zones that are not open to the caller too; all are.
        _all: Option<bool> = "AllAvailabilityZones", "", since (2016, 11, 15);
        /// Shows only zones with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

/// A line of the answer: a zone, or what 1.4 says in the place of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Zone {
    name: String,
    /// None for a line of `verbose`.
    id: Option<String>,
    state: String,
}

pub(super) struct Output(Vec<Zone>);

filterable! {
    Zone: |zone, values| {
        "group-name" => values.add(REGION),
        "network-border-group" => values.add(REGION),
        "opt-in-status" => values.add(OPT_IN),
        "region-name" => values.add(REGION),
        "state" => values.add(&zone.state),
        "zone-id" => values.all(&zone.id),
        "zone-name" => values.add(&zone.name),
        "zone-type" => values.add(ZONE_TYPE),
    }
}

impl Action for DescribeAvailabilityZones {
    const NAME: &'static str = "DescribeAvailabilityZones";
    const DOC: &'static str = "Shows the availability zones, each of which is a cluster.";
    const FILTERS: &'static [&'static str] = Zone::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeAvailabilityZones {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Zone>(&input.filters)?;
        let clusters = call.state().clusters().await.map_err(refuse)?;
        let mut names = input.names.iter().map(Text::as_str).peekable();
        if names.next_if_eq(&VERBOSE).is_some() {
            return verbose(call, &clusters, &names.collect::<Vec<_>>()).await.map(Output);
        }
        let names: Vec<_> = names.collect();
        // 1.4 and its tools show the controller's host; later versions know two states.
        let host_as_state = call.version < ec2_wire::Version::new(2009, 1, 1);
        let mut zones: Vec<_> =
            clusters.iter().map(|cluster| zone(cluster, host_as_state)).collect();
        check(&zones, &names, &input.ids)?;
        let id = |zone: &Zone, id: &Text<128>| zone.id.as_deref() == Some(id.as_str());
        zones.retain(|zone| {
            (names.is_empty() || names.contains(&zone.name.as_str()))
                && (input.ids.is_empty() || input.ids.iter().any(|wanted| id(zone, wanted)))
                && passes(zone, &input.filters)
        });
        Ok(Output(zones))
    }
}

/// Checks that every zone that is asked for is there.
fn check(zones: &[Zone], names: &[&str], ids: &[Text<128>]) -> Result<(), Error> {
    if let Some(name) = names.iter().find(|name| !zones.iter().any(|zone| zone.name == **name)) {
        let message = format!("the availability zone \"{name}\" does not exist");
        return Err(Error::new(Code::InvalidZoneNotFound, message));
    }
    let has = |id: &Text<128>| zones.iter().any(|zone| zone.id.as_deref() == Some(id.as_str()));
    match ids.iter().find(|id| !has(id)) {
        Some(id) => Err(Error::invalid("ZoneId", id.as_str(), "There is no zone with this id.")),
        None => Ok(()),
    }
}

/// The id of a zone, which is the same for all users.
pub(super) fn zone_id(name: &ClusterName) -> String {
    format!("{REGION}-{name}")
}

fn zone(cluster: &Cluster, host_as_state: bool) -> Zone {
    let state = match cluster.reachable {
        _ if host_as_state => host_of_endpoint(&cluster.config.endpoint),
        true => "available",
        false => "unavailable",
    };
    let name = &cluster.config.name;
    Zone { name: name.to_string(), id: Some(zone_id(name)), state: state.to_owned() }
}

/// The lines of `verbose`, to the letter as in 1.4 (FACTS 3.8). Node names that follow the word
/// limit it to those nodes. Capacity is shown to everybody, nodes to administrators.
async fn verbose(
    call: &Call<'_>,
    clusters: &[Cluster],
    nodes: &[&str],
) -> Result<Vec<Zone>, Error> {
    let mut lines = Vec::new();
    for cluster in clusters {
        lines.push(Zone { id: None, ..zone(cluster, true) });
        lines.push(line("vm types", "free / max   cpu   ram  disk".to_owned()));
        let types = call.state().type_capacities(&cluster.config.name).await.map_err(refuse)?;
        lines.extend(types.iter().map(type_line));
        if call.user.admin {
            let wanted =
                |node: &&NodeStatus| nodes.is_empty() || nodes.contains(&node.name.as_str());
            let shown = cluster.nodes.iter().filter(wanted);
            lines.extend(shown.map(|node| node_line(cluster.certificate_ok, node)));
        }
    }
    Ok(lines)
}

fn line(name: &str, state: String) -> Zone {
    Zone { name: format!("|- {name}"), id: None, state }
}

fn type_line(capacity: &TypeCapacity) -> Zone {
    let (free, max) = (capacity.room.free, capacity.room.max);
    let figures = &capacity.vm_type.figures;
    let (cores, memory_mb, disk_gb) = (figures.cores, figures.memory_mb, figures.disk_gb);
    let state = format!("{free:04} / {max:04}  {cores:2}   {memory_mb:4}  {disk_gb:4}");
    line(&capacity.vm_type.name, state)
}

/// A node, and whose certificate is accepted: the cluster controller's by the cloud, the node's by
/// the cluster controller, each when it was reached last.
fn node_line(controller: bool, node: &NodeStatus) -> Zone {
    let seen = node.last_seen.map_or_else(|| "never".to_owned(), date);
    let certificates = format!("certs[cc={controller},nc={}]", node.certificate_ok);
    line(node.name.as_str(), format!("{certificates} @ {seen}"))
}

/// A time as Java's Date writes it: `Sun Jan 04 15:13:30 UTC 2009`.
fn date(at: Timestamp) -> String {
    let form = format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
    );
    OffsetDateTime::from_unix_timestamp(at.millis().div_euclid(1000))
        .ok()
        .and_then(|at| at.format(form).ok())
        .unwrap_or_else(|| at.to_string())
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("availabilityZoneInfo", &self.0, |xml, zone| {
            xml.text("zoneName", &zone.name);
            xml.text("zoneState", &zone.state);
            if xml.since(2008, 12, 1) {
                xml.text("regionName", REGION);
            }
            if xml.since(2009, 11, 30) {
                xml.empty("messageSet");
            }
            let id = zone.id.as_ref().filter(|_| xml.since(2016, 11, 15));
            if let Some(id) = id {
                xml.text("optInStatus", OPT_IN);
                xml.text("zoneId", id);
                xml.text("groupName", REGION);
                xml.text("networkBorderGroup", REGION);
                xml.text("zoneType", ZONE_TYPE);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use placement::Availability;
    use types::{Figures, VmType};

    #[test]
    fn lines_are_those_of_1_4_to_the_letter() {
        let vm_type = VmType {
            name: "m1.xlarge".to_owned(),
            figures: Figures { cores: 2, memory_mb: 1024, disk_gb: 20 },
        };
        let small = VmType {
            name: "m1.small".to_owned(),
            figures: Figures { cores: 1, memory_mb: 128, disk_gb: 10 },
        };
        let shown = |vm_type, free, max| {
            let zone = type_line(&TypeCapacity { vm_type, room: Availability { free, max } });
            format!("{}\t{}", zone.name, zone.state)
        };
        assert_eq!(shown(vm_type, 0, 64), "|- m1.xlarge\t0000 / 0064   2   1024    20");
        assert_eq!(shown(small, 128, 12800), "|- m1.small\t0128 / 12800   1    128    10");
        let at = Timestamp::from_millis(1_231_082_010_000);
        assert_eq!(date(at), "Sun Jan 04 15:13:30 UTC 2009");
    }
}
