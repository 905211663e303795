//! Virtual machines: one trait, libvirt behind it, and a simulated twin.

mod domain_xml;
mod kvm;
mod libvirt;
mod sim;
mod template;

pub use libvirt::{Chosen, Libvirt};
pub use sim::SimHypervisor;
pub use template::built_in as built_in_template;

use std::path::PathBuf;
use types::{DiskBus, Figures, InstanceId, MacAddr, Uefi};

/// Why a hypervisor call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HypervisorError {
    /// libvirt cannot be reached; nothing is known about any domain.
    #[error("{0}")]
    Unreachable(String),
    /// It cannot be done now; nothing has changed, and trying again may help.
    #[error("{0}")]
    NotNow(String),
    /// The call itself failed.
    #[error("{0}")]
    Failed(String),
}

/// How instances are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// Hardware virtualisation.
    Kvm,
    /// Software emulation: slow, works everywhere.
    Qemu,
    /// Xen: paravirtual with a kernel, else a whole machine. Known by the XML's tests only.
    Xen,
}

/// The kind of a network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NicModel {
    /// Virtio, which guests since 2008 know.
    Virtio,
    /// Intel's of 2002, which older guests know too.
    E1000,
}

/// A domain to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSpec {
    /// The instance; its id is the domain's name.
    pub id: InstanceId,
    /// The name of its VM type, which the guest reads as the machine's product.
    pub vm_type: String,
    /// Cores and memory.
    pub figures: Figures,
    /// The root disk, a qcow2 overlay; the first disk of the guest.
    pub root: PathBuf,
    /// Further disks, qcow2 overlays, in the order in which the guest has them.
    pub further_disks: Vec<PathBuf>,
    /// What the disks are attached to.
    pub bus: DiskBus,
    /// The kernel to boot directly; none for a disk that boots by itself.
    pub kernel: Option<PathBuf>,
    /// The ramdisk to hand to the kernel.
    pub ramdisk: Option<PathBuf>,
    /// Where the kernel finds its root filesystem, such as `/dev/vda1`.
    pub root_device: String,
    /// The firmware of a machine that boots with UEFI; none for the BIOS.
    pub uefi: Option<Uefi>,
    /// The kind of network card.
    pub nic: NicModel,
    /// The Ethernet address.
    pub mac: MacAddr,
    /// The bridge that the tap joins.
    pub bridge: String,
    /// The name of the tap on the host.
    pub tap: String,
    /// Where the serial console is written.
    pub console: PathBuf,
}

/// What a domain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// The hypervisor is still starting it: it may come to run or vanish, so neither is true yet.
    Starting,
    /// It runs, or is paused.
    Running,
    /// Its guest has crashed and said so (a kernel panic). The virtual machine stands still.
    Crashed,
    /// It stands still because something that it wrote did not fit on the host's disk, and nothing
    /// of that is lost: it goes on when it is told to and there is room. See
    /// [`Hypervisor::resume`].
    NoSpace,
    /// It has stopped.
    Stopped(Ending),
}

impl DomainState {
    /// Whether there is a virtual machine, be it one that stands still.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Crashed | Self::NoSpace)
    }
}

/// How a domain came to its end, as far as the hypervisor knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its guest shut down.
    PoweredOff,
    /// Its hypervisor process died.
    Died,
    /// Somebody ended it from outside.
    Destroyed,
    /// Nobody knows: the hypervisor was restarted since, or never knew.
    Unknown,
}

/// A domain that the hypervisor knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its name; that of an instance is the instance's id.
    pub name: String,
    /// What it does.
    pub state: DomainState,
    /// Whether it stays known after its end; one that does not vanishes, and nobody can say any
    /// more how it ended. See [`Hypervisor::keep`].
    pub lasting: bool,
    /// How often it was seen to reboot or be reset. Only its growth means anything, and only
    /// within this process.
    pub reboots: u64,
}

/// Where domains run. Calls block; callers use a blocking thread.
pub trait Hypervisor: Send + Sync {
    /// What the machine has altogether, disk left zero.
    ///
    /// # Errors
    /// See [`HypervisorError`]; so for every method.
    fn capacity(&self) -> Result<Figures, HypervisorError>;

    /// Every domain that the hypervisor knows.
    fn domains(&self) -> Result<Vec<Domain>, HypervisorError>;

    /// What keeps domains from being started at all, with the remedy; none when nothing does.
    /// Those that run are not concerned.
    fn obstacle(&self) -> Result<Option<String>, HypervisorError>;

    /// Starts a domain. Success when one of this name runs already; one that has stopped is
    /// replaced. It stays known with its [`Ending`] after its end, until it is destroyed.
    fn start(&self, spec: &DomainSpec) -> Result<(), HypervisorError>;

    /// Makes a domain that runs stay known with its [`Ending`] after its end, as one has it that
    /// was started here and not interrupted. Success when it does so already, and when there is
    /// none of this name.
    fn keep(&self, id: InstanceId) -> Result<(), HypervisorError>;

    /// Asks the guest to shut down, as the power button of a machine does. Whether it does so is
    /// seen in [`domains`](Self::domains) only. Success when there is none of this name.
    fn shutdown(&self, id: InstanceId) -> Result<(), HypervisorError>;

    /// Asks the guest to reboot; its disks, tap and memory stay. Whether it does so is seen in
    /// [`Domain::reboots`] only. Success when there is none of this name.
    fn reboot(&self, id: InstanceId) -> Result<(), HypervisorError>;

    /// Ends a domain at once, as a power cut does, and forgets it. Success when there is none of
    /// this name.
    fn destroy(&self, id: InstanceId) -> Result<(), HypervisorError>;

    /// Lets a domain that stands still for want of disk space try to write again; if there still is
    /// no room it stands still again. Success when there is none of this name, or it runs.
    fn resume(&self, id: InstanceId) -> Result<(), HypervisorError>;

    /// Resets a domain, as the button on a machine does; its disks, tap and memory stay. One
    /// whose guest has crashed runs again.
    fn reset(&self, id: InstanceId) -> Result<(), HypervisorError>;
}
