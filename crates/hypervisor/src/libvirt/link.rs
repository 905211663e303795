//! One open connection to libvirt, and what is asked over it.

use super::events::{Reboots, Watch};
use super::remedy;
use crate::domain_xml::QemuUser;
use crate::{Domain, DomainSpec, DomainState, Ending, HypervisorError};
use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::warn;
use types::{Figures, InstanceId, crash_point};
use virt::connect::Connect;
use virt::domain::Domain as VirtDomain;
use virt::error::{Error as VirtError, ErrorNumber};
use virt::sys;

/// A silent libvirtd is given up after this many seconds times this many unanswered questions.
const KEEP_ALIVE: (i32, u32) = (5, 6);

/// Why something asked of libvirt did not happen.
pub(super) enum Trouble {
    /// libvirt said so.
    Libvirt(VirtError),
    /// It was not even asked.
    Own(String),
    /// It was not asked, because libvirt is still at work on the same domain.
    Busy(String),
}

impl Trouble {
    /// The error of the call that was about to do `doing`, with a remedy where one is known.
    pub(super) fn explained(&self, doing: &str) -> HypervisorError {
        let message = self.to_string();
        if let Self::Busy(_) = self {
            return HypervisorError::NotNow(message);
        }
        let remedy = remedy::of(&message).map(|remedy| format!(" ({remedy})")).unwrap_or_default();
        HypervisorError::Failed(format!("libvirt could not {doing}: {message}{remedy}"))
    }

    fn is(&self, code: ErrorNumber) -> bool {
        matches!(self, Self::Libvirt(error) if error.code() == code)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Libvirt(error) => f.write_str(error.message()),
            Self::Own(message) | Self::Busy(message) => f.write_str(message),
        }
    }
}

impl From<VirtError> for Trouble {
    fn from(error: VirtError) -> Self {
        Self::Libvirt(error)
    }
}

/// An open connection. libvirt lets many threads use it at once.
#[derive(Debug)]
pub(super) struct Link {
    connect: Connect,
    /// What further connections are opened with; none where the driver is in this process.
    uri: Option<String>,
    /// Known where libvirt separates QEMU from root by user.
    qemu_user: Option<QemuUser>,
    reboots: Arc<Reboots>,
    /// None where the driver has no such events.
    watch: Option<Watch>,
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.end(&self.connect);
        }
        if let Err(error) = self.connect.close() {
            warn!(%error, "closing the connection to libvirt");
        }
    }
}

impl Link {
    pub(super) fn open(uri: &str, reboots: &Arc<Reboots>) -> Result<Self, Trouble> {
        if uri.contains('\0') {
            return Err(Trouble::Own("the URI has a NUL character".to_owned()));
        }
        start_event_loop()?;
        let connect = Connect::open(Some(uri))?;
        let watch = Watch::begin(&connect, reboots);
        let reboots = Arc::clone(reboots);
        let mut link = Self { connect, uri: None, qemu_user: None, reboots, watch };
        link.uri = keep_alive(&link.connect)?.then(|| uri.to_owned());
        link.qemu_user = qemu_user(&link.connect.get_capabilities()?);
        Ok(link)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.connect.is_alive().unwrap_or(false)
    }

    pub(super) fn capacity(&self) -> Result<Figures, Trouble> {
        let node = self.connect.get_node_info()?;
        Ok(Figures { cores: node.cpus, memory_mb: node.memory / 1024, disk_gb: 0 })
    }

