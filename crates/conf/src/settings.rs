//! What the file says, as types that cannot be wrong.

use crate::network::{self, AddressSpace, DhcpDaemon, VnetTransport};
use crate::reader::Reader;
use crate::static_network::{self, StaticNetwork};
use crate::{ConfError, Document, Layout, nodes, walrus};
use std::path::{Path, PathBuf};
use types::{AddressPool, ClusterName, Factor, NodeName, VnetMode};

/// A checked configuration. Every field names its variable where that is not its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conf {
    /// The file that it was read from.
    pub path: PathBuf,
    /// EUCALYPTUS: the root directory and what lies below it.
    pub layout: Layout,
    /// START_CLOUD, START_CC, START_NC.
    pub start: Components,
    /// LOGLEVEL.
    pub log_level: LogLevel,
    /// LOGMAXSIZE and LOGROLLNUMBER.
    pub log_files: LogFiles,
    /// CLOUD_HOST: the name or address that users and nodes reach the cloud at.
    pub cloud_host: String,
    /// The ports.
    pub ports: Ports,
    /// WALRUS_DOMAINS: the names, in lower case, below which a host on Walrus' own port names a
    /// bucket.
    pub walrus_domains: Vec<String>,
    /// DATABASE_URL: an `sqlite:` URL.
    pub database_url: String,
    /// EC2_SIGNATURE_V1: whether EC2 takes signature version 1, which can be forged.
    pub ec2_signature_v1: bool,
    /// SMTP_SERVER: `HOST:PORT` of the mail server that takes the console's mail.
    pub smtp_server: String,
    /// CLUSTER_NAME: the availability zone of this cluster controller.
    pub cluster_name: ClusterName,
    /// SCHEDPOLICY.
    pub sched_policy: SchedPolicy,
    /// NODES: the node controllers of this cluster, each once, in the file's order.
    pub nodes: Vec<NodeName>,
    /// DRAINED_NODES: those of them that are given no new instances.
    pub drained_nodes: Vec<NodeName>,
    /// MAX_CORES, MAX_MEM, MAX_DISK, OVERCOMMIT_CORES, OVERCOMMIT_MEM, OVERCOMMIT_DISK.
    pub limits: NodeLimits,
    /// SWAP_SIZE: the size of each instance's swap partition in MB.
    pub swap_mb: u64,
    /// EPHEMERAL_SIZE: the size of each instance's ephemeral partition in MB.
    pub ephemeral_mb: u64,
    /// INSTANCE_PATH: where a node keeps instances.
    pub instance_path: PathBuf,
    /// NC_CACHE_SIZE: the MB that a node's cache of images may have.
    pub cache_mb: u64,
    /// USE_VIRTIO_ROOT: whether disks are virtio's; else they are SCSI's, for old guests.
    pub virtio_root: bool,
    /// USE_VIRTIO_NET: whether network cards are virtio's; else they are an e1000, for old guests.
    pub virtio_net: bool,
    /// HYPERVISOR.
    pub hypervisor: Hypervisor,
    /// LIBVIRT_URI.
    pub libvirt_uri: String,
    /// VNET_MODE.
    pub vnet_mode: VnetMode,
    /// VNET_BRIDGE: the administrator's bridge that instances are plugged into in SYSTEM and
    /// STATIC mode. Always there on a machine that runs instances in one of these.
    pub vnet_bridge: Option<String>,
    /// VNET_INTERFACE: the device that leads to the other machines.
    pub vnet_interface: Option<String>,
    /// VNET_TRANSPORT: what carries the group networks to nodes on other machines. Read by the
    /// cluster controller.
    pub vnet_transport: VnetTransport,
    /// VNET_SUBNET, VNET_NETMASK, VNET_ADDRSPERNET and VNET_DNS of MANAGED mode. Always there on a
    /// machine that runs the cloud or a cluster controller in that mode.
    pub address_space: Option<AddressSpace>,
    /// What describes the site's network in STATIC mode. Always there on a machine that runs the
    /// cloud or a cluster controller in that mode.
    pub static_network: Option<StaticNetwork>,
    /// VNET_PUBLICIPS: the public addresses for instances of this cluster; none outside MANAGED
    /// mode.
    pub public_addresses: AddressPool,
    /// What answers DHCP on the cluster controller's machine; none for the built-in server.
    pub dhcp_daemon: Option<DhcpDaemon>,
}

