//! How domains are run, once that is known.

use super::{Chosen, Libvirt};
use crate::kvm::{self, Bench, Finding};
use crate::{Accelerator, HypervisorError};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;
use tracing::{info, warn};

/// While libvirt is away, KVM cannot be tried out.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How domains are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Means {
    /// So.
    Settled(Accelerator),
    /// KVM is being tried out.
    Trying,
    /// KVM was asked for and does not run guests.
    Refused(String),
}

impl Means {
    pub(super) const fn of(chosen: Chosen) -> Self {
        match chosen {
            Chosen::Qemu => Self::Settled(Accelerator::Qemu),
            Chosen::Xen => Self::Settled(Accelerator::Xen),
            Chosen::Kvm | Chosen::Best => Self::Trying,
        }
    }

    pub(super) fn ready(self) -> Result<Accelerator, HypervisorError> {
        match self {
            Self::Settled(accelerator) => Ok(accelerator),
            Self::Trying => Err(HypervisorError::NotNow("KVM is being tried out".to_owned())),
            Self::Refused(problem) => Err(HypervisorError::NotNow(problem)),
        }
    }

    /// What follows from what was found out about KVM. An administrator who asked for it is told
    /// and nothing is started, rather than a hundred times slower; who did not ask gets emulation.
    fn after(chosen: Chosen, trouble: Option<&str>) -> Self {
        match (trouble, chosen) {
            (None, _) => Self::Settled(Accelerator::Kvm),
            (Some(trouble), Chosen::Kvm) => Self::Refused(format!(
                "HYPERVISOR is \"kvm\", and KVM does not run guests on this machine: {trouble}. \
                 No instance is started here; repair KVM (is virtualisation enabled in the \
                 firmware, the module kvm_intel or kvm_amd loaded?) and restart the node \
                 controller, or set HYPERVISOR=\"qemu\" in eucalyptus.conf for slow emulation"
            )),
            (Some(_), _) => Self::Settled(Accelerator::Qemu),
        }
    }
}

/// Finds out about KVM in a thread of its own, for as long as the adapter is in use.
pub(super) fn settle(libvirt: &Arc<Libvirt>, chosen: Chosen, bench: Bench) {
    let libvirt = Arc::downgrade(libvirt);
    let thread = std::thread::Builder::new().name("kvm-proof".to_owned());
    let begun = thread.spawn(move || {
        while !settled(&libvirt, chosen, &bench) {
            std::thread::sleep(AGAIN_AFTER);
        }
    });
    if let Err(error) = begun {
        warn!(%error, "KVM cannot be tried out");
    }
}

/// False when it has to be tried again.
fn settled(libvirt: &Weak<Libvirt>, chosen: Chosen, bench: &Bench) -> bool {
    let Some(libvirt) = libvirt.upgrade() else { return true };
    let Ok(finding) = libvirt.find_out(chosen, bench) else { return false };
    match (&finding.trouble, chosen) {
        (None, _) => info!("KVM has run a test guest and is used"),
        (Some(trouble), Chosen::Kvm) => warn!(trouble, "KVM does not run guests"),
        (Some(trouble), _) => warn!(
            trouble,
            "KVM does not run guests here, so instances are emulated in software, which is slow; \
             HYPERVISOR=\"qemu\" in eucalyptus.conf says that it should stay so"
        ),
    }
    let means = Means::after(chosen, finding.trouble.as_deref());
    *libvirt.means.lock().unwrap_or_else(PoisonError::into_inner) = means;
    true
}

impl Libvirt {
    /// Whether KVM runs guests. What was found before on the same host counts; but who asked for
    /// KVM may have repaired it since.
    ///
    /// # Errors
    /// When libvirt is away, so that nothing can be found out.
    fn find_out(&self, chosen: Chosen, bench: &Bench) -> Result<Finding, HypervisorError> {
        let (libvirt, qemu) = self.call("tell its version", |link| link.versions())?;
        let host = format!("{} libvirt {libvirt} QEMU {qemu}", kvm::kernel_and_boot());
        let known = bench.recall(&host);
        if let Some(known) = known.filter(|it| it.trouble.is_none() || chosen == Chosen::Best) {
            return Ok(known);
        }
        let trouble = match self.run_test_guest(bench, "kvm") {
            Err(error @ HypervisorError::Unreachable(_)) => return Err(error),
            proven => proven.err().map(|error| error.to_string()),
        };
        let finding = Finding { host, trouble };
        if let Err(error) = bench.remember(&finding) {
            warn!(%error, "what was found out about KVM is not kept and will be found out again");
        }
        Ok(finding)
    }

    /// Whether a test guest runs, under KVM or emulated, in a directory that QEMU's user can enter.
    ///
    /// # Errors
    /// With what libvirt says or how far the guest came.
    pub fn prove(&self, kvm: bool, directory: PathBuf) -> Result<(), HypervisorError> {
        self.run_test_guest(&Bench::new(directory), if kvm { "kvm" } else { "qemu" })
    }

    fn run_test_guest(&self, bench: &Bench, kind: &str) -> Result<(), HypervisorError> {
        let failed = HypervisorError::Failed;
        bench.lay_out().map_err(|e| failed(format!("laying out the test guest: {e}")))?;
        self.call("start a test guest", |link| {
            let xml = bench.domain(link.qemu_user(), kind).map_err(super::Trouble::Own)?;
            link.start_passing(kvm::NAME, &xml)
        })?;
        let heard = bench.listen(kvm::PATIENCE);
        self.call("end the test guest", |link| link.end_passing(kvm::NAME))?;
        heard.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_is_used_after_its_proof_only() {
        let hangs = Some("a test guest hangs");
        for (chosen, trouble, wanted) in [
            (Chosen::Best, None, Means::Settled(Accelerator::Kvm)),
            (Chosen::Kvm, None, Means::Settled(Accelerator::Kvm)),
            (Chosen::Best, hangs, Means::Settled(Accelerator::Qemu)),
        ] {
            assert_eq!(Means::after(chosen, trouble), wanted);
        }
        for chosen in [Chosen::Kvm, Chosen::Best] {
            assert!(Means::of(chosen).ready().is_err(), "before it was tried");
        }
        let Means::Refused(problem) = Means::after(Chosen::Kvm, hangs) else { panic!() };
        for part in ["a test guest hangs", "No instance is started", "HYPERVISOR=\"qemu\""] {
            assert!(problem.contains(part), "{problem}");
        }
        assert!(Means::Refused(problem).ready().is_err());
    }
}
