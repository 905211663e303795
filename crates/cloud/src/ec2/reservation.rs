//! Reservations and instances as answers show them.

use super::image_attribute::encode_products;
use super::interface::{self, Interface};
use super::metadata_options;
use super::notes::Notes;
use super::tag_specification;
use ec2_wire::Xml;
use protocol::Goal;
use state::{Instance, Reservation};
use std::net::Ipv4Addr;
use std::ops::Range;
use types::{GroupId, GroupName, InstanceState};

/// Where an instance sees its root disk (FACTS 3.5: sda1 root).
pub(super) const ROOT_DEVICE: &str = "/dev/sda1";
/// What runs instances.
pub(super) const HYPERVISOR: &str = "kvm";

/// So many instances are one part of a long answer, about 200 KB.
const PART: usize = 64;

/// Reservations in parts: some instances of one each.
pub(super) struct Reservations {
    reservations: Vec<Reservation>,
    notes: Notes,
    parts: Vec<Vec<Piece>>,
}

/// Some instances of a reservation, by its place.
struct Piece {
    reservation: usize,
    instances: Range<usize>,
}

impl Reservations {
    pub(super) fn new(reservations: Vec<Reservation>, notes: Notes) -> Self {
        let (mut parts, mut room) = (vec![Vec::new()], PART);
        for (reservation, Reservation { instances, .. }) in reservations.iter().enumerate() {
            let mut start = 0;
            while start < instances.len() {
                if room == 0 {
                    parts.push(Vec::new());
                    room = PART;
                }
                let end = instances.len().min(start + room);
                room -= end - start;
                if let Some(part) = parts.last_mut() {
                    part.push(Piece { reservation, instances: start..end });
                }
                start = end;
            }
        }
        Self { reservations, notes, parts }
    }

    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Writes a part of the element `reservationSet`.
    pub(super) fn encode_part(&self, xml: &mut Xml, part: usize) {
        if self.reservations.is_empty() {
            return xml.empty("reservationSet");
        }
        if part == 0 {
            xml.open("reservationSet");
        }
        self.parts[part].iter().for_each(|piece| self.encode_piece(xml, piece));
        if part + 1 == self.parts.len() {
            xml.close("reservationSet");
        }
    }

    fn encode_piece(&self, xml: &mut Xml, piece: &Piece) {
        let reservation = &self.reservations[piece.reservation];
        if piece.instances.start == 0 {
            xml.open("item");
            encode_head(xml, reservation);
            xml.open("instancesSet");
        }
        for instance in &reservation.instances[piece.instances.clone()] {
            xml.element("item", |xml| {
                encode_instance(xml, instance, &reservation.groups, &self.notes);
            });
        }
        if piece.instances.end == reservation.instances.len() {
            xml.close("instancesSet");
            xml.close("item");
        }
    }
}

/// The elements of a reservation.
pub(super) fn encode(xml: &mut Xml, reservation: &Reservation, notes: &Notes) {
    encode_head(xml, reservation);
    xml.list("instancesSet", &reservation.instances, |xml, instance| {
        encode_instance(xml, instance, &reservation.groups, notes);
    });
}

fn encode_head(xml: &mut Xml, reservation: &Reservation) {
    xml.text("reservationId", reservation.id);
    xml.text("ownerId", reservation.account);
    encode_groups(xml, &reservation.groups);
}

/// Groups had only names before they had ids, and the names were called ids.
pub(super) fn encode_groups(xml: &mut Xml, groups: &[(GroupId, GroupName)]) {
    xml.list("groupSet", groups, |xml, (id, name)| {
        if xml.since(2011, 1, 1) {
            xml.text("groupId", id);
            xml.text("groupName", name);
        } else {
            xml.text("groupId", name);
        }
    });
}