/// Which processes run on this machine; all of them unless the file says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Components {
    /// The cloud controller with Walrus.
    pub cloud: bool,
    /// The cluster controller.
    pub cc: bool,
    /// The node controller.
    pub nc: bool,
}

/// TCP ports, different from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// CLOUD_PORT: EC2 and Walrus, 8773.
    pub cloud: u16,
    /// WALRUS_PORT: Walrus alone, at its root, 9000; none when it has no port of its own.
    pub walrus: Option<u16>,
    /// CLOUD_SSL_PORT: the console, 8443.
    pub cloud_ssl: u16,
    /// CC_PORT: 8774.
    pub cc: u16,
    /// NC_PORT: 8775.
    pub nc: u16,
    /// METADATA_PORT: where a node serves its instances' metadata, 8776.
    pub metadata: u16,
    /// METRICS_PORT and the two after it: where cloud, cluster and node controller tell this
    /// machine how they are; none when they do not.
    pub metrics: Option<MetricsPorts>,
}

/// Where each process serves its metrics, on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsPorts {
    /// METRICS_PORT itself, 8780.
    pub cloud: u16,
    /// The next one.
    pub cc: u16,
    /// The one after that.
    pub nc: u16,
}

/// When a log is set aside, and how many old ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFiles {
    /// LOGMAXSIZE: the size in bytes at which a log is set aside.
    pub max_bytes: u64,
    /// LOGROLLNUMBER: how many that were set aside are kept.
    pub kept: u32,
}

/// How much the logs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What may need attention.
    Warn,
    /// What failed.
    Error,
    /// What ends a process.
    Fatal,
}

impl LogLevel {
    /// The level's name for a log filter: `debug`, `info`, `warn` or `error`; `off` for FATAL, of
    /// which a log filter knows nothing.
    pub const fn filter(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "off",
        }
    }
}

/// How a node is chosen for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedPolicy {
    /// The first node of NODES with room.
    Greedy,
    /// The next node with room after the one that was chosen last.
    RoundRobin,
    /// The node that is left with the least.
    BestFit,
}

/// Bounds on what a node offers; none means what the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeLimits {
    /// MAX_CORES: replaces the number of cores found, up or down.
    pub max_cores: Option<u32>,
    /// MAX_MEM, in MB: used when lower than what is found.
    pub max_mem_mb: Option<u64>,
    /// MAX_DISK, in MB: used when lower than what is found.
    pub max_disk_mb: Option<u64>,
    /// OVERCOMMIT_CORES: how many cores are offered for each one that is found.
    pub overcommit_cores: Factor,
    /// OVERCOMMIT_MEM: the same of memory.
    pub overcommit_mem: Factor,
    /// OVERCOMMIT_DISK: the same of disk.
    pub overcommit_disk: Factor,
}

/// How a node runs instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hypervisor {
    /// Hardware virtualisation.
    Kvm,
    /// Software emulation: slow, works everywhere.
    Qemu,
    /// Xen through libvirt's libxl driver.
    Xen,
    /// Nothing is configured: hardware virtualisation where it has proven to work, else emulation.
    Best,
}