    pub(super) fn domains(&self) -> Result<Vec<Domain>, Trouble> {
        // Listed first: one that is given its definition meanwhile is given it once more.
        let passing = self.connect.list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_TRANSIENT)?;
        let passing = passing.iter().map(VirtDomain::get_name);
        // One that has vanished since has no name any more.
        let passing: HashSet<String> = passing.filter_map(Result::ok).collect();
        let mut found = Vec::new();
        for domain in self.connect.list_all_domains(0)? {
            // One that ended since the list was made is no longer known.
            if let Some(state) = state(&domain)? {
                let name = domain.get_name()?;
                let (reboots, lasting) = (self.reboots.of(&name), !passing.contains(&name));
                found.push(Domain { name, state, lasting, reboots });
            }
        }
        self.reboots.keep_only(&found);
        Ok(found)
    }

    /// Starts a domain, unless it runs, from the XML that is made for the user that QEMU runs as.
    ///
    /// It is given a lasting definition before it is started: a domain without one vanishes at its
    /// end, and nobody could say any more how it came to it, so that a QEMU that died would look
    /// like a guest that may have shut down. A definition alone is what a start begins with.
    pub(super) fn start(
        &self,
        spec: &DomainSpec,
        xml: impl Fn(Option<QemuUser>) -> Result<String, HypervisorError>,
    ) -> Result<(), Trouble> {
        if let Some(domain) = self.lookup(spec.id)? {
            match state(&domain)? {
                Some(state) if state.is_up() => return Ok(()),
                Some(DomainState::Starting) => {
                    let text = format!("libvirt is still starting {}", spec.id);
                    return Err(Trouble::Busy(text));
                }
                _ => remove(&domain)?,
            }
        }
        let xml = xml(self.qemu_user).map_err(|error| Trouble::Own(error.to_string()))?;
        if let Some(user) = self.qemu_user {
            let nvram = spec.uefi.iter().map(|uefi| &uefi.nvram);
            for own in [&spec.root].into_iter().chain(&spec.further_disks).chain(nvram) {
                give(own, user)?;
            }
        }
        match self.create(&xml) {
            Ok(()) => {}
            Err(error) if self.runs(spec.id)? => {
                warn!(id = %spec.id, %error, "the domain was started by somebody else meanwhile");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Gives a domain that runs a lasting definition: its own, as it runs.
    pub(super) fn keep(&self, id: InstanceId) -> Result<(), Trouble> {
        let Some(domain) = self.lookup(id)? else { return Ok(()) };
        if unless_gone(domain.is_persistent())? != Some(false) {
            return Ok(());
        }
        let Some(xml) = unless_gone(domain.get_xml_desc(sys::VIR_DOMAIN_XML_INACTIVE))? else {
            return Ok(());
        };
        VirtDomain::define_xml(&self.connect, &xml)?;
        Ok(())
    }

    /// Starts a domain over a connection of its own: a libvirtd works on five requests of one
    /// connection at once, and does not even hear the next ones meanwhile.
    fn create(&self, xml: &str) -> Result<(), Trouble> {
        let Some(uri) = &self.uri else { return define_and_create(&self.connect, xml) };
        let broken = |cause: &dyn fmt::Display| {
            Trouble::Busy(format!("the connection to libvirt for this start broke: {cause}"))
        };
        let mut connect = Connect::open(Some(uri)).map_err(|error| broken(&error))?;
        let created = keep_alive(&connect).and_then(|_| define_and_create(&connect, xml));
        let alive = connect.is_alive().unwrap_or(false);
        // Not by itself when it is dropped; and nothing is wanted of it any more.
        let _ = connect.close();
        match created {
            // Whether the domain runs is seen by the next look.
            Err(trouble) if !alive => Err(broken(&trouble)),
            created => created,
        }
    }

    /// Lets libvirt read the XML of a domain as if it were to be started.
    pub(super) fn understands(
        &self,
        format: &str,
        xml: impl Fn(Option<QemuUser>) -> Result<String, HypervisorError>,
    ) -> Result<(), Trouble> {
        let xml = xml(self.qemu_user).map_err(|error| Trouble::Own(error.to_string()))?;
        match self.connect.domain_xml_to_native(format, &xml, 0).map_err(Trouble::from) {
            // libvirt's own fake hypervisor has no native form.
            Err(trouble) if !trouble.is(ErrorNumber::NoSupport) => Err(trouble),
            _ => Ok(()),
        }
    }

    /// Starts a domain that is none of an instance and vanishes at its end.
    pub(super) fn start_passing(&self, name: &str, xml: &str) -> Result<(), Trouble> {
        self.end_passing(name)?;
        VirtDomain::create_xml(&self.connect, xml, 0)?;
        Ok(())
    }

    /// Ends that one, if it is there.
    pub(super) fn end_passing(&self, name: &str) -> Result<(), Trouble> {
        let domain = unless_gone(VirtDomain::lookup_by_name(&self.connect, name))?;
        domain.map_or(Ok(()), |domain| remove(&domain))
    }

    pub(super) const fn qemu_user(&self) -> Option<QemuUser> {
        self.qemu_user
    }

    /// libvirt's and the hypervisor's version.
    pub(super) fn versions(&self) -> Result<(u32, u32), Trouble> {
        Ok((self.connect.get_lib_version()?, self.connect.get_hyp_version()?))
    }

    pub(super) fn shutdown(&self, id: InstanceId) -> Result<(), Trouble> {
        let Some(domain) = self.lookup(id)? else { return Ok(()) };
        match domain.shutdown().map_err(Trouble::from) {
            // It ended by itself since it was looked up.
            Err(trouble) if trouble.is(ErrorNumber::OperationInvalid) => Ok(()),
            other => unless_gone_trouble(other).map(drop),
        }
    }

    pub(super) fn reboot(&self, id: InstanceId) -> Result<(), Trouble> {
        let Some(domain) = self.lookup(id)? else { return Ok(()) };
        match domain.reboot(sys::VIR_DOMAIN_REBOOT_DEFAULT).map_err(Trouble::from) {
            // It does not run any more, or not yet.
            Err(trouble) if trouble.is(ErrorNumber::OperationInvalid) => Ok(()),
            other => unless_gone_trouble(other).map(drop),
        }
    }

    pub(super) fn destroy(&self, id: InstanceId) -> Result<(), Trouble> {
        self.lookup(id)?.map_or(Ok(()), |domain| remove(&domain))
    }

    pub(super) fn resume(&self, id: InstanceId) -> Result<(), Trouble> {
        let Some(domain) = self.lookup(id)? else { return Ok(()) };
        // Looked at once more: one that stands still for another reason is left alone.
        if state(&domain)? != Some(DomainState::NoSpace) {
            return Ok(());
        }
        match domain.resume().map_err(Trouble::from) {
            // It ended by itself, or goes on already.
            Err(trouble) if trouble.is(ErrorNumber::OperationInvalid) => Ok(()),
            other => unless_gone_trouble(other).map(drop),
        }
    }

    pub(super) fn reset(&self, id: InstanceId) -> Result<(), Trouble> {
        let domain = self.lookup(id)?;
        let domain = domain.ok_or_else(|| Trouble::Own("it does not run".to_owned()))?;
        domain.reset()?;
        // One whose guest has crashed stands still until it is told to go on.
        if let (sys::VIR_DOMAIN_PAUSED | sys::VIR_DOMAIN_CRASHED, _) = domain.get_state()? {
            domain.resume()?;
        }
        Ok(())
    }

    fn runs(&self, id: InstanceId) -> Result<bool, Trouble> {
        let Some(domain) = self.lookup(id)? else { return Ok(false) };
        Ok(state(&domain)?.is_some_and(DomainState::is_up))
    }

    fn lookup(&self, id: InstanceId) -> Result<Option<VirtDomain>, Trouble> {
        unless_gone(VirtDomain::lookup_by_name(&self.connect, &id.to_string()))
    }
}

/// Gives a domain its definition and starts it; one that does not start stays undefined.
fn define_and_create(connect: &Connect, xml: &str) -> Result<(), Trouble> {
    let domain = VirtDomain::define_xml(connect, xml)?;
    crash_point("hypervisor.defined");
    let created = domain.create();
    if created.is_err()
        && let Err(trouble) = undefine(&domain)
    {
        warn!(%trouble, "a domain that did not start stays known");
    }
    created.map(drop).map_err(Trouble::from)
}

/// Has a silent libvirtd given up. False for drivers in this process (embed, test), which have no
/// wire to keep alive.
fn keep_alive(connect: &Connect) -> Result<bool, Trouble> {
    match connect.set_keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1).map_err(Trouble::from) {
        Err(trouble) if trouble.is(ErrorNumber::NoSupport) => Ok(false),
        kept => kept.map(|_| true),
    }
}

/// None when the domain has vanished.
fn state(domain: &VirtDomain) -> Result<Option<DomainState>, Trouble> {
    let found = unless_gone(domain.get_state())?;
    Ok(found.map(|(state, reason)| meaning(state, u32::try_from(reason).unwrap_or(0))))
}

/// What libvirt's state and its reason mean
/// (<https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainState>).
fn meaning(state: sys::virDomainState, reason: u32) -> DomainState {
    match (state, reason) {
        (sys::VIR_DOMAIN_NOSTATE, _)
        | (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_STARTING_UP) => DomainState::Starting,
        (sys::VIR_DOMAIN_CRASHED, _) | (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_CRASHED) => {
            DomainState::Crashed
        }
        // QEMU stops a machine for a full disk only, unless the administrator's template says more.
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_IOERROR) => DomainState::NoSpace,
        (sys::VIR_DOMAIN_SHUTOFF, reason) => DomainState::Stopped(match reason {
            sys::VIR_DOMAIN_SHUTOFF_SHUTDOWN => Ending::PoweredOff,
            sys::VIR_DOMAIN_SHUTOFF_CRASHED | sys::VIR_DOMAIN_SHUTOFF_DAEMON => Ending::Died,
            sys::VIR_DOMAIN_SHUTOFF_DESTROYED => Ending::Destroyed,
            _ => Ending::Unknown,
        }),
        _ => DomainState::Running,
    }
}

