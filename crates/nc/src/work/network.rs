//! The host's network, and what is found out by it.

use super::Setback;
use crate::node::Node;
use crate::state::Concern;
use hostnet::Passage;
use netplan::{NodeInput, NodePlan, SiteBridge, node_plan};
use protocol::{Attachment, InstanceDesired};

impl Node {
    /// Makes the host's network fit what runs and may run here, unless it was made so before.
    ///
    /// # Errors
    /// As of [`repair_network`](Self::repair_network).
    pub(crate) async fn fit_network(&self) -> Result<(), String> {
        let mut applied = self.network.lock().await;
        let plan = self.network_plan().await;
        if *applied == plan { Ok(()) } else { self.apply(plan, &mut applied).await }
    }

    /// The same, and undoes what somebody else did to it.
    ///
    /// # Errors
    /// With what is wrong, for a person; it is also noted as a problem of the node.
    pub(crate) async fn repair_network(&self) -> Result<(), String> {
        let mut applied = self.network.lock().await;
        let plan = self.network_plan().await;
        self.apply(plan, &mut applied).await
    }

    async fn network_plan(&self) -> NodePlan {
        let bridge = self.look_at_bridge().await;
        let (nics, site_nics, fabric) = {
            let state = self.state();
            let fabric = state.desired().and_then(|desired| desired.fabric.clone());
            let (nics, site_nics) = state.nics();
            (nics, site_nics, fabric)
        };
        node_plan(&NodeInput {
            nics: &nics,
            site_nics: &site_nics,
            site_bridge: bridge.as_ref(),
            metadata_port: self.settings.metadata_port,
            fabric: fabric.as_ref(),
            interface: &self.settings.interface,
        })
    }

    /// Looks at what else could keep instances from being reached. On a machine that is the whole
    /// cloud the cluster controller does.
    pub(crate) async fn look_at_firewalls(&self) {
        let is_joined = self.state().desired().is_some_and(|desired| desired.fabric.is_some());
        let passage = match &self.settings.site_bridge {
            Some(bridge) => Some(Passage::SiteNode(bridge.clone())),
            None => is_joined.then_some(Passage::GroupNode),
        };
        let problems = self.adapters.net.check(passage.as_slice()).await;
        self.concern(Concern::Firewalls, (!problems.is_empty()).then(|| problems.join("; ")));
    }

    async fn apply(&self, plan: NodePlan, last: &mut NodePlan) -> Result<(), String> {
        // Until it is done, nothing is known to be in force.
        *last = NodePlan::default();
        let applied = self.adapters.net.apply_node(&plan).await.map_err(|error| error.to_string());
        self.concern(Concern::Network, applied.as_ref().err().cloned());
        let changes = applied?.changes;
        if !changes.is_empty() {
            tracing::info!(?changes, "the host's network was changed");
        }
        *last = plan;
        Ok(())
    }

    /// The administrator's bridge. That it is not there is noted as a problem of the node.
    async fn look_at_bridge(&self) -> Option<SiteBridge> {
        let name = self.settings.site_bridge.as_ref()?;
        let looked = self.adapters.net.site_bridge(name).await;
        let problem = match &looked {
            Ok(Some(_)) => None,
            Ok(None) => Some(format!(
                "there is no bridge {name} (VNET_BRIDGE), so no instance is started: make it and \
                 let it have the device that leads to the instances' network (ip link add name \
                 {name} type bridge; ip link set dev eth0 master {name}; ip link set {name} up), or name \
                 another one in eucalyptus.conf and restart the node controller"
            )),
            Err(error) => Some(error.to_string()),
        };
        self.concern(Concern::Bridge, problem);
        looked.ok().flatten()
    }

    /// What keeps instances from being plugged into the administrator's bridge.
    pub(crate) fn bridge_problem(&self) -> Option<String> {
        self.state().problems.get(&Concern::Bridge).cloned()
    }

    /// The bridge that an instance is plugged into.
    ///
    /// # Errors
    /// To wait until the administrator has one.
    pub(super) fn bridge_of(&self, instance: &InstanceDesired) -> Result<String, Setback> {
        let Attachment::Group { tag, .. } = instance.nic.attachment else {
            if let Some(problem) = self.bridge_problem() {
                return Err(Setback::Wait(problem));
            }
            let none = "its cluster has it on the site's own network, and its node has no \
                        VNET_BRIDGE: set VNET_MODE as in the cluster, and VNET_BRIDGE, in the \
                        node's eucalyptus.conf, and restart the node controller";
            let name = self.settings.site_bridge.clone();
            return name.ok_or_else(|| Setback::Wait(none.to_owned()));
        };
        Ok(tag.bridge())
    }

    /// Notes the addresses that were found since the last look: on disk, and in what is reported.
    pub(crate) async fn note_found(&self) {
        let seen = self.adapters.net.sightings().borrow().clone();
        if seen.is_empty() {
            return;
        }
        let found = self.state().found(&seen);
        for (id, ip) in found {
            tracing::info!(%id, %ip, request = self.request(id), "its address was found");
            self.record(id, |entry| entry.found_ip = Some(ip)).await;
        }
    }
}
