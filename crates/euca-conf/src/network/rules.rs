//! Firewalls: ours and others'.

use super::scene::{Report, Scene};
use super::step::{Fault, Step};

/// That our tables are there, as they were written.
pub(crate) fn ours(scene: &Scene) -> Step {
    const ABOUT: &str = "rules";
    if scene.host.unreadable.is_some() {
        return Step::unknown(ABOUT, "they cannot be read");
    }
    // Before the cloud has told it what to route, a cluster controller has no rules.
    let routes = match &scene.report {
        Report::NotHere => false,
        Report::Silent(_) => true,
        Report::Told(report) => report.cluster.is_some(),
    };
    let wanted = [
        (routes, "inet eucalyptus", "cluster"),
        (scene.conf.start.nc, "bridge eucalyptus", "node"),
        (scene.conf.start.nc, "ip eucalyptus_metadata", "node"),
        (scene.conf.start.nc, "inet eucalyptus_taps", "node"),
        (scene.conf.start.nc, "arp eucalyptus_taps", "node"),
    ];
    let wanted: Vec<_> = wanted.into_iter().filter(|(is_wanted, ..)| *is_wanted).collect();
    let mut faults = Vec::new();
    for (_, table, whose) in &wanted {
        if !scene.host.tables.contains(*table) {
            let remedy = format!(
                "the {whose} controller writes it within seconds while it runs (eucalyptus \
                 start); look for who flushes the rules of others"
            );
            faults.push(Fault::new(format!("nft table {table} is not there"), remedy));
        }
    }
    let holds = scene.report().and_then(|report| report.rules_hold);
    if holds == Some(false) && faults.is_empty() {
        let what = "nft table inet eucalyptus is not as the cluster controller wrote it";
        let remedy = "it writes it again within seconds; look for who changes the rules of others";
        faults.push(Fault::new(what, remedy));
    }
    let tables: Vec<_> = wanted.iter().map(|(_, table, _)| *table).collect();
    let state = match holds {
        Some(_) => "; the router's are as they were written",
        None => "",
    };
    let right = match tables.is_empty() {
        true => "none is needed here yet".to_owned(),
        false => format!("nft tables {} are there{state}", tables.join(", ")),
    };
    Step::of(ABOUT, faults, right)
}

/// That nobody else's rules drop what instances send.
pub(crate) fn others(scene: &Scene) -> Step {
    const ABOUT: &str = "other firewalls";
    if scene.host.unreadable.is_some() {
        return Step::unknown(ABOUT, "they cannot be read");
    }
    let faults = scene.host.hindrances.iter().map(|text| Fault::told(text)).collect();
    Step::of(ABOUT, faults, "none drops all that instances send or get")
}
