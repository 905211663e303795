//! What holds at every moment.

use super::{Findings, Rule};
use crate::ledger::Ledger;
use crate::machine::OVERHEAD;
use crate::scene::{Host, Scene};
use std::collections::{BTreeMap, BTreeSet};
use types::{ClusterName, Figures, GroupId, InstanceState, NetworkTag};

pub(super) fn check(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    promises(scene, ledger, findings);
    addresses(scene, findings);
    public_addresses(scene, findings);
    tags(scene, findings);
    nodes(scene, ledger, findings);
    clusters(scene, ledger, findings);
    zones(scene, ledger, findings);
    for host in &scene.hosts {
        commitment(scene, host, findings);
        domains(scene, host, findings);
        own_only(scene, host, findings);
    }
}

fn promises(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    for id in &ledger.instances {
        // The record of one that has ended is deleted after an hour.
        let ended = |(_, state): &(u32, InstanceState)| *state == InstanceState::Terminated;
        let known = scene.instance(*id).is_some() || ledger.furthest.get(id).is_some_and(ended);
        findings.unless(known, Rule::NothingLost, || format!("{id} is not in the records"));
    }
    for (id, furthest) in &ledger.furthest {
        // NothingLost sees to those without a record.
        let Some(now) = scene.instance(*id) else { continue };
        let (turn, state) = *furthest;
        findings.unless((now.turn, now.state) >= *furthest, Rule::ForwardOnly, || {
            let (then, now) = (state.as_str(), (now.turn, now.state.as_str()));
            format!("{id} was {then} in turn {turn} and is {now:?}")
        });
    }
}

fn addresses(scene: &Scene, findings: &mut Findings) {
    let (mut by_ip, mut by_mac) = (BTreeMap::new(), BTreeMap::new());
    for instance in scene.live() {
        let id = instance.id;
        // until the site's DHCP server has given it one it has none
        let has_one = !instance.ip.is_unspecified();
        if has_one && let Some(other) = by_ip.insert((&instance.cluster, instance.ip), id) {
            let detail = || format!("{id} and {other} have {}", instance.ip);
            findings.unless(false, Rule::OneOwnerOfAnAddress, detail);
        }
        if let Some(other) = by_mac.insert(instance.mac, id) {
            let detail = || format!("{id} and {other} have {}", instance.mac);
            findings.unless(false, Rule::OneOwnerOfAnAddress, detail);
        }
    }
}

/// A router that has not been told yet may have an address that is another instance's of its own
/// cluster by now; no two instances and no two clusters have one.
fn public_addresses(scene: &Scene, findings: &mut Findings) {
    let mut leads_to = BTreeMap::new();
    for address in &scene.public {
        let Some(there) = &address.association else { continue };
        let (ip, id) = (address.ip, there.instance);
        let instance = scene.instance(id);
        let lives = instance.is_some_and(|it| it.state.is_live() && it.cluster == address.cluster);
        findings.unless(lives, Rule::OneOwnerOfAnAddress, || {
            format!("{ip} of {} leads to {id}, which is {instance:?}", address.cluster)
        });
        let account = instance.map(|it| it.account);
        let own = address.owner.as_ref().is_none_or(|owner| Some(owner.account) == account);
        findings.unless(own, Rule::OneOwnerOfAnAddress, || {
            format!("{ip} of {:?} leads to {id} of {account:?}", address.owner)
        });
        if let Some(other) = leads_to.insert(id, ip) {
            let detail = || format!("{id} has {ip} and {other}");
            findings.unless(false, Rule::OneOwnerOfAnAddress, detail);
        }
    }
    for (cluster, routed) in &scene.routed {
        let privates: BTreeSet<_> = routed.leads.values().collect();
        findings.unless(privates.len() == routed.leads.len(), Rule::OneOwnerOfAnAddress, || {
            format!("{cluster} leads two addresses to one instance: {:?}", routed.leads)
        });
    }
}

fn tags(scene: &Scene, findings: &mut Findings) {
    let mut network_of: BTreeMap<NetworkTag, (GroupId, &ClusterName)> = BTreeMap::new();
    let mut tag_of: BTreeMap<(GroupId, &ClusterName), NetworkTag> = BTreeMap::new();
    for (instance, group) in &scene.instances {
        if !instance.state.is_live() {
            continue;
        }
        let Some(tag) = instance.tag else { continue };
        let id = instance.id;
        let network = (*group, &instance.cluster);
        let known = *network_of.entry(tag).or_insert(network);
        findings.unless(known == network, Rule::OneOwnerOfATag, || {
            format!("{id} of group and cluster {network:?} has tag {tag} of {known:?}")
        });
        let known = *tag_of.entry(network).or_insert(tag);
        findings.unless(known == tag, Rule::OneOwnerOfATag, || {
            format!("{id} has tag {tag} where {network:?} has {known}")
        });
    }
}

