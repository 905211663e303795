//! The hypervisor behind libvirt.

mod events;
mod link;
mod means;
mod remedy;

use crate::domain_xml::domain_xml;
use crate::kvm::Bench;
use crate::template::{Judged, Template};
use crate::{Accelerator, Domain, DomainSpec, Hypervisor, HypervisorError};
use events::Reboots;
use link::{Link, Trouble};
use means::Means;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{info, warn};
use types::{Figures, InstanceId};

/// What the administrator has chosen: HYPERVISOR in `eucalyptus.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// KVM; without proof that it runs guests no domain is started.
    Kvm,
    /// Software emulation.
    Qemu,
    /// Xen.
    Xen,
    /// KVM where it has proven to run guests, else software emulation.
    Best,
}

/// Domains through one connection to libvirt, opened at the first call and again whenever it broke.
///
/// Every operation may be asked twice, so a call that found the connection broken (libvirtd was
/// restarted) is made once more over a new one.
#[derive(Debug)]
pub struct Libvirt {
    uri: String,
    means: Mutex<Means>,
    template: Option<Template>,
    link: Mutex<Option<Arc<Link>>>,
    reboots: Arc<Reboots>,
}

impl Libvirt {
    /// An adapter for the libvirt at `uri` (`qemu:///system`; see
    /// <https://libvirt.org/uri.html>). Nothing is opened yet.
    pub fn new(uri: impl Into<String>, accelerator: Accelerator) -> Self {
        Self {
            uri: uri.into(),
            means: Mutex::new(Means::Settled(accelerator)),
            template: None,
            link: Mutex::default(),
            reboots: Arc::default(),
        }
    }

    /// The same with what the administrator has chosen and the template that they may have
    /// written. Where KVM may be used it is tried out, in a thread of its own and in `bench`, a
    /// directory that the user of QEMU can enter.
    pub fn choose(uri: &str, chosen: Chosen, template: PathBuf, bench: PathBuf) -> Arc<Self> {
        let mut libvirt = Self::new(uri, Accelerator::Qemu);
        libvirt.means = Mutex::new(Means::of(chosen));
        libvirt.template = Some(Template::new(template));
        let libvirt = Arc::new(libvirt);
        if matches!(chosen, Chosen::Kvm | Chosen::Best) {
            means::settle(&libvirt, chosen, Bench::new(bench));
        }
        libvirt
    }

    fn call<T>(
        &self,
        doing: &str,
        work: impl Fn(&Link) -> Result<T, Trouble>,
    ) -> Result<T, HypervisorError> {
        let link = self.link()?;
        let trouble = match work(&link) {
            Ok(value) => return Ok(value),
            Err(trouble) => trouble,
        };
        if link.is_alive() {
            return Err(trouble.explained(doing));
        }
        warn!(uri = self.uri, %trouble, "the connection to libvirt broke; opening it again");
        let link = self.link()?;
        work(&link).map_err(|trouble| match link.is_alive() {
            true => trouble.explained(doing),
            false => HypervisorError::Unreachable(remedy::unreachable(&self.uri, &trouble)),
        })
    }

    fn link(&self) -> Result<Arc<Link>, HypervisorError> {
        let mut kept = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = kept.as_ref().filter(|link| link.is_alive()) {
            return Ok(Arc::clone(link));
        }
        *kept = None;
        let link = Link::open(&self.uri, &self.reboots).map_err(|trouble| {
            HypervisorError::Unreachable(remedy::unreachable(&self.uri, &trouble))
        })?;
        info!(uri = self.uri, "connected to libvirt");
        Ok(Arc::clone(kept.insert(Arc::new(link))))
    }

    fn means(&self) -> Means {
        self.means.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The administrator's template and its text, if there is one, or what is wrong with it.
    fn tried_template(
        &self,
        accelerator: Accelerator,
    ) -> Result<Judged<(&Template, String)>, HypervisorError> {
        let Some(template) = &self.template else { return Ok(Ok(None)) };
        let tried = template.tried(accelerator, |xml| {
            let format = match accelerator {
                Accelerator::Kvm | Accelerator::Qemu => "qemu-argv",
                Accelerator::Xen => "xen-xl",
            };
            self.call("read it", |link| link.understands(format, xml))
        })?;
        Ok(tried.map(|text| Some((template, text?))))
    }
}

impl Hypervisor for Libvirt {
    fn capacity(&self) -> Result<Figures, HypervisorError> {
        self.call("tell what the machine has", Link::capacity)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.call("list the domains", Link::domains)
    }

    fn obstacle(&self) -> Result<Option<String>, HypervisorError> {
        match self.means() {
            Means::Settled(accelerator) => Ok(self.tried_template(accelerator)?.err()),
            // A matter of seconds, and no reason to send launches elsewhere.
            Means::Trying => Ok(None),
            Means::Refused(problem) => Ok(Some(problem)),
        }
    }

    fn start(&self, spec: &DomainSpec) -> Result<(), HypervisorError> {
        let accelerator = self.means().ready()?;
        let template = self.tried_template(accelerator)?.map_err(HypervisorError::NotNow)?;
        let doing = format!("start {}", spec.id);
        self.call(&doing, |link| {
            link.start(spec, |user| {
                let built_in = domain_xml(spec, accelerator, user)?;
                match &template {
                    Some((template, text)) => template.fill(text, spec, &built_in),
                    None => Ok(built_in),
                }
            })
        })
    }

    fn keep(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("give {id} a lasting definition"), |link| link.keep(id))
    }

    fn shutdown(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("shut down {id}"), |link| link.shutdown(id))
    }

    fn reboot(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("reboot {id}"), |link| link.reboot(id))
    }

    fn destroy(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("destroy {id}"), |link| link.destroy(id))
    }

    fn resume(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("resume {id}"), |link| link.resume(id))
    }

    fn reset(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("reset {id}"), |link| link.reset(id))
    }
}

#[cfg(test)]
mod tests;