impl Conf {
    /// Checks what a document says.
    ///
    /// # Errors
    /// [`ConfError::Wrong`] with everything that is wrong.
    pub fn from_document(path: &Path, doc: &Document) -> Result<(Self, Vec<String>), ConfError> {
        let mut reader = Reader::new(doc);
        let layout = layout(&mut reader);
        let start = components(&mut reader);
        let nodes = nodes::nodes(&mut reader, start);
        let hypervisor = hypervisor(&mut reader);
        let mode = network::mode(&mut reader);
        let (managed, head) = (mode == VnetMode::Managed, start.cloud || start.cc);
        let cloud_host = cloud_host(&mut reader);
        let address_space = managed.then(|| network::address_space(&mut reader, head)).flatten();
        let conf = Self {
            path: path.to_owned(),
            start,
            log_level: log_level(&mut reader),
            log_files: log_files(&mut reader),
            ports: ports(&mut reader),
            walrus_domains: walrus::domains(&mut reader, &cloud_host),
            cloud_host,
            database_url: database_url(&mut reader, &layout),
            ec2_signature_v1: reader.or("EC2_SIGNATURE_V1", false, "Y or N", yes_or_no),
            smtp_server: smtp_server(&mut reader),
            cluster_name: cluster_name(&mut reader),
            sched_policy: sched_policy(&mut reader),
            drained_nodes: nodes::drained(&mut reader, &nodes),
            nodes,
            limits: limits(&mut reader),
            swap_mb: partition(&mut reader, "SWAP_SIZE", 512),
            ephemeral_mb: partition(&mut reader, "EPHEMERAL_SIZE", 0),
            instance_path: instance_path(&mut reader, &layout),
            cache_mb: megabytes(&mut reader, "NC_CACHE_SIZE", 99_999),
            virtio_root: reader.or("USE_VIRTIO_ROOT", true, "Y or N", yes_or_no),
            virtio_net: reader.or("USE_VIRTIO_NET", true, "Y or N", yes_or_no),
            hypervisor,
            libvirt_uri: libvirt_uri(&mut reader, hypervisor),
            vnet_mode: mode,
            vnet_bridge: network::bridge(&mut reader, start.nc && !managed),
            vnet_interface: network::interface(&mut reader),
            vnet_transport: network::transport(&mut reader),
            public_addresses: network::public_addresses(
                &mut reader,
                address_space.as_ref(),
                managed,
            ),
            address_space,
            dhcp_daemon: network::dhcp_daemon(&mut reader, mode),
            static_network: (head && mode == VnetMode::Static)
                .then(|| static_network::static_network(&mut reader))
                .flatten(),
            layout,
        };
        Ok((conf, reader.finish(path)?))
    }
}

fn layout(reader: &mut Reader<'_>) -> Layout {
    if reader.text("EUCALYPTUS").is_none() {
        reader.problem("EUCALYPTUS", "is not configured; set it with euca_conf -d DIRECTORY");
    }
    let right = "the absolute path of the installation, such as /opt/eucalyptus";
    let root = reader.or("EUCALYPTUS", PathBuf::from(Layout::DEFAULT_ROOT), right, absolute);
    Layout::new(root)
}

fn components(reader: &mut Reader<'_>) -> Components {
    let mut on = |key| reader.or(key, true, "Y or N", yes_or_no);
    let start = Components { cloud: on("START_CLOUD"), cc: on("START_CC"), nc: on("START_NC") };
    if !(start.cloud || start.cc || start.nc) {
        let text = "is N, and so are START_CC and START_NC: nothing would start; set one to Y";
        reader.problem("START_CLOUD", text);
    }
    start
}

fn log_level(reader: &mut Reader<'_>) -> LogLevel {
    reader.or("LOGLEVEL", LogLevel::Info, "DEBUG, INFO, WARN, ERROR or FATAL", |v| {
        Some(match v.to_ascii_uppercase().as_str() {
            "DEBUG" => LogLevel::Debug,
            "INFO" => LogLevel::Info,
            "WARN" => LogLevel::Warn,
            "ERROR" => LogLevel::Error,
            "FATAL" => LogLevel::Fatal,
            _ => return None,
        })
    })
}