/// In the order of EC2's schema, old elements first.
fn encode_instance(
    xml: &mut Xml,
    instance: &Instance,
    groups: &[(GroupId, GroupName)],
    notes: &Notes,
) {
    let (private, public) = (private_address(instance), public_address(instance, notes));
    let name = |address: Option<Ipv4Addr>| address.map(|ip| ip.to_string()).unwrap_or_default();
    xml.text("instanceId", instance.id);
    xml.text("imageId", instance.image);
    xml.element("instanceState", |xml| encode_state(xml, instance.state));
    xml.text("privateDnsName", name(private));
    xml.text("dnsName", name(public));
    xml.maybe("reason", reason(instance, notes));
    xml.maybe("keyName", instance.key_name.as_ref());
    xml.text("amiLaunchIndex", instance.launch_index);
    encode_products(xml, &instance.products);
    xml.text("instanceType", &instance.vm_type);
    xml.text("launchTime", instance.launch_time);
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &instance.cluster);
        if xml.since(2011, 2, 28) {
            xml.text("groupName", "");
            xml.text("tenancy", "default");
        }
    });
    xml.maybe("kernelId", instance.kernel);
    xml.maybe("ramdiskId", instance.ramdisk);
    if xml.since(2009, 4, 4) {
        encode_monitoring(xml, instance.monitoring);
    }
    let interface = Interface::of(instance, groups, notes).filter(|_| xml.since(2016, 11, 15));
    if let Some(interface) = &interface {
        xml.text("subnetId", interface.subnet());
        xml.text("vpcId", interface.vpc());
    }
    if xml.since(2009, 7, 15) {
        xml.maybe("privateIpAddress", private);
        xml.maybe("ipAddress", public);
    }
    if xml.since(2016, 11, 15) {
        xml.text("sourceDestCheck", true);
    }
    if xml.since(2011, 1, 1) {
        encode_groups(xml, groups);
    }
    if xml.since(2009, 10, 31) {
        encode_state_reason(xml, instance, reason(instance, notes));
        xml.text("architecture", &instance.architecture);
        xml.text("rootDeviceType", "instance-store");
        xml.text("rootDeviceName", ROOT_DEVICE);
        xml.empty("blockDeviceMapping");
    }
    if xml.since(2010, 8, 31) {
        xml.text("virtualizationType", "hvm");
        xml.maybe("clientToken", instance.client_token.as_ref());
        tag_specification::encode(xml, notes.tags(instance.id));
    }
    if let Some(interface) = &interface {
        xml.list("networkInterfaceSet", [interface], |xml, it| interface::encode(xml, it, false));
    }
    encode_hardware(xml, instance);
}

/// An instance's own address. That of a terminated one may be another's already.
pub(super) fn private_address(instance: &Instance) -> Option<Ipv4Addr> {
    instance.state.is_live().then_some(instance.ip)
}

/// The address that leads to an instance from outside: its public one, else its own.
pub(super) fn public_address(instance: &Instance, notes: &Notes) -> Option<Ipv4Addr> {
    let public = notes.address(instance.id).map(|address| address.ip);
    private_address(instance).map(|private| public.unwrap_or(private))
}

/// What an instance runs on, of which EC2 showed more and more.
fn encode_hardware(xml: &mut Xml, instance: &Instance) {
    if xml.since(2011, 1, 1) {
        xml.text("hypervisor", HYPERVISOR);
    }
    if xml.since(2012, 7, 20) {
        xml.text("ebsOptimized", false);
    }
    if xml.since(2016, 11, 15) {
        xml.text("enaSupport", false);
        xml.element("cpuOptions", |xml| {
            xml.text("coreCount", instance.figures.cores);
            xml.text("threadsPerCore", 1);
        });
        xml.element("hibernationOptions", |xml| xml.text("configured", false));
        xml.element("enclaveOptions", |xml| xml.text("enabled", false));
        xml.element("metadataOptions", |xml| {
            metadata_options::encode(xml, instance.metadata, instance.metadata_pending);
        });
    }
}

/// Whether an instance is to be monitored, in EC2's words.
pub(super) const fn monitoring_state(monitoring: bool) -> &'static str {
    if monitoring { "enabled" } else { "disabled" }
}

/// The element of that.
pub(super) fn encode_monitoring(xml: &mut Xml, monitoring: bool) {
    xml.element("monitoring", |xml| xml.text("state", monitoring_state(monitoring)));
}

/// An instance's state: EC2's number and name.
pub(super) fn encode_state(xml: &mut Xml, state: InstanceState) {
    xml.text("code", state.code());
    xml.text("name", state.as_str());
}

/// Why an instance does not run, in EC2's two parts.
fn encode_state_reason(xml: &mut Xml, instance: &Instance, reason: Option<&str>) {
    let Some(reason) = reason else { return };
    xml.element("stateReason", |xml| {
        xml.text("code", state_reason_code(instance, Some(reason)));
        xml.text("message", reason);
    });
}

/// Why an instance is as it is; of one that is as it should be, what it lacks.
pub(super) fn reason<'a>(instance: &'a Instance, notes: &Notes) -> Option<&'a str> {
    let lacks = instance.public && notes.address(instance.id).is_none();
    let missing = lacks && instance.state.is_live();
    instance.reason.as_deref().or(missing.then_some(protocol::reason::NO_PUBLIC_ADDRESS))
}

/// EC2's code for the reason of an instance's state.
pub(super) fn state_reason_code(instance: &Instance, reason: Option<&str>) -> &'static str {
    match (instance.state, instance.goal) {
        (InstanceState::Pending, _) => "pending",
        (InstanceState::Stopping | InstanceState::Stopped, _) | (_, Goal::Terminate) => {
            "Client.UserInitiatedShutdown"
        }
        (_, Goal::Run) => reason.and_then(protocol::reason::code).unwrap_or("Server.InternalError"),
    }
}
