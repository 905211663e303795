//! Finding the machines of the cloud.

use crate::cluster::{Cc, Concern, State};
use crate::fabric::Machines;
use futures_util::future::join_all;
use hostnet::Path;
use std::time::Duration;
use types::{NodeName, host_of_endpoint};

/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks for machines that were not found yet.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How many are looked for at once: each waits on a thread of its own.
const CONCURRENT_LOOKS: usize = 16;

/// After so many of them every machine is looked for again: it may have another address now.
const LOOKS_TO_ALL: u32 = 12;

impl Cc {
    /// Finds the machines of the nodes and the cloud; of `all`, or of those not found before.
    pub(crate) async fn find_machines(&self, all: bool) {
        if self.settings.network.router().is_none() {
            return;
        }
        let (known, names, cloud) = {
            let state = self.state();
            let names: Vec<_> = state.sightings.iter().map(|(name, _)| name.clone()).collect();
            (state.placements.machines.clone(), names, state.cloud_host())
        };
        let cloud = cloud.filter(|_| all || known.cloud.is_none());
        let cloud = async { self.find(&cloud?).await.ok()? };
        let (nodes, cloud) = tokio::join!(self.find_each(&names, &known, all), cloud);
        let mut problems = Vec::new();
        let mut found = Vec::new();
        for (name, node) in names.into_iter().zip(nodes) {
            if let Err(error) = &node
                && !known.nodes.contains_key(&name)
            {
                problems.push(error.clone());
            }
            found.push((name, node.ok().flatten()));
        }
        let mut machines = known.clone();
        machines.learn(found, cloud);
        if self.settings.network.carrier().is_none() {
            problems.extend(machines.away().map(no_transport));
        }
        self.concern(Concern::Machines, problems);
        if machines != known {
            self.remember(machines).await;
        }
    }

    /// What was found of each of these; none for one that was not looked for.
    async fn find_each(
        &self,
        names: &[NodeName],
        known: &Machines,
        all: bool,
    ) -> Vec<Result<Option<Path>, String>> {
        let look = async |name: &NodeName| {
            let is_sought = all || !known.nodes.contains_key(name);
            if is_sought { self.find(name.as_str()).await } else { Ok(None) }
        };
        let mut found = Vec::new();
        for some in names.chunks(CONCURRENT_LOOKS) {
            found.extend(join_all(some.iter().map(&look)).await);
        }
        found
    }

    async fn find(&self, host: &str) -> Result<Option<Path>, String> {
        match tokio::time::timeout(PATIENCE, self.net.path_to(host)).await {
            Ok(found) => found.map(Some).map_err(|error| error.to_string()),
            Err(_) => Err(format!("the name server did not answer about {host} within 5 s")),
        }
    }

    /// What the nodes are told of it is in the order of all else that they are told.
    async fn remember(&self, machines: Machines) {
        tracing::info!(?machines, "machines found");
        // When it cannot be kept, the next look finds it again.
        let _ = self
            .decide(|_, placements| {
                placements.machines = machines;
                placements.sequence += 1;
            })
            .await;
        self.poke.notify_one();
    }

    pub(crate) async fn keep_finding(&self) {
        for look in (0..LOOKS_TO_ALL).cycle() {
            self.find_machines(look == 0).await;
            let _ = tokio::time::timeout(LOOK_EVERY, self.find_poke.notified()).await;
        }
    }
}

impl State {
    /// The cloud controller's machine.
    fn cloud_host(&self) -> Option<String> {
        let host = host_of_endpoint(&self.desired.as_ref()?.image_source);
        (!host.is_empty()).then(|| host.to_owned())
    }
}

fn no_transport(node: &NodeName) -> String {
    format!(
        "node {node} is on another machine, so it gets no instances, and those that it has have \
         no network: set \
         VNET_TRANSPORT=\"vlan\" or \"vxlan\" in eucalyptus.conf on the cluster controller's machine and \
         restart the cluster controller"
    )
}