fn nodes(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    for (name, before) in &ledger.closed {
        let now = scene.placed_on(name);
        findings.unless(now.is_subset(before), Rule::ClosedGetsNothing, || {
            format!("{name} gets nothing new, had {before:?} and has {now:?}")
        });
    }
    for (cluster, reported) in &scene.reported {
        let own = scene.hosts.iter().filter(|host| host.cluster == *cluster);
        let running = own.filter(|host| host.ours().next().is_some()).map(|host| &host.name);
        let placed = scene.placed.get(cluster).into_iter().flat_map(BTreeMap::keys);
        for name in running.chain(placed) {
            findings.unless(reported.contains_key(name), Rule::NodeKept, || {
                format!("{name} has instances and is not among the nodes: {reported:?}")
            });
        }
    }
}

fn clusters(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    for (name, promised) in &ledger.clusters {
        let known = scene.clusters.get(name);
        findings.unless(known == promised.as_ref(), Rule::ClusterKept, || {
            format!("{name} was promised to be at {promised:?} and is at {known:?}")
        });
    }
    for instance in scene.live() {
        let (id, cluster) = (instance.id, &instance.cluster);
        findings.unless(scene.clusters.contains_key(cluster), Rule::ClusterKept, || {
            format!("{id} lives in {cluster}, which is none of the cloud")
        });
    }
}

fn zones(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    for (instance, _) in &scene.instances {
        let zone = ledger.asked.get(&instance.id).and_then(|asked| asked.zone.as_ref());
        findings.unless(zone.is_none_or(|zone| *zone == instance.cluster), Rule::ZoneKept, || {
            format!("{} is in {} and was promised in {zone:?}", instance.id, instance.cluster)
        });
    }
}

/// What a machine has, by its own eyes, its controller's or the cloud's, is of its own cluster.
fn own_only(scene: &Scene, host: &Host, findings: &mut Findings) {
    let placed = scene.placed_on(&host.name);
    let recorded = scene.live().filter(|it| it.node.as_ref() == Some(&host.name)).map(|it| it.id);
    let domains = host.ours().map(|(id, _)| id);
    for id in domains.chain(host.disks.keys().copied()).chain(placed).chain(recorded) {
        let cluster = scene.instance(id).map(|instance| &instance.cluster);
        let own = cluster.is_none_or(|cluster| *cluster == host.cluster);
        findings.unless(own, Rule::OwnClusterOnly, || {
            format!("{} of {} has {id} of {cluster:?}", host.name, host.cluster)
        });
    }
}

fn commitment(scene: &Scene, host: &Host, findings: &mut Findings) {
    let name = &host.name;
    let specs = host.domains.iter().filter_map(|domain| domain.spec.as_ref());
    let domains = sum(specs.map(|spec| Figures { disk_gb: 0, ..spec.figures }));
    let held = Figures { disk_gb: host.disks.values().sum(), ..domains };
    findings.unless(host.capacity.holds(&held), Rule::NeverOverCommitted, || {
        format!("{name} has {:?} and gave {held:?}", host.capacity)
    });
    let here = scene.live().filter(|instance| instance.node.as_ref() == Some(name));
    let recorded = sum(here.map(|instance| instance.figures.plus(&OVERHEAD)));
    findings.unless(host.capacity.holds(&recorded), Rule::NeverOverCommitted, || {
        format!("{name} has {:?} and by the records gave {recorded:?}", host.capacity)
    });
}

fn sum(figures: impl Iterator<Item = Figures>) -> Figures {
    figures.fold(Figures::default(), |sum, one| sum.plus(&one))
}

fn domains(scene: &Scene, host: &Host, findings: &mut Findings) {
    for (id, _) in host.ours() {
        let hosts = scene.hosts_of(id);
        findings
            .unless(hosts.len() == 1, Rule::OneDomain, || format!("{id} has domains on {hosts:?}"));
        let state = scene.instance(id).map(|instance| instance.state);
        let wanted = state.is_some_and(InstanceState::is_live);
        findings.unless(wanted, Rule::NoDomainUnwanted, || {
            format!("{} runs {id}, which is {state:?}", host.name)
        });
        findings.unless(state != Some(InstanceState::Stopped), Rule::StoppedIsOff, || {
            format!("{} runs {id}, which is stopped", host.name)
        });
    }
    for name in &host.foreign {
        let there = host.domains.iter().any(|domain| domain.name == *name);
        findings
            .unless(there, Rule::ForeignLeftAlone, || format!("{name} is gone from {}", host.name));
    }
}
