//! Who is a node of this cluster: those of NODES, which may change at any time, and those that
//! are no longer in it and still have instances.

use crate::cluster::{Cc, CcError, State};
use crate::sighting::Sighting;
use placement::Policy;
use protocol::{NodeApi, Standing};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Notify;
use types::{AddressPool, NodeName};

/// A node of NODES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    /// Its name.
    pub name: NodeName,
    /// Whether DRAINED_NODES names it: it keeps its instances and gets no new ones.
    pub drained: bool,
}

/// How node controllers are reached.
pub trait Ways: Send + Sync {
    /// The way to a node.
    ///
    /// # Errors
    /// When none can be made, whether or not the node is there.
    fn to(&self, node: &NodeName) -> Result<Arc<dyn NodeApi>, Box<dyn Error + Send + Sync>>;
}

/// A node controller and the way to it.
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) api: Arc<dyn NodeApi>,
    /// Its part of the desired state may have changed.
    pub(crate) poke: Notify,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.name)
    }
}

impl Cc {
    /// Takes over NODES and DRAINED_NODES, each node once and in the order of NODES. A node that
    /// is not named any more is followed for as long as it has instances or may have.
    ///
    /// # Errors
    /// When there is no way to a new node; then nothing changes.
    pub fn set_nodes(&self, nodes: Vec<NodeEntry>) -> Result<(), CcError> {
        self.change(|state| self.reform(state, nodes))?;
        self.find_poke.notify_one();
        self.poke.notify_one();
        Ok(())
    }

    /// Takes over SCHEDPOLICY.
    pub fn set_policy(&self, policy: Policy) {
        self.change(|state| {
            if state.policy != policy {
                tracing::info!(policy = policy.as_str(), "nodes are chosen by another policy");
            }
            state.policy = policy;
        });
    }

    /// Takes over VNET_PUBLICIPS.
    pub fn set_public_addresses(&self, pool: AddressPool) {
        self.change(|state| {
            if state.public_addresses != pool {
                tracing::info!(%pool, "there are other public addresses");
            }
            state.public_addresses = pool;
        });
        self.router_poke.notify_one();
    }

    /// Begins to follow who is a node now, and leaves those who are none any more.
    pub(crate) fn muster(&self) -> Result<(), CcError> {
        {
            let state = self.state();
            if state.is_mustered(&state.members(&state.roster)) {
                return Ok(());
            }
        }
        self.change(|state| {
            let roster = state.roster.clone();
            self.reform(state, roster)
        })
    }

    fn reform(&self, state: &mut State, roster: Vec<NodeEntry>) -> Result<(), CcError> {
        let members = state.members(&roster);
        let followed = self.followed();
        let follow = |(name, _): &(NodeName, Standing)| {
            let same = followed.iter().find(|node| node.name == *name);
            same.map_or_else(|| self.node(name), |node| Ok(Arc::clone(node)))
        };
        let nodes = members.iter().map(follow).collect::<Result<_, _>>()?;
        state.roster = roster;
        state.take_in(members);
        self.following.send_replace(nodes);
        Ok(())
    }

    fn node(&self, name: &NodeName) -> Result<Arc<Node>, CcError> {
        let way = self.ways.to(name);
        let api = way.map_err(|cause| CcError::NoWay { node: name.clone(), cause })?;
        Ok(Arc::new(Node { name: name.clone(), api, poke: Notify::new() }))
    }

    /// The nodes that are followed now.
    pub(crate) fn followed(&self) -> Vec<Arc<Node>> {
        self.following.borrow().clone()
    }
}

impl State {
    /// Who should be followed: the nodes of NODES, then those with instances that are not in it.
    fn members(&self, roster: &[NodeEntry]) -> Vec<(NodeName, Standing)> {
        let mut leaving: BTreeSet<&NodeName> = self.placements.homes().collect();
        let mut members = Vec::with_capacity(roster.len());
        for NodeEntry { name, drained } in roster {
            leaving.remove(name);
            let standing = if *drained { Standing::Draining } else { Standing::Accepting };
            members.push((name.clone(), standing));
        }
        members.extend(leaving.into_iter().map(|name| (name.clone(), Standing::Leaving)));
        members
    }

    fn is_mustered(&self, members: &[(NodeName, Standing)]) -> bool {
        let now = self.sightings.iter().map(|(name, sighting)| (name, sighting.standing));
        now.eq(members.iter().map(|(name, standing)| (name, *standing)))
    }

    /// Keeps what is known of those who stay.
    fn take_in(&mut self, members: Vec<(NodeName, Standing)>) {
        let mut known = std::mem::take(&mut self.sightings);
        for (name, standing) in members {
            let at = known.iter().position(|(other, _)| *other == name);
            let sighting = match at {
                Some(at) => known.swap_remove(at).1,
                None => Sighting::remembered(self.placements.seen.get(&name).copied()),
            };
            if at.is_none() || sighting.standing != standing {
                tracing::info!(node = %name, standing = standing.as_str(), "a node");
            }
            self.sightings.push((name, Sighting { standing, ..sighting }));
        }
        for (name, _) in known {
            tracing::info!(node = %name, "no node any more");
        }
    }

    /// Whether a node is given new instances.
    pub(crate) fn accepts(&self, node: &NodeName) -> bool {
        let sighting = self.sightings.iter().find(|(name, _)| name == node);
        sighting.is_some_and(|(name, sighting)| self.is_usable(name, sighting))
    }
}