/// Ends a domain whatever it does, and its definition if it has a lasting one.
fn remove(domain: &VirtDomain) -> Result<(), Trouble> {
    if unless_gone(domain.is_active())? == Some(true) {
        match domain.destroy().map_err(Trouble::from) {
            // It ended by itself between the two calls.
            Err(trouble) if trouble.is(ErrorNumber::OperationInvalid) => {}
            other => unless_gone_trouble(other).map(drop)?,
        }
    }
    if unless_gone(domain.is_persistent())? == Some(true) {
        undefine(domain)?;
    }
    Ok(())
}

/// Removes a definition with the memory image that a service of the host may have saved; the
/// firmware's variables are one of the instance's disks and stay.
fn undefine(domain: &VirtDomain) -> Result<(), Trouble> {
    let with_all = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | sys::VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
    match unless_gone(domain.undefine_flags(with_all)) {
        // Drivers other than QEMU's know fewer of these.
        Err(trouble) if trouble.is(ErrorNumber::InvalidArg) => unless_gone(domain.undefine()),
        other => other,
    }
    .map(drop)
}

fn unless_gone<T>(result: Result<T, VirtError>) -> Result<Option<T>, Trouble> {
    unless_gone_trouble(result.map_err(Trouble::from))
}

fn unless_gone_trouble<T>(result: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(trouble) if trouble.is(ErrorNumber::NoDomain) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Makes a file of the instance QEMU's own, because libvirt is told to change no owner.
fn give(file: &Path, user: QemuUser) -> Result<(), Trouble> {
    let private = std::fs::Permissions::from_mode(0o600);
    chown(file, Some(user.uid), Some(user.gid))
        .and_then(|()| std::fs::set_permissions(file, private))
        .map_err(|error| Trouble::Own(format!("giving {} to QEMU: {error}", file.display())))
}

/// The user that QEMU runs as, from libvirt's capabilities
/// (`<secmodel><model>dac</model>…<baselabel type='qemu'>+UID:+GID</baselabel>`).
fn qemu_user(capabilities: &str) -> Option<QemuUser> {
    let (_, after) = capabilities.split_once("<model>dac</model>")?;
    let (model, _) = after.split_once("</secmodel>")?;
    let (_, after) = model.split_once("<baselabel")?;
    let (_, label) = after.split_once('>')?;
    let (uid, gid) = label.split_once('<')?.0.split_once(':')?;
    let number = |text: &str| text.strip_prefix('+')?.parse().ok();
    Some(QemuUser { uid: number(uid)?, gid: number(gid)? })
}

/// Runs libvirt's event loop, which keep-alive and the embedded driver need, in a thread of its
/// own, once in the process; and stops libvirt from printing errors that we report ourselves.
fn start_event_loop() -> Result<(), Trouble> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        virt::error::clear_error_callback();
        virt::event::event_register_default_impl().map_err(|error| error.to_string())?;
        let thread = std::thread::Builder::new().name("libvirt-events".to_owned());
        thread.spawn(run_events).map(drop).map_err(|error| error.to_string())
    });
    started.clone().map_err(|error| Trouble::Own(format!("starting libvirt's event loop: {error}")))
}

