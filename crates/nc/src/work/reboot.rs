//! From a wish to reboot to a guest that has.

use super::Setback;
use crate::entry::Rebooting;
use crate::node::Node;
use types::{InstanceId, crash_point};

impl Node {
    /// Asks a guest to reboot. Whether it has, and what to do if it never does, is seen by the
    /// passes that follow.
    pub(super) async fn ask_to_reboot(&self, id: InstanceId, wanted: u32) -> Result<(), Setback> {
        let since = self.adapters.clock.now();
        if self.known(id)?.rebooting.is_none() {
            let rebooting = Some(Rebooting { wanted, since });
            self.record_for_sure(id, |entry| entry.rebooting = rebooting).await?;
        }
        let before = self.reboots_seen(id).await?;
        self.ask(move |hypervisor| hypervisor.reboot(id))
            .await
            .map_err(Setback::of_hypervisor("its guest could not be asked to reboot"))?;
        crash_point("nc.reboot-asked");
        if let Some(slot) = self.state().slots.get_mut(&id) {
            slot.reboots_before = Some(before);
        }
        tracing::info!(%id, "its guest was asked to reboot");
        Ok(())
    }

    /// Resets a domain, as the button on a machine does.
    pub(super) async fn reset(&self, id: InstanceId, count: u32) -> Result<(), Setback> {
        self.ask(move |hypervisor| hypervisor.reset(id))
            .await
            .map_err(Setback::of_hypervisor("its domain could not be reset"))?;
        self.record_rebooted(id, count).await;
        tracing::info!(%id, "it was reset");
        Ok(())
    }

    async fn reboots_seen(&self, id: InstanceId) -> Result<u64, Setback> {
        let domains = self.ask(|hypervisor| hypervisor.domains()).await;
        let domains = domains.map_err(Setback::of_hypervisor("its domain could not be seen"))?;
        let name = id.to_string();
        let domain = domains.into_iter().find(|domain| domain.name == name);
        Ok(domain.map_or(0, |domain| domain.reboots))
    }
}
