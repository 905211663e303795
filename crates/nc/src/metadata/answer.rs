//! What the metadata service answers. Pure.

use crate::devices::block_devices;
use crate::entry::{DiskPaths, Entry};
use netplan::hostname;
use protocol::InstanceDesired;
use std::fmt::Display;
use std::net::Ipv4Addr;

/// The answer to a path that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its bytes; text ends without a line break, as EC2's does.
    pub body: Vec<u8>,
    /// Its content type.
    pub content_type: &'static str,
}

/// Something under a path.
enum Item {
    Text(String),
    Bytes(Vec<u8>),
    /// Listed in this order.
    Directory(Vec<Named>),
}

struct Named {
    /// The part of the path.
    name: String,
    /// How the directory above lists it.
    listed: String,
    item: Item,
}

/// The answer to a request of the instance of `entry`; none when there is no such thing.
///
/// The paths are those of EC2 (AWS, "Instance metadata categories"), as far as they mean
/// something here; each dated version has them all. A directory is listed with or without a
/// slash at its end.
pub fn answer(path: &str, entry: &Entry) -> Option<Answer> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let mut item = match parts.next() {
        None => return Some(text(VERSIONS)),
        Some(version) if is_version(version) => version_root(entry),
        Some(_) => return None,
    };
    for part in parts {
        let Item::Directory(children) = item else { return None };
        item = children.into_iter().find(|child| child.name == part)?.item;
    }
    Some(match item {
        Item::Text(line) => text(&line),
        Item::Bytes(body) => Answer { body, content_type: "application/octet-stream" },
        Item::Directory(children) => {
            let listed: Vec<_> = children.into_iter().map(|child| child.listed).collect();
            text(&listed.join("\n"))
        }
    })
}

const VERSIONS: &str = "1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n\
                        2008-02-01\n2008-09-01\n2009-04-04\n2011-01-01\nlatest";