fn log_files(reader: &mut Reader<'_>) -> LogFiles {
    let right = "a number of bytes from 65536 to 1099511627776";
    let max_bytes = reader.or("LOGMAXSIZE", 104_857_600, right, |v| {
        v.parse().ok().filter(|bytes| (1 << 16..=1 << 40).contains(bytes))
    });
    let kept = reader.or("LOGROLLNUMBER", 10, "a number from 1 to 999", |v| {
        v.parse().ok().filter(|kept| (1..=999).contains(kept))
    });
    LogFiles { max_bytes, kept }
}

fn cloud_host(reader: &mut Reader<'_>) -> String {
    let right = "a host name or an IPv4 address that users and nodes reach (not 0.0.0.0)";
    reader.or("CLOUD_HOST", "127.0.0.1".to_owned(), right, |v| {
        let plain = v.parse::<NodeName>().is_ok() && !v.contains(':') && v != "0.0.0.0";
        plain.then(|| v.to_owned())
    })
}

fn smtp_server(reader: &mut Reader<'_>) -> String {
    let right = "HOST or HOST:PORT of a mail server";
    reader.or("SMTP_SERVER", "localhost:25".to_owned(), right, |v| {
        let (host, port) = v.rsplit_once(':').unwrap_or((v, "25"));
        let plain = host.parse::<NodeName>().is_ok() && !host.contains(':');
        port.parse()
            .ok()
            .filter(|port: &u16| *port > 0 && plain)
            .map(|port| format!("{host}:{port}"))
    })
}

fn ports(reader: &mut Reader<'_>) -> Ports {
    let metrics = metrics_ports(reader);
    let mut taken: Vec<(&str, u16)> = Vec::new();
    let mut any_port = |key, default, least: u16, right| {
        let port = reader.or(key, default, right, |v| v.parse().ok().filter(|p| *p >= least));
        if port == 0 {
            return port;
        }
        if let Some((other, _)) = taken.iter().find(|(_, used)| *used == port) {
            reader.problem(key, &format!("is {port}, as {other} is; give each its own port"));
        }
        taken.push((key, port));
        port
    };
    let right = "a TCP port from 1 to 65535, or 0 for none";
    let walrus = Some(any_port("WALRUS_PORT", 9000, 0, right)).filter(|port| *port > 0);
    let mut port = |key, default| any_port(key, default, 1, "a TCP port from 1 to 65535");
    let ports = Ports {
        cloud: port("CLOUD_PORT", 8773),
        walrus,
        cloud_ssl: port("CLOUD_SSL_PORT", 8443),
        cc: port("CC_PORT", 8774),
        nc: port("NC_PORT", 8775),
        metadata: port("METADATA_PORT", 8776),
        metrics,
    };
    let own = metrics.map_or([0; 3], |it| [it.cloud, it.cc, it.nc]);
    if let Some((other, port)) = taken.iter().find(|(_, used)| own.contains(used)) {
        let text = format!(
            "takes the three ports from {} on, and {other} is {port}; choose another, or 0 for none",
            own[0]
        );
        reader.problem("METRICS_PORT", &text);
    }
    ports
}

fn metrics_ports(reader: &mut Reader<'_>) -> Option<MetricsPorts> {
    let right = "the first of three TCP ports, from 1 to 65533, or 0 for none";
    let first: u16 = reader
        .or("METRICS_PORT", 8780, right, |v| v.parse().ok().filter(|port| *port <= u16::MAX - 2));
    (first > 0).then(|| MetricsPorts { cloud: first, cc: first + 1, nc: first + 2 })
}

fn database_url(reader: &mut Reader<'_>, layout: &Layout) -> String {
    let default = format!("sqlite:{}", layout.db().join("eucalyptus.db").display());
    let right = "an sqlite: URL such as sqlite:/opt/eucalyptus/var/eucalyptus/db/eucalyptus.db \
                 (PostgreSQL is not offered yet)";
    reader.or("DATABASE_URL", default, right, |v| {
        let path = v.strip_prefix("sqlite:")?;
        path.starts_with('/').then(|| v.to_owned())
    })
}

