//! Puts a node controller together.

use super::watching::watch;
use super::{Failure, Ready, Stop, identity};
use conf::{Conf, Hypervisor};
use disks::{LocalDisks, Options};
use hostnet::LinuxNet;
use hypervisor::{Accelerator, Chosen, Libvirt, NicModel};
use nc::metadata::{DetachedMetadata, build_id};
use nc::{Adapters, HOST_MEMORY_MB, Limits, Nc, Settings, Systemd, host_boot_id};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use transport::{ImageClient, Listener, Role, node_routes, pki};
use types::{DiskBus, Figures, NodeName, SystemClock, VnetMode};

/// A libvirtd works on 20 requests at once (its max_workers): this leaves some for all else. Of many
/// launches the last ones are sooner done when they need not be made beside guests that boot.
const CONCURRENT_LAUNCHES: usize = 16;

pub(super) async fn serve(conf: Conf, stop: Stop, ready: Ready) -> Result<(), Failure> {
    let keys = conf.layout.keys();
    let (role, identity) = identity(&conf, || pki::node_role(&keys)).await?;
    let Role::Node(name) = role else { return Err("node-cert.pem is not a node's".into()) };
    let disks = Arc::new(LocalDisks::open(&conf.instance_path, disk_options(&conf)).await?);
    let adapters = Adapters {
        hypervisor: Libvirt::choose(
            &conf.libvirt_uri,
            chosen(conf.hypervisor),
            conf.layout.libvirt_template(),
            conf.instance_path.join("eucalyptus/kvm"),
        ),
        disks: Arc::<LocalDisks>::clone(&disks),
        net: Arc::new(LinuxNet::default()),
        images: Arc::new(ImageClient::new(&identity)?),
        clock: Arc::new(SystemClock),
        metadata: Arc::new(metadata_keeper(&conf)?),
        host: Arc::new(Systemd::default()),
    };
    let nc = Arc::new(Nc::open(settings(&conf, name)?, adapters)?);
    let address = (Ipv4Addr::UNSPECIFIED, conf.ports.nc).into();
    let listener = Listener::bind(address, &identity, transport::Limits::default()).await?;
    let _held = ready()?;
    let routes = node_routes(nc.clone());
    let watched = watch(conf.ports.metrics.map(|it| it.nc), nc.clone(), stop.clone());
    tokio::join!(
        listener.serve(None, routes, stop.clone().wanted()),
        disks.tend(stop.clone().wanted()),
        nc.run(stop.wanted()),
        watched,
    );
    Ok(())
}

fn settings(conf: &Conf, name: NodeName) -> std::io::Result<Settings> {
    Ok(Settings {
        name,
        instance_path: conf.instance_path.clone(),
        boot_id: host_boot_id()?,
        bus: if conf.virtio_root { DiskBus::Virtio } else { DiskBus::Scsi },
        nic: if conf.virtio_net { NicModel::Virtio } else { NicModel::E1000 },
        interface: conf.vnet_interface.clone().unwrap_or_default(),
        metadata_port: conf.ports.metadata,
        limits: Limits {
            kept_memory_mb: HOST_MEMORY_MB,
            cores: conf.limits.overcommit_cores,
            memory: conf.limits.overcommit_mem,
            disk: conf.limits.overcommit_disk,
            max_cores: conf.limits.max_cores,
            max_memory_mb: conf.limits.max_mem_mb,
            max_disk_mb: conf.limits.max_disk_mb,
        },
        mode: conf.vnet_mode,
        site_bridge: conf.vnet_bridge.clone().filter(|_| conf.vnet_mode != VnetMode::Managed),
        overhead: overhead(conf),
        concurrent_launches: CONCURRENT_LAUNCHES,
    })
}

/// What each instance costs this machine beside its VM type: the disk of its swap and ephemeral
/// partitions, in whole GB.
fn overhead(conf: &Conf) -> Figures {
    let disk_gb = (conf.swap_mb + conf.ephemeral_mb).div_ceil(1024);
    Figures { disk_gb, ..Figures::default() }
}

const fn disk_options(conf: &Conf) -> Options {
    let &Conf { cache_mb, swap_mb, ephemeral_mb, .. } = conf;
    Options { cache_mb, swap_mb, ephemeral_mb }
}

const fn chosen(hypervisor: Hypervisor) -> Chosen {
    match hypervisor {
        Hypervisor::Kvm => Chosen::Kvm,
        Hypervisor::Qemu => Chosen::Qemu,
        Hypervisor::Xen => Chosen::Xen,
        Hypervisor::Best => Chosen::Best,
    }
}

/// What `eucalyptus gen_libvirt_xml` prints: the built-in XML of this machine's instances, as a
/// template.
pub(super) fn template(conf: &Conf) -> Result<String, Failure> {
    let accelerator = match conf.hypervisor {
        Hypervisor::Xen => Accelerator::Xen,
        Hypervisor::Kvm | Hypervisor::Qemu | Hypervisor::Best => Accelerator::Kvm,
    };
    Ok(hypervisor::built_in_template(accelerator)?)
}

/// The metadata service is this very program, run as `eucalyptus metadata`.
fn metadata_keeper(conf: &Conf) -> std::io::Result<DetachedMetadata> {
    let program = std::env::current_exe()?;
    let build = build_id(&program);
    let control = conf.layout.run().join("metadata.sock");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, conf.ports.metadata));
    let log = conf.layout.log().join("metadata.log");
    let arguments = [
        OsString::from("metadata"),
        "--listen".into(),
        listen.to_string().into(),
        "--control".into(),
        control.clone().into(),
        "--instance-path".into(),
        conf.instance_path.clone().into(),
        "--build".into(),
        build.clone().into(),
        "--log".into(),
        log.clone().into(),
        "--log-max-size".into(),
        conf.log_files.max_bytes.to_string().into(),
        "--log-roll-number".into(),
        conf.log_files.kept.to_string().into(),
    ];
    Ok(DetachedMetadata::new(program, arguments.to_vec(), control, log, build))
}

/// What `eucalyptus metadata` does.
pub(super) async fn metadata(
    listen: SocketAddr,
    control: &Path,
    instance_path: PathBuf,
    build: &str,
) -> Result<(), Failure> {
    Ok(nc::metadata::run(listen, control, instance_path, build).await?)
}
