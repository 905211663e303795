//! What must hold in every simulated cloud, whatever happened to it. Pure.

mod always;
mod quiet;

#[cfg(test)]
mod tests;

use crate::ledger::Ledger;
use crate::scene::Scene;
use std::fmt;

/// What must hold. The first ones at every moment, those from [`Rest`](Self::Rest) on once nothing
/// is in the way and nothing changes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An instance that the cloud has promised is in its records.
    NothingLost,
    /// States move forward within a turn, and turns do; a terminated instance does not come back.
    ForwardOnly,
    /// No two live instances share an address in a cluster, or a MAC in the cloud.
    OneOwnerOfAnAddress,
    /// No two groups share a tag in the cloud, and no group has two in a cluster.
    OneOwnerOfATag,
    /// What domains and disks hold of a node is not more than it has; nor by the cloud's records.
    NeverOverCommitted,
    /// An instance has at most one domain.
    OneDomain,
    /// A domain of ours belongs to an instance that is not terminated.
    NoDomainUnwanted,
    /// A stopped instance has no domain.
    StoppedIsOff,
    /// A domain that somebody else started is left alone.
    ForeignLeftAlone,
    /// A client token that comes again gets the same instances.
    TokenKept,
    /// An older desired state is refused once a newer one was acknowledged.
    OlderRefused,
    /// An answer is what was asked for, or a refusal for a cause that there is.
    AnsweredAsAsked,
    /// A node that is drained or not in NODES is given no new instance.
    ClosedGetsNothing,
    /// A node that has an instance is reported, whether or not it is in NODES.
    NodeKept,
    /// A cluster is part of the cloud as the administrator was promised last.
    ClusterKept,
    /// An instance is in the zone that its launch asked for or was answered with.
    ZoneKept,
    /// A node has instances of its own cluster only.
    OwnClusterOnly,
    /// Nobody sees or touches what belongs to another user.
    OwnOnly,

    /// Everything comes to rest.
    Rest,
    /// A running instance has its domain, on the node that the cloud names.
    Running,
    /// An instance is stopped exactly when it was stopped last, and not started.
    PowerKept,
    /// An instance ended because its owner wanted it to or for a cause that there was, and says so.
    EndedWithReason,
    /// An instance whose end was promised is terminated.
    EndKept,
    /// Networks, router and nodes have exactly what the live instances need.
    Networks,
    /// A node holds the disks of its instances and no others.
    Disks,
    /// What is shown as free of each cluster is what its live instances leave.
    Capacity,
    /// As many reboots are done as were promised.
    Reboots,
    /// Nodes report the orphans that there are, and no others.
    Orphans,
    /// Each user is shown exactly their own instances, as they are.
    Shown,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// What is the case instead.
    pub detail: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.detail)
    }
}

/// Gathers what does not hold.
#[derive(Default)]
struct Findings(Vec<Broken>);

impl Findings {
    /// Notes that the rule is broken, unless `holds`.
    fn unless(&mut self, holds: bool, rule: Rule, detail: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Broken { rule, detail: detail() });
        }
    }
}

/// What does not hold in this scene. The rules of a cloud at rest are looked at when the scene
/// has its quiet part.
pub fn check(scene: &Scene, ledger: &Ledger) -> Vec<Broken> {
    let mut findings = Findings::default();
    always::check(scene, ledger, &mut findings);
    if let Some(quiet) = &scene.quiet {
        quiet::check(scene, quiet, ledger, &mut findings);
    }
    findings.0
}
