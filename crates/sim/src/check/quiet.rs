//! What holds once nothing is in the way and nothing changes any more.

use super::{Findings, Rule};
use crate::ledger::{Asked, Ledger};
use crate::machine::OVERHEAD;
use crate::scene::{Host, Quiet, QuietCluster, Scene};
use placement::{Room, availability};
use protocol::{Goal, Standing};
use state::Instance;
use std::collections::BTreeSet;
use types::{ClusterName, InstanceId, InstanceState, NetworkTag, NodeName};

/// For how long a terminated instance is shown (DESIGN, "Units and ids").
const SHOWN_MS: u64 = 3_600_000;

pub(super) fn check(scene: &Scene, quiet: &Quiet, ledger: &Ledger, findings: &mut Findings) {
    for (instance, _) in &scene.instances {
        let asked = ledger.asked.get(&instance.id);
        match instance.state {
            InstanceState::Running => running(scene, instance, asked, findings),
            InstanceState::Stopped => stopped(scene, instance, asked, findings),
            InstanceState::Terminated => terminated(instance, asked, ledger, findings),
            InstanceState::Stopping if scene.may_wait(instance) => {}
            other => findings.unless(false, Rule::Rest, || {
                format!("{} stays {}: {:?}", instance.id, other.as_str(), instance.reason)
            }),
        }
    }
    for (name, cluster) in &quiet.clusters {
        networks(scene, (name, cluster), findings);
        reboots(scene, cluster, ledger, findings);
    }
    capacity(scene, quiet, findings);
    for host in &scene.hosts {
        disks(scene, host, findings);
        orphans(quiet, host, findings);
    }
    for (user, shown) in quiet.described.iter().enumerate() {
        described(scene, quiet, ledger, (user, shown), findings);
    }
}

fn running(scene: &Scene, it: &Instance, asked: Option<&Asked>, findings: &mut Findings) {
    let (id, hosts) = (it.id, scene.hosts_of(it.id));
    let there = hosts.iter().copied().eq(it.node.as_ref());
    findings.unless(there && scene.is_up(id), Rule::Running, || {
        format!("{id} runs on {:?} by the records; domains are on {hosts:?}", it.node)
    });
    lives(it, asked, findings);
}

fn stopped(scene: &Scene, it: &Instance, asked: Option<&Asked>, findings: &mut Findings) {
    let hosts = scene.hosts_of(it.id);
    findings.unless(hosts.is_empty(), Rule::StoppedIsOff, || {
        format!("{} is stopped and has domains on {hosts:?}", it.id)
    });
    lives(it, asked, findings);
}

/// What holds of every instance that its owner did not end.
fn lives(it: &Instance, asked: Option<&Asked>, findings: &mut Findings) {
    let id = it.id;
    findings.unless(!it.impaired, Rule::Running, || format!("{id} is called impaired"));
    let to_be_ended = asked.is_some_and(|asked| asked.terminate) || it.goal == Goal::Terminate;
    findings.unless(!to_be_ended, Rule::EndKept, || format!("{id} lives and should be gone"));
    let is_stopped = it.state == InstanceState::Stopped;
    let promised = asked.and_then(|asked| asked.stopped).is_none_or(|it| it == is_stopped);
    findings.unless(promised && (it.turn % 2 == 1) == is_stopped, Rule::PowerKept, || {
        format!("{id} is {} in turn {}, after {asked:?}", it.state.as_str(), it.turn)
    });
}

fn terminated(it: &Instance, asked: Option<&Asked>, ledger: &Ledger, findings: &mut Findings) {
    let (id, reason) = (it.id, it.reason.as_deref().unwrap_or(""));
    findings.unless(!reason.is_empty(), Rule::EndedWithReason, || {
        format!("{id} is terminated and does not say why")
    });
    let wanted = it.goal == Goal::Terminate
        && asked.is_none_or(|asked| asked.terminate || asked.perhaps_terminate);
    let excused = ledger.powered_off.contains(&id)
        || ledger.excuses.iter().any(|excuse| reason.contains(excuse));
    findings.unless(wanted || excused, Rule::EndedWithReason, || {
        format!("{id} ended for no cause that there was: {reason}")
    });
}

/// Of a cluster that is none of the cloud nobody can say what its controller should know.
fn networks(
    scene: &Scene,
    (name, cluster): (&ClusterName, &QuietCluster),
    findings: &mut Findings,
) {
    let live = scene.live().filter(|instance| instance.cluster == *name);
    let used: BTreeSet<NetworkTag> = live.filter_map(|instance| instance.tag).collect();
    let have: BTreeSet<NetworkTag> = cluster.desired.networks.iter().map(|it| it.tag).collect();
    findings.unless(used == have, Rule::Networks, || {
        format!("networks {have:?} exist in {name}, and live instances are in {used:?}")
    });
    let (router, planned) = (&cluster.router, &cluster.planned.router);
    findings.unless(router == planned, Rule::Networks, || {
        format!("the router of {name} holds {router:?} and should hold {planned:?}")
    });
    for host in scene.hosts.iter().filter(|host| host.cluster == *name) {
        let planned = cluster.planned.nodes.get(&host.name);
        findings.unless(Some(&host.plan) == planned, Rule::Networks, || {
            format!("{} holds {:?} and should hold {planned:?}", host.name, host.plan)
        });
    }
}