/// 1.4 took any date, and clients probe for dates to come.
fn is_version(word: &str) -> bool {
    let date = |word: &str| {
        word.len() == 10
            && word.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    word == "latest" || word == "1.0" || date(word)
}

fn text(body: &str) -> Answer {
    Answer { body: body.as_bytes().to_vec(), content_type: "text/plain" }
}

fn line(name: &str, value: impl Display) -> Named {
    Named { name: name.to_owned(), listed: name.to_owned(), item: Item::Text(value.to_string()) }
}

fn directory(name: &str, children: Vec<Named>) -> Named {
    Named { name: name.to_owned(), listed: format!("{name}/"), item: Item::Directory(children) }
}

fn version_root(entry: &Entry) -> Item {
    let user_data = &entry.desired.user_data;
    let user_data = (!user_data.is_empty()).then(|| Named {
        name: "user-data".to_owned(),
        listed: "user-data".to_owned(),
        item: Item::Bytes(user_data.clone()),
    });
    let dynamic = directory("dynamic", vec![directory("instance-identity", identity(entry))]);
    let meta_data = directory("meta-data", meta_data(entry));
    Item::Directory([dynamic, meta_data].into_iter().chain(user_data).collect())
}

/// The instance identity document (AWS, "Instance identity documents"), without signatures: nobody
/// could check them.
fn identity(entry: &Entry) -> Vec<Named> {
    let instance = &entry.desired;
    let image = |image: &Option<protocol::ImageRef>| image.as_ref().map(|it| it.id.to_string());
    let document = serde_json::json!({
        "accountId": instance.account,
        "architecture": "x86_64",
        "availabilityZone": entry.cluster,
        "imageId": instance.root.id.to_string(),
        "instanceId": instance.id.to_string(),
        "instanceType": instance.vm_type,
        "kernelId": image(&instance.kernel),
        "pendingTime": instance.launch_time.to_string(),
        "privateIp": entry.ip(),
        "ramdiskId": image(&instance.ramdisk),
        "region": types::REGION,
        "version": "2017-09-30",
    });
    vec![line("document", format!("{document:#}"))]
}

fn meta_data(entry: &Entry) -> Vec<Named> {
    let instance = &entry.desired;
    let (own, hostname) = (entry.ip(), entry.ip().map(hostname));
    let image = |name, image: &Option<protocol::ImageRef>| Some(line(name, image.as_ref()?.id));
    let public = |name| Some(line(name, public_ip(entry)?));
    let all = [
        Some(line("ami-id", instance.root.id)),
        Some(line("ami-launch-index", instance.launch_index)),
        Some(line("ami-manifest-path", &instance.root.location)),
        entry.disks.as_ref().map(|disks| directory("block-device-mapping", mapping(disks))),
        hostname.as_ref().map(|name| line("hostname", name)),
        Some(line("instance-action", "none")),
        Some(line("instance-id", instance.id)),
        Some(line("instance-type", &instance.vm_type)),
        image("kernel-id", &instance.kernel),
        hostname.as_ref().map(|name| line("local-hostname", name)),
        own.map(|ip| line("local-ipv4", ip)),
        Some(line("mac", instance.nic.mac)),
        Some(directory("network", vec![directory("interfaces", vec![interfaces(entry)])])),
        Some(directory("placement", vec![line("availability-zone", &entry.cluster)])),
        public("public-hostname"),
        public("public-ipv4"),
        public_keys(instance),
        image("ramdisk-id", &instance.ramdisk),
        Some(line("reservation-id", instance.reservation)),
        Some(line("security-groups", security_groups(instance))),
    ];
    all.into_iter().flatten().collect()
}

/// The interfaces by Ethernet address, of which an instance has one.
fn interfaces(entry: &Entry) -> Named {
    let instance = &entry.desired;
    let nic = &instance.nic;
    let mut says = vec![line("device-number", 0)];
    if let Some(own) = entry.ip() {
        says.extend([line("local-hostname", hostname(own)), line("local-ipv4s", own)]);
    }
    says.extend([line("mac", nic.mac), line("owner-id", instance.account)]);
    says.extend(public_ip(entry).map(|ip| line("public-ipv4s", ip)));
    says.push(line("security-groups", security_groups(instance)));
    directory("macs", vec![directory(&nic.mac.to_string(), says)])
}

/// The address that leads to it from outside. On the site's own network that is its own, as
/// DescribeInstances shows it.
fn public_ip(entry: &Entry) -> Option<Ipv4Addr> {
    if entry.is_on_site() { entry.ip() } else { entry.desired.nic.public_ip() }
}

/// The disks, as the guest names them.
fn mapping(disks: &DiskPaths) -> Vec<Named> {
    block_devices(disks).into_iter().map(|(name, device)| line(name, device)).collect()
}

fn security_groups(instance: &InstanceDesired) -> String {
    let names: Vec<_> = instance.groups.iter().map(|group| group.as_str()).collect();
    names.join("\n")
}

fn public_keys(instance: &InstanceDesired) -> Option<Named> {
    let key = instance.key.as_ref()?;
    let first = Named {
        name: "0".to_owned(),
        listed: format!("0={}", key.name),
        item: Item::Directory(vec![line("openssh-key", key.public_key.trim_end())]),
    };
    Some(directory("public-keys", vec![first]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::instance;
    use protocol::Attachment;

    fn entry() -> Entry {
        let mut instance = instance("i-4EA305C1");
        instance.groups = vec!["default".parse().unwrap(), "web tier".parse().unwrap()];
        instance.user_data = vec![0, 159, 146, 150];
        let mut entry = Entry::accepted(instance, "zone1".parse().unwrap(), "head:8773".to_owned());
        entry.disks = Some(DiskPaths {
            root: "/root".into(),
            kernel: None,
            ramdisk: None,
            layout: disks::Layout::Partitions { ephemeral: true, swap: true },
            uefi: None,
            bus: types::DiskBus::Virtio,
        });
        entry
    }

    fn body(path: &str) -> Option<String> {
        answer(path, &entry()).map(|it| String::from_utf8(it.body).unwrap())
    }

    #[test]
    fn every_path_has_the_meaning_that_ec2_gives_it() {
        let table = [
            ("/latest", "dynamic/\nmeta-data/\nuser-data"),
            ("/latest/dynamic/instance-identity/", "document"),
            ("/latest/meta-data/network/interfaces/macs/", "d0:0d:4e:a3:05:c1/"),
            (
                "/latest/meta-data/network/interfaces/macs/d0:0d:4e:a3:05:c1/local-ipv4s",
                "192.168.2.2",
            ),
            ("/1.0/meta-data/ami-id", "emi-00000001"),
            ("/2009-04-04/meta-data/ami-launch-index", "3"),
            ("/latest/meta-data/ami-manifest-path", "images/emi-00000001.manifest.xml"),
            ("/latest/meta-data/block-device-mapping/", "ami\nephemeral0\nroot\nswap"),
            ("/latest/meta-data/block-device-mapping/root", "/dev/vda1"),
            ("/latest/meta-data/block-device-mapping/ephemeral0", "vda2"),
            ("/latest/meta-data/block-device-mapping/swap", "vda3"),
            ("/latest/meta-data/hostname", "ip-192-168-2-2"),
            ("/latest/meta-data/instance-id", "i-4EA305C1"),
            ("/latest/meta-data/instance-type", "m1.small"),
            ("/latest/meta-data/kernel-id", "eki-00000002"),
            ("/latest/meta-data/local-ipv4", "192.168.2.2"),
            ("/latest/meta-data/mac", "d0:0d:4e:a3:05:c1"),
            ("/latest/meta-data/placement/", "availability-zone"),
            ("/latest/meta-data/placement", "availability-zone"),
            ("//latest//meta-data/placement/availability-zone", "zone1"),
            ("/latest/meta-data/public-keys", "0=my key"),
            ("/latest/meta-data/public-keys/", "0=my key"),
            ("/latest/meta-data/public-keys/0", "openssh-key"),
            ("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA alice"),
            ("/latest/meta-data/ramdisk-id", "eri-00000003"),
            ("/latest/meta-data/reservation-id", "r-00000009"),
            ("/latest/meta-data/security-groups", "default\nweb tier"),
        ];
        for (path, expected) in table {
            assert_eq!(body(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in [
            "/earliest/",
            "/2009-4-04/",
            "/latest/nothing",
            "/latest/meta-data/instance-id/more",
            "/latest/meta-data/public-keys/1",
            "/latest/meta-data/public-ipv4",
            "/latest/meta-data/../user-data",
        ] {
            assert_eq!(body(path), None, "{path}");
        }
    }

    #[test]
    fn all_that_is_listed_is_there() {
        let entry = entry();
        let listing =
            String::from_utf8(answer("/latest/meta-data/", &entry).unwrap().body).unwrap();
        assert!(listing.contains("public-keys/\n") && !listing.contains("public-ipv4"));
        for name in listing.lines() {
            assert!(answer(&format!("/latest/meta-data/{name}"), &entry).is_some(), "{name}");
        }
        let versions = String::from_utf8(answer("/", &entry).unwrap().body).unwrap();
        for version in versions.lines() {
            assert!(answer(&format!("/{version}/meta-data/"), &entry).is_some(), "{version}");
        }
    }

    #[test]
    fn user_data_is_handed_out_byte_for_byte_and_missing_when_there_is_none() {
        let mut entry = entry();
        assert_eq!(answer("/latest/user-data", &entry).unwrap().body, [0, 159, 146, 150]);
        entry.desired.user_data.clear();
        assert_eq!(answer("/latest/user-data", &entry), None);
        assert_eq!(answer("/latest/", &entry).unwrap().body, b"dynamic/\nmeta-data/");
    }

    #[test]
    fn the_identity_document_names_the_instance() {
        let document = body("/2021-03-23/dynamic/instance-identity/document").unwrap();
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        for (key, value) in [
            ("instanceId", "i-4EA305C1"),
            ("imageId", "emi-00000001"),
            ("availabilityZone", "zone1"),
            ("region", "eucalyptus"),
            ("privateIp", "192.168.2.2"),
        ] {
            assert_eq!(document[key], value, "{key}");
        }
    }

    #[test]
    fn an_elastic_address_shows_as_public_address() {
        let mut entry = entry();
        entry.desired.nic.attachment = Attachment::Group {
            tag: types::NetworkTag::FIRST,
            ip: "192.168.2.2".parse().unwrap(),
            public_ip: Some("10.1.2.3".parse().unwrap()),
        };
        for name in ["public-ipv4", "public-hostname"] {
            let shown = answer(&format!("/latest/meta-data/{name}"), &entry).unwrap();
            assert_eq!(shown.body, b"10.1.2.3");
        }
    }

    #[test]
    fn on_the_sites_network_the_address_that_was_found_is_shown_as_both() {
        let mut entry = entry();
        entry.desired.nic.attachment = Attachment::Site { ip: None };
        let body = |entry: &Entry, name: &str| {
            let answer = answer(&format!("/latest/meta-data/{name}"), entry)?;
            Some(String::from_utf8(answer.body).unwrap())
        };
        assert_eq!(body(&entry, "local-ipv4"), None, "not known yet");
        entry.found_ip = Some("10.9.8.7".parse().unwrap());
        for name in ["local-ipv4", "public-ipv4"] {
            assert_eq!(body(&entry, name).as_deref(), Some("10.9.8.7"), "{name}");
        }
        assert_eq!(body(&entry, "hostname").as_deref(), Some("ip-10-9-8-7"));
    }
}
