//! `--check network` and `--show network`: what instances need to be reached, and what they have.
//!
//! Everything is gathered first ([`gather`]); what is wrong with it ([`steps`]) and how it is shown
//! ([`show`]) are functions of that.

mod addresses;
mod devices;
mod gather;
mod requirements;
mod rules;
mod scene;
mod show;
mod step;
mod trunk;

#[cfg(test)]
mod tests;

use crate::cluster;
use crate::error::ToolError;
use hostnet::HostView;
use protocol::admin::{NETWORKS, NetworkReport};
use scene::Scene;
use std::io::Write;
use std::path::Path;
use step::{Outcome, Step};
use types::VnetMode;

/// Walks through the steps, and prints what came of each.
pub(crate) fn check(file: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let steps = steps(&gather::gather(file)?);
    for step in &steps {
        write!(out, "{step}")?;
    }
    let wrong = steps.iter().filter(|step| matches!(step.outcome, Outcome::Wrong(_))).count();
    match wrong {
        0 => Ok(()),
        _ => Err(ToolError::NetworkWrong { wrong, steps: steps.len() }),
    }
}

/// Prints the networks.
pub(crate) fn show(file: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let report: NetworkReport = cluster::ask(file, NETWORKS)?;
    let view = gather::runtime()?.block_on(HostView::take(&[]))?;
    show::write(&report, &view, out)
}

/// The guide's troubleshooting list (Network Configuration, "Troubleshooting MANAGED Mode"): from
/// what must be there at all to what only instances see.
fn steps(scene: &Scene) -> Vec<Step> {
    let mut steps = vec![
        requirements::configuration(scene),
        requirements::interface(scene),
        requirements::kernel(scene),
        requirements::components(scene),
    ];
    if scene.conf.start.cloud {
        steps.push(requirements::clusters(scene));
    }
    let managed = scene.conf.vnet_mode == VnetMode::Managed;
    if scene.conf.start.cc {
        if managed {
            steps.push(requirements::forwarding(scene));
        }
        steps.push(requirements::cluster(scene));
    }
    steps.extend(if managed { groups(scene) } else { site(scene) });
    steps
}

/// What instances on the site's own network need: all else is the site's.
fn site(scene: &Scene) -> Vec<Step> {
    let mut steps = Vec::new();
    if scene.conf.start.nc {
        steps.push(requirements::site_bridge(scene));
    }
    steps.extend([rules::ours(scene), rules::others(scene)]);
    steps
}

/// What the networks of groups need.
fn groups(scene: &Scene) -> Vec<Step> {
    let mut steps = vec![devices::bridges(scene)];
    if scene.conf.start.nc {
        steps.push(devices::taps(scene));
    }
    steps.push(trunk::devices(scene));
    steps.extend(trunk::ways(scene));
    if scene.conf.start.cc {
        steps.push(devices::dhcp(scene));
        steps.push(devices::instances(scene));
    }
    steps.extend([rules::ours(scene), rules::others(scene)]);
    if scene.conf.start.cc {
        steps.push(addresses::public(scene));
    }
    steps
}