fn on<'a>(scene: &'a Scene, name: &NodeName) -> impl Iterator<Item = &'a Instance> {
    scene.live().filter(move |instance| instance.node.as_ref() == Some(name))
}

fn capacity(scene: &Scene, quiet: &Quiet, findings: &mut Findings) {
    let (clusters, zones) = (quiet.clusters.keys(), quiet.shown.keys());
    findings.unless(clusters.clone().eq(zones.clone()), Rule::Capacity, || {
        format!("the clusters are {clusters:?}, the zones {zones:?} are shown")
    });
    for (name, types) in &quiet.shown {
        let own = scene.hosts.iter().filter(|host| host.cluster == *name);
        let rooms: Vec<_> = own.filter_map(|host| room(scene, host)).collect();
        for (vm_type, shown) in types {
            let counted = availability(&rooms, &vm_type.figures);
            findings.unless(*shown == counted, Rule::Capacity, || {
                format!("{} of {name} is shown as {shown:?}, not {counted:?}", vm_type.name)
            });
        }
    }
}

fn room(scene: &Scene, host: &Host) -> Option<Room> {
    let mut room = Room::empty(host.name.clone(), host.capacity, OVERHEAD);
    match scene.standing(host)? {
        Standing::Accepting => {
            on(scene, &host.name).for_each(|instance| room.take(&instance.figures));
        }
        Standing::Draining | Standing::Leaving => room.used = room.capacity,
    }
    Some(room)
}

fn reboots(scene: &Scene, cluster: &QuietCluster, ledger: &Ledger, findings: &mut Findings) {
    for wanted in &cluster.desired.instances {
        let (id, reboots) = (wanted.id, wanted.reboots);
        if scene.instance(id).is_none_or(|it| it.state != InstanceState::Running) {
            continue;
        }
        let done = cluster.reboots_done.get(&id).copied();
        findings.unless(done == Some(reboots), Rule::Reboots, || {
            format!("{id} should be rebooted {reboots} times, {done:?} are reported")
        });
        let Some(asked) = ledger.asked.get(&id) else { continue };
        let promised = asked.reboots..=asked.reboots + asked.perhaps_reboots;
        findings.unless(promised.contains(&reboots), Rule::Reboots, || {
            format!("{id} was promised {promised:?} reboots, {reboots} are recorded")
        });
        really_rebooted(scene, id, ledger, findings);
    }
}

/// The domain itself was reset, or started anew, since the last reboot was promised.
fn really_rebooted(scene: &Scene, id: InstanceId, ledger: &Ledger, findings: &mut Findings) {
    let Some(before) = ledger.before_reboot.get(&id) else { return };
    let Some((_, domain)) = scene.hosts.iter().flat_map(Host::ours).find(|(it, _)| *it == id)
    else {
        return;
    };
    let now = domain.starts_and_reboots;
    findings.unless(now > *before, Rule::Reboots, || {
        format!(
            "{id} was started and rebooted {before:?} times before its reboot and {now:?} after"
        )
    });
}

fn disks(scene: &Scene, host: &Host, findings: &mut Findings) {
    let held: BTreeSet<InstanceId> = host.disks.keys().copied().collect();
    let needed: BTreeSet<InstanceId> = on(scene, &host.name).map(|instance| instance.id).collect();
    // One that was stopped before it ever ran may have none yet.
    let may_lack = |id: &InstanceId| {
        let it = scene.instance(*id);
        !host.started.contains(id) && it.is_some_and(|it| it.state == InstanceState::Stopped)
    };
    let enough = held.is_subset(&needed) && needed.difference(&held).all(may_lack);
    findings.unless(enough, Rule::Disks, || {
        format!("{} holds disks of {held:?} and has {needed:?}", host.name)
    });
}

/// A domain with the name of an instance that is none is an orphan; other names are ignored.
fn orphans(quiet: &Quiet, host: &Host, findings: &mut Findings) {
    let looks_like_ours = |name: &&String| name.parse::<InstanceId>().is_ok();
    let there: BTreeSet<&String> = host.foreign.iter().filter(looks_like_ours).collect();
    let reported: BTreeSet<&String> = quiet.orphans.get(&host.name).into_iter().flatten().collect();
    findings.unless(there == reported, Rule::Orphans, || {
        format!("{} has orphans {there:?} and reports {reported:?}", host.name)
    });
}

fn described(
    scene: &Scene,
    quiet: &Quiet,
    ledger: &Ledger,
    (user, shown): (usize, &[(InstanceId, InstanceState)]),
    findings: &mut Findings,
) {
    let recent =
        |it: &Instance| it.terminated_at.is_none_or(|at| quiet.now.millis_since(at) < SHOWN_MS);
    for (id, state) in shown {
        let now = scene.instance(*id).map(|instance| instance.state);
        findings.unless(now == Some(*state), Rule::Shown, || {
            format!("user{user} is shown {id} as {}, it is {now:?}", state.as_str())
        });
        let owner = ledger.asked.get(id).map_or(user, |asked| asked.by);
        findings.unless(owner == user, Rule::OwnOnly, || {
            format!("user{user} is shown {id} of user{owner}")
        });
    }
    for id in ledger.of(user) {
        let Some(instance) = scene.instance(id).filter(|it| recent(it)) else { continue };
        let is_shown = shown.iter().any(|(other, _)| *other == instance.id);
        findings.unless(is_shown, Rule::Shown, || format!("user{user} is not shown {id}"));
    }
}
