//! A daemon that dies at a named point of a launch: the next start finishes or explains it.

use crate::machine::wait_for;
use crate::site::{Key, Site};
use std::time::Duration;

/// Each point in turn on one cloud: the launch after the crash ends in an instance with ssh.
#[test]
fn a_launch_survives_a_crash_at_every_named_point() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    for (component, point) in
        [("cloud", "cloud.run.committed"), ("nc", "nc.told"), ("nc", "nc.domain-started")]
    {
        let before = shown(&site);
        crash_during_launch(&site, component, point, &emi, &key);
        site.start();
        let id = wait_for("the committed instance", Duration::from_secs(30), || {
            shown(&site).into_iter().find(|id| !before.contains(id))
        });
        let ip = site.wait_state("admin", &id, "running")[4].clone();
        assert_eq!(site.wait_ssh(&key, &ip, "hostname >/dev/null; echo there"), "there", "{point}");
        assert_eq!(site.domains(), [id.as_str()], "{point}: one domain for one instance");
        site.tool("admin", "euca-terminate-instances", [&id]);
        site.wait_state("admin", &id, "terminated");
    }
}

/// Starts the component so that it dies at the point, and launches.
fn crash_during_launch(site: &Site, component: &str, point: &str, emi: &str, key: &Key) {
    site.kill(component);
    let mut doomed = site.start_to_crash_at(component, point);
    wait_for("the restarted cloud's capacity", Duration::from_secs(60), || {
        has_room(site).then_some(())
    });
    let output = wait_for("a launch that is taken", Duration::from_secs(60), || {
        let mut run = site.as_user("admin", "euca-run-instances");
        let output = run.args([emi, "-k", &key.name]).output().unwrap();
        // The room may have been that of the node before it was seen to be gone.
        let full = String::from_utf8_lossy(&output.stderr).contains("InsufficientInstanceCapacity");
        (!full).then_some(output)
    });
    // the cloud that dies before its answer leaves the client with an error; a node does not
    assert_eq!(output.status.success(), component != "cloud", "{point}: {output:?}");
    wait_for(&format!("the crash at {point}"), Duration::from_secs(60), || {
        doomed.try_wait().unwrap()
    });
}

/// Whether the cloud answers and a node has reported room.
fn has_room(site: &Site) -> bool {
    let mut zones = site.as_user("admin", "euca-describe-availability-zones");
    let zones = zones.arg("verbose").output().unwrap();
    let text = String::from_utf8(zones.stdout).unwrap();
    text.lines().any(|line| line.contains("m1.small") && !line.contains("0000 /"))
}

/// The instances that `admin` is shown.
fn shown(site: &Site) -> Vec<String> {
    let said = site.tool("admin", "euca-describe-instances", [] as [&str; 0]);
    let instances = said.lines().filter(|line| line.starts_with("INSTANCE\t"));
    instances.map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect()
}