fn run_events() {
    loop {
        if let Err(error) = virt::event::event_run_default_impl() {
            warn!(%error, "libvirt's event loop");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_with_its_reason() {
        use sys::{
            VIR_DOMAIN_CRASHED, VIR_DOMAIN_NOSTATE, VIR_DOMAIN_PAUSED, VIR_DOMAIN_RUNNING,
            VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTOFF,
        };
        let table = [
            (VIR_DOMAIN_NOSTATE, 0, DomainState::Starting),
            (VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_STARTING_UP, DomainState::Starting),
            (VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_USER, DomainState::Running),
            (VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_CRASHED, DomainState::Crashed),
            (VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_IOERROR, DomainState::NoSpace),
            (VIR_DOMAIN_CRASHED, sys::VIR_DOMAIN_CRASHED_PANICKED, DomainState::Crashed),
            (VIR_DOMAIN_RUNNING, 1, DomainState::Running),
            (VIR_DOMAIN_SHUTDOWN, 1, DomainState::Running),
            (VIR_DOMAIN_SHUTOFF, 0, DomainState::Stopped(Ending::Unknown)),
            (VIR_DOMAIN_SHUTOFF, 1, DomainState::Stopped(Ending::PoweredOff)),
            (VIR_DOMAIN_SHUTOFF, 2, DomainState::Stopped(Ending::Destroyed)),
            (VIR_DOMAIN_SHUTOFF, 3, DomainState::Stopped(Ending::Died)),
            (VIR_DOMAIN_SHUTOFF, 6, DomainState::Stopped(Ending::Unknown)),
            (VIR_DOMAIN_SHUTOFF, 8, DomainState::Stopped(Ending::Died)),
        ];
        for (state, reason, wanted) in table {
            assert_eq!(meaning(state, reason), wanted, "{state} {reason}");
        }
    }

    #[test]
    fn the_user_of_qemu_is_read_from_the_capabilities() {
        let dac = "<capabilities><host><secmodel><model>none</model><doi>0</doi></secmodel>\
                   <secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+108\
                   </baselabel><baselabel type='qemu'>+64055:+108</baselabel></secmodel></host>";
        assert_eq!(qemu_user(dac), Some(QemuUser { uid: 64055, gid: 108 }));
        for none in ["", "<secmodel><model>dac</model></secmodel>", &dac.replace('+', "x")] {
            assert_eq!(qemu_user(none), None, "{none}");
        }
    }
}
