//! Puts a node controller together.

use super::watching::watch;
use super::{Failure, Ready, Stop, identity};
use conf::{Conf, Hypervisor};
use disks::LocalDisks;
use hostnet::LinuxNet;
use hypervisor::{Accelerator, Libvirt};
use nc::metadata::{DetachedMetadata, build_id};
use nc::{Adapters, HOST_MEMORY_MB, Limits, Nc, Settings, host_boot_id};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use transport::{ImageClient, Listener, Role, node_routes, pki};
use types::{Figures, NodeName, SystemClock};

/// As many as a small machine can start at once without one slowing the other.
const CONCURRENT_LAUNCHES: usize = 4;

pub(super) async fn serve(conf: Conf, stop: Stop, ready: Ready) -> Result<(), Failure> {
    let keys = conf.layout.keys();
    let (role, identity) = identity(&conf, || pki::node_role(&keys)).await?;
    let Role::Node(name) = role else { return Err("node-cert.pem is not a node's".into()) };
    let adapters = Adapters {
        hypervisor: Arc::new(Libvirt::new(&conf.libvirt_uri, accelerator(conf.hypervisor))),
        disks: Arc::new(LocalDisks::open(&conf.instance_path).await?),
        net: Arc::new(LinuxNet::default()),
        images: Arc::new(ImageClient::new(&identity)?),
        clock: Arc::new(SystemClock),
        metadata: Arc::new(metadata_keeper(&conf)?),
    };
    let nc = Arc::new(Nc::open(settings(&conf, name)?, adapters)?);
    let address = (Ipv4Addr::UNSPECIFIED, conf.ports.nc).into();
    let listener = Listener::bind(address, &identity, transport::Limits::default()).await?;
    let _held = ready()?;
    let routes = node_routes(nc.clone());
    let watched = watch(conf.ports.metrics.map(|it| it.nc), nc.clone(), stop.clone());
    let served = listener.serve(None, routes, stop.clone().wanted());
    tokio::join!(served, nc.run(stop.wanted()), watched);
    Ok(())
}

fn settings(conf: &Conf, name: NodeName) -> std::io::Result<Settings> {
    Ok(Settings {
        name,
        instance_path: conf.instance_path.clone(),
        boot_id: host_boot_id()?,
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

const fn accelerator(hypervisor: Hypervisor) -> Accelerator {
    match hypervisor {
        Hypervisor::Kvm => Accelerator::Kvm,
        Hypervisor::Qemu => Accelerator::Qemu,
    }
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