fn cluster_name(reader: &mut Reader<'_>) -> ClusterName {
    let right = "1 to 64 letters, digits, '.', '_', '-', a letter or digit first";
    let named = reader.optional("CLUSTER_NAME", right, |v| v.parse().ok());
    named.unwrap_or_else(default_cluster)
}

#[expect(clippy::expect_used, reason = "a constant that a test reads")]
fn default_cluster() -> ClusterName {
    "cluster".parse().expect("\"cluster\" is a cluster name")
}

fn sched_policy(reader: &mut Reader<'_>) -> SchedPolicy {
    reader.or("SCHEDPOLICY", SchedPolicy::Greedy, "GREEDY, ROUNDROBIN or BESTFIT", |v| {
        Some(match v.to_ascii_uppercase().as_str() {
            "GREEDY" => SchedPolicy::Greedy,
            "ROUNDROBIN" => SchedPolicy::RoundRobin,
            "BESTFIT" => SchedPolicy::BestFit,
            _ => return None,
        })
    })
}

fn limits(reader: &mut Reader<'_>) -> NodeLimits {
    let mut megabytes =
        |key| reader.optional(key, "a number of MB above 0", |v| v.parse().ok().filter(|n| *n > 0));
    let (max_mem_mb, max_disk_mb) = (megabytes("MAX_MEM"), megabytes("MAX_DISK"));
    let max_cores = reader.optional("MAX_CORES", "a number of cores from 1 to 65536", |v| {
        v.parse().ok().filter(|n| (1..=65536).contains(n))
    });
    let mut factor = |key| {
        reader.or(key, Factor::ONE, "a number from 1 to 100 with up to two decimals", |v| {
            v.parse().ok()
        })
    };
    NodeLimits {
        max_cores,
        max_mem_mb,
        max_disk_mb,
        overcommit_cores: factor("OVERCOMMIT_CORES"),
        overcommit_mem: factor("OVERCOMMIT_MEM"),
        overcommit_disk: factor("OVERCOMMIT_DISK"),
    }
}

fn partition(reader: &mut Reader<'_>, key: &'static str, default: u64) -> u64 {
    reader.or(key, default, "a number of MB from 0 (none) to 1048576", |v| {
        v.parse().ok().filter(|mb| *mb <= 1 << 20)
    })
}

/// A number of MB, up to a petabyte.
fn megabytes(reader: &mut Reader<'_>, key: &'static str, default: u64) -> u64 {
    let right = "a number of MB from 0 to 1073741824";
    reader.or(key, default, right, |v| v.parse().ok().filter(|mb| *mb <= 1 << 30))
}

fn instance_path(reader: &mut Reader<'_>, layout: &Layout) -> PathBuf {
    let right = "the absolute path of a directory that holds nothing but instances";
    reader.or("INSTANCE_PATH", layout.instances(), right, |v| {
        absolute(v).filter(|path| path.parent().is_some())
    })
}

fn hypervisor(reader: &mut Reader<'_>) -> Hypervisor {
    reader.or("HYPERVISOR", Hypervisor::Best, "kvm, qemu or xen", |v| {
        Some(match v.to_ascii_lowercase().as_str() {
            "kvm" => Hypervisor::Kvm,
            "qemu" => Hypervisor::Qemu,
            "xen" => Hypervisor::Xen,
            _ => return None,
        })
    })
}

fn libvirt_uri(reader: &mut Reader<'_>, hypervisor: Hypervisor) -> String {
    let usual = match hypervisor {
        Hypervisor::Xen => "xen:///system",
        Hypervisor::Kvm | Hypervisor::Qemu | Hypervisor::Best => "qemu:///system",
    };
    let right = "a libvirt connection URI such as qemu:///system";
    reader.or("LIBVIRT_URI", usual.to_owned(), right, |v| {
        (v.contains(":///") && !v.contains(char::is_whitespace)).then(|| v.to_owned())
    })
}

pub(crate) fn absolute(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    (path.is_absolute() && !climbs).then_some(path)
}

pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_uppercase().as_str() {
        "Y" | "YES" | "1" => Some(true),
        "N" | "NO" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
