//! What holds at every moment.

use super::{Findings, Rule};
use crate::ledger::Ledger;
use crate::machine::OVERHEAD;
use crate::scene::{Host, Scene};
use std::collections::{BTreeMap, BTreeSet};
use types::{Figures, GroupId, InstanceState, NetworkTag};

pub(super) fn check(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    promises(scene, ledger, findings);
    addresses(scene, findings);
    tags(scene, findings);
    nodes(scene, ledger, findings);
    for host in &scene.hosts {
        commitment(scene, host, findings);
        domains(scene, host, findings);
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
        if let Some(other) = by_ip.insert(instance.ip, id) {
            let detail = || format!("{id} and {other} have {}", instance.ip);
            findings.unless(false, Rule::OneOwnerOfAnAddress, detail);
        }
        if let Some(other) = by_mac.insert(instance.mac, id) {
            let detail = || format!("{id} and {other} have {}", instance.mac);
            findings.unless(false, Rule::OneOwnerOfAnAddress, detail);
        }
    }
}

fn tags(scene: &Scene, findings: &mut Findings) {
    let mut group_of: BTreeMap<NetworkTag, GroupId> = BTreeMap::new();
    let mut tag_of: BTreeMap<GroupId, NetworkTag> = BTreeMap::new();
    for (instance, group) in &scene.instances {
        if !instance.state.is_live() {
            continue;
        }
        let (tag, id) = (instance.tag, instance.id);
        let known = *group_of.entry(tag).or_insert(*group);
        findings.unless(known == *group, Rule::OneOwnerOfATag, || {
            format!("{id} of group {group} has tag {tag} of group {known}")
        });
        let known = *tag_of.entry(*group).or_insert(tag);
        findings.unless(known == tag, Rule::OneOwnerOfATag, || {
            format!("{id} has tag {tag} where its group {group} has {known}")
        });
    }
}

fn nodes(scene: &Scene, ledger: &Ledger, findings: &mut Findings) {
    let nothing = BTreeSet::new();
    for (name, before) in &ledger.closed {
        let now = scene.placed.get(name).unwrap_or(&nothing);
        findings.unless(now.is_subset(before), Rule::ClosedGetsNothing, || {
            format!("{name} gets nothing new, had {before:?} and has {now:?}")
        });
    }
    let Some(reported) = &scene.reported else { return };
    let running = scene.hosts.iter().filter(|host| host.ours().next().is_some());
    for name in running.map(|host| &host.name).chain(scene.placed.keys()) {
        findings.unless(reported.contains_key(name), Rule::NodeKept, || {
            format!("{name} has instances and is not among the nodes: {reported:?}")
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
