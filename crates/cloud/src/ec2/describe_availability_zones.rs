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
use types::Timestamp;

/// The one region of this cloud, as `eucarc` names it to SDKs.
pub(super) const REGION: &str = "eucalyptus";
/// The first "zone" of a request that wants to see capacity and nodes.
const VERBOSE: &str = "verbose";

pub(super) struct DescribeAvailabilityZones;

parameters! {
    pub(super) struct Input {
        /// The zones to show, all when none is named; `verbose` shows what they have room for,
        /// and to administrators the nodes.
        names: Vec<Text<64>> = "ZoneName.N", "availabilityZoneSet/item/zoneName";
        /// Shows only zones with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

/// A line of the answer: a zone, or what 1.4 says in the place of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Zone {
    name: String,
    state: String,
}

pub(super) struct Output(Vec<Zone>);

filterable! {
    Zone: |zone, values| {
        "region-name" => values.add(REGION),
        "state" => values.add(&zone.state),
        "zone-name" => values.add(&zone.name),
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
        for name in &names {
            if !clusters.iter().any(|cluster| cluster.config.name.as_str() == *name) {
                let message = format!("the availability zone \"{name}\" does not exist");
                return Err(Error::new(Code::InvalidZoneNotFound, message));
            }
        }
        let wanted = |name: &str| names.is_empty() || names.contains(&name);
        let clusters = clusters.iter().filter(|cluster| wanted(cluster.config.name.as_str()));
        // 1.4 and its tools show the controller's host; later versions know two states.
        let host_as_state = call.version < ec2_wire::Version::new(2009, 1, 1);
        let zones = clusters.map(|cluster| zone(cluster, host_as_state));
        Ok(Output(zones.filter(|zone| passes(zone, &input.filters)).collect()))
    }
}

fn zone(cluster: &Cluster, host_as_state: bool) -> Zone {
    let state = match cluster.reachable {
        _ if host_as_state => host(cluster),
        true => "available",
        false => "unavailable",
    };
    Zone { name: cluster.config.name.to_string(), state: state.to_owned() }
}

/// The host name of a cluster's controller.
fn host(cluster: &Cluster) -> &str {
    let endpoint = &cluster.config.endpoint;
    endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host)
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
        lines.push(zone(cluster, true));
        lines.push(line("vm types", "free / max   cpu   ram  disk".to_owned()));
        let types = call.state().type_capacities(&cluster.config.name).await.map_err(refuse)?;
        lines.extend(types.iter().map(type_line));
        if call.user.admin {
            let wanted =
                |node: &&NodeStatus| nodes.is_empty() || nodes.contains(&node.name.as_str());
            let shown = cluster.nodes.iter().filter(wanted);
            lines.extend(shown.map(|node| node_line(cluster.reachable, node)));
        }
    }
    Ok(lines)
}

fn line(name: &str, state: String) -> Zone {
    Zone { name: format!("|- {name}"), state }
}

fn type_line(capacity: &TypeCapacity) -> Zone {
    let (free, max) = (capacity.room.free, capacity.room.max);
    let figures = &capacity.vm_type.figures;
    let (cores, memory_mb, disk_gb) = (figures.cores, figures.memory_mb, figures.disk_gb);
    let state = format!("{free:04} / {max:04}  {cores:2}   {memory_mb:4}  {disk_gb:4}");
    line(&capacity.vm_type.name, state)
}

fn node_line(controller_answers: bool, node: &NodeStatus) -> Zone {
    let seen = node.last_seen.map_or_else(|| "never".to_owned(), date);
    let certificates = format!("certs[cc={controller_answers},nc={}]", node.certificate_ok);
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
