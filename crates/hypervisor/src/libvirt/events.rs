//! Reboots of guests, which libvirt tells of only while they happen.

#![allow(unsafe_code, reason = "the virt crate has no events of domains")]

use crate::Domain;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;
use virt::connect::Connect;
use virt::error::Error as VirtError;
use virt::sys;

/// How often each domain was seen to reboot since this process watches.
#[derive(Debug, Default)]
pub(super) struct Reboots(Mutex<BTreeMap<String, u64>>);

impl Reboots {
    pub(super) fn of(&self, name: &str) -> u64 {
        self.counts().get(name).copied().unwrap_or(0)
    }

    /// Forgets all domains but these.
    pub(super) fn keep_only(&self, domains: &[Domain]) {
        self.counts().retain(|name, _| domains.iter().any(|domain| domain.name == *name));
    }

    fn count(&self, name: &str) {
        *self.counts().entry(name.to_owned()).or_default() += 1;
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's subscription. It is ended before the connection is closed, which it would
/// otherwise keep open.
#[derive(Debug)]
pub(super) struct Watch(c_int);

impl Watch {
    /// None where libvirt's driver has no such events: a reboot is then done by force, after the
    /// time that a guest is given.
    pub(super) fn begin(connect: &Connect, reboots: &Arc<Reboots>) -> Option<Self> {
        let event = sys::VIR_DOMAIN_EVENT_ID_REBOOT as c_int;
        let opaque = Arc::into_raw(Arc::clone(reboots)).cast_mut().cast();
        // SAFETY: the connection is open; the callback has the type that belongs to the event
        // (virConnectDomainEventGenericCallback); `opaque` is an Arc's pointer, which libvirt
        // hands to `forget` exactly once, after the last call of the callback.
        let id = unsafe {
            sys::virConnectDomainEventRegisterAny(
                connect.as_ptr(),
                null_mut(),
                event,
                Some(rebooted),
                opaque,
                Some(forget),
            )
        };
        if id >= 0 {
            return Some(Self(id));
        }
        warn!(error = %VirtError::last_error(), "reboots of guests cannot be watched");
        // SAFETY: libvirt did not take the pointer, so this is its only owner.
        drop(unsafe { Arc::from_raw(opaque.cast_const().cast::<Reboots>()) });
        None
    }

    pub(super) fn end(self, connect: &Connect) {
        // SAFETY: the connection is still open, and the id is one that it gave.
        if unsafe { sys::virConnectDomainEventDeregisterAny(connect.as_ptr(), self.0) } < 0 {
            warn!(error = %VirtError::last_error(), "ending the watch over reboots");
        }
    }
}

unsafe extern "C" fn rebooted(
    _: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    opaque: *mut c_void,
) {
    // SAFETY: libvirt lends the domain for the time of this call, and its name with it.
    let name = unsafe { sys::virDomainGetName(domain) };
    if name.is_null() {
        return;
    }
    // SAFETY: `opaque` is what `begin` gave, alive until `forget`; the name ends with a NUL.
    let (reboots, name) = unsafe { (&*opaque.cast::<Reboots>(), CStr::from_ptr(name)) };
    reboots.count(&name.to_string_lossy());
}

unsafe extern "C" fn forget(opaque: *mut c_void) {
    // SAFETY: `opaque` is what `begin` made with Arc::into_raw, and this is called once.
    drop(unsafe { Arc::from_raw(opaque.cast_const().cast::<Reboots>()) });
}
