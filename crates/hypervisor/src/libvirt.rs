//! The hypervisor behind libvirt.

mod link;
mod remedy;

use crate::{Accelerator, Domain, DomainSpec, Hypervisor, HypervisorError};
use link::{Link, Trouble};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{info, warn};
use types::{Figures, InstanceId};

/// Domains through one connection to libvirt, opened at the first call and again whenever it broke.
///
/// Every operation may be asked twice, so a call that found the connection broken (libvirtd was
/// restarted) is made once more over a new one.
#[derive(Debug)]
pub struct Libvirt {
    uri: String,
    accelerator: Accelerator,
    link: Mutex<Option<Arc<Link>>>,
}

impl Libvirt {
    /// An adapter for the libvirt at `uri` (`qemu:///system`; see
    /// <https://libvirt.org/uri.html>). Nothing is opened yet.
    pub fn new(uri: impl Into<String>, accelerator: Accelerator) -> Self {
        Self { uri: uri.into(), accelerator, link: Mutex::new(None) }
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
        let link = Link::open(&self.uri).map_err(|trouble| {
            HypervisorError::Unreachable(remedy::unreachable(&self.uri, &trouble))
        })?;
        info!(uri = self.uri, "connected to libvirt");
        Ok(Arc::clone(kept.insert(Arc::new(link))))
    }
}

impl Hypervisor for Libvirt {
    fn capacity(&self) -> Result<Figures, HypervisorError> {
        self.call("tell what the machine has", Link::capacity)
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.call("list the domains", Link::domains)
    }

    fn start(&self, spec: &DomainSpec) -> Result<(), HypervisorError> {
        let doing = format!("start {}", spec.id);
        self.call(&doing, |link| link.start(spec, self.accelerator))
    }

    fn shutdown(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("shut down {id}"), |link| link.shutdown(id))
    }

    fn destroy(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("destroy {id}"), |link| link.destroy(id))
    }

    fn reset(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.call(&format!("reset {id}"), |link| link.reset(id))
    }
}

#[cfg(test)]
mod tests;
