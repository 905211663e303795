//! A daemon that dies at a named step of what an owner asked for: the next start brings it to its
//! end, and nothing is there twice or left over.

use crate::give_back::Held;
use crate::guest::Guest;
use crate::guide::long;
use crate::installation::Installation;
use crate::machine::wait_for;
use crate::site::{Key, Site};
use Action::{Launch, Reboot, Start, Stop, Terminate};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// What an owner asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Launch,
    Reboot,
    Stop,
    Start,
    Terminate,
}

/// Which component dies, at which step, of what.
type Row = (&'static str, &'static str, Action);

/// One life of an instance.
const SHORT: &[Row] = &[
    ("cc", "cc.telling", Launch),
    ("nc", "nc.reboot-asked", Reboot),
    ("nc", "nc.domain-ended", Stop),
    ("cloud", "cloud.terminate.committed", Terminate),
];

/// More lives. What a row needs and the one before has not left is brought about in peace.
const LONG: &[Row] = &[
    ("cloud", "cloud.run.committed", Launch),
    ("cloud", "cloud.reboot.committed", Reboot),
    ("cloud", "cloud.stop.committed", Stop),
    ("cloud", "cloud.start.committed", Start),
    ("cloud", "cloud.report-stored", Terminate),
    ("cloud", "cloud.handed-over", Launch),
    ("cc", "cc.told", Reboot),
    ("cloud", "cloud.report-stored", Stop),
    ("cc", "cc.told", Start),
    ("cc", "cc.decided", Terminate),
    ("cloud", "cloud.report-stored", Launch),
    ("nc", "nc.told", Reboot),
    ("nc", "nc.shutdown-asked", Stop),
    ("nc", "nc.network-made", Start),
    ("cc", "cc.told", Terminate),
    ("cc", "cc.told", Launch),
    ("nc", "nc.halted", Stop),
    ("nc", "nc.domain-started", Start),
    ("nc", "nc.told", Terminate),
    ("cc", "cc.decided", Launch),
    ("nc", "nc.domain-ended", Terminate),
    ("nc", "nc.told", Launch),
    ("nc", "nc.disks-discarded", Terminate),
    ("nc", "nc.disks-made", Launch),
    ("nc", "nc.network-made", Launch),
    ("nc", "hypervisor.defined", Launch),
    ("nc", "nc.domain-started", Launch),
];

#[test]
fn what_was_asked_for_is_done_whoever_dies_at_whichever_step() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    // the first launch fills the image cache and makes the (then empty) tables
    let warm = Guest::launch(&site, &emi, &key);
    warm.terminate();
    let before = wait_for("the first instance's things to go", SOON, || {
        let held = Held::now(&site);
        let gone = held.domains.is_empty() && !held.links.iter().any(|l| l.starts_with("eucabr"));
        gone.then_some(held)
    });
    let mut story = Story { site: &site, emi, key: &key, guest: None, before };
    let more = if long() { LONG } else { &[] };
    for row in SHORT.iter().chain(more) {
        story.tell(*row);
    }
    story.end();
}

/// One instance after the other on one cloud.
struct Story<'a> {
    site: &'a Site,
    emi: String,
    key: &'a Key,
    guest: Option<Guest<'a>>,
    /// What is held while there is none.
    before: Held,
}

impl Story<'_> {
    fn tell(&mut self, (component, point, action): Row) {
        eprintln!("{component} dies at {point} of {action:?}");
        self.prepare(action);
        match action {
            Launch => {
                let id = launch_while_it_dies(self.site, component, point, &self.emi, self.key);
                let guest = Guest::known(self.site, self.key, id);
                guest.keep("precious");
                self.guest = Some(guest);
            }
            Terminate => {
                self.ask_while_it_dies(component, point, "euca-terminate-instances");
                self.wait_gone();
            }
            Stop => {
                self.ask_while_it_dies(component, point, "euca-stop-instances");
                self.wait_stopped();
            }
            Start => {
                self.ask_while_it_dies(component, point, "euca-start-instances");
                self.wait_started();
            }
            Reboot => {
                let boot_id = self.guest().boot_id();
                self.ask_while_it_dies(component, point, "euca-reboot-instances");
                self.wait_rebooted(&boot_id);
            }
        }
        if let (Some(guest), true) = (&self.guest, action != Stop) {
            assert_eq!(self.site.domains(), [guest.id.as_str()], "one domain for one instance");
            assert_eq!(guest.kept(), "precious");
        }
    }

    fn guest(&self) -> &Guest<'_> {
        self.guest.as_ref().unwrap()
    }

    /// Nothing to launch beside, or an instance for anything else.
    fn prepare(&mut self, action: Action) {
        if action == Launch {
            self.end();
        } else if self.guest.is_none() {
            let guest = Guest::launch(self.site, &self.emi, self.key);
            guest.keep("precious");
            self.guest = Some(guest);
        }
    }

    fn end(&mut self) {
        if let Some(guest) = &self.guest {
            guest.terminate();
            self.wait_gone();
        }
    }

    fn ask_while_it_dies(&self, component: &str, point: &str, tool: &str) {
        while_it_dies(self.site, component, point, || {
            let output = self.site.as_user("admin", tool).arg(&self.guest().id).output().unwrap();
            assert!(output.status.success() || component == "cloud", "{point}: {output:?}");
        });
    }

    fn wait_gone(&mut self) {
        let guest = self.guest.take().unwrap();
        self.site.wait_state("admin", &guest.id, "terminated");
        let mut held = Held::now(self.site);
        let end = std::time::Instant::now() + SOON;
        while held != self.before && std::time::Instant::now() < end {
            held = Held::now(self.site);
        }
        assert_eq!(held, self.before, "all that {} held is given back", guest.id);
    }

    fn wait_stopped(&self) {
        let guest = self.guest();
        let line = self.site.wait_state("admin", &guest.id, "stopped");
        assert_eq!(line[4], guest.ip, "it keeps its address");
        assert_eq!(self.site.domains(), [] as [&str; 0]);
    }

    fn wait_started(&self) {
        self.guest().wait_running();
        self.guest().boot_id();
    }

    /// A guest that has heard of its reboot may be asked once more by one who cannot know.
    fn wait_rebooted(&self, boot_id: &str) {
        let guest = self.guest();
        guest.wait_booted(boot_id);
        let wanted = |noted: &serde_json::Value| noted["desired"]["reboots"].clone();
        wait_for("the reboot to be over", Duration::from_secs(120), || {
            let noted = guest.journal();
            (noted["rebooting"].is_null() && noted["reboots"] == wanted(&noted)).then_some(())
        });
        guest.wait_running();
    }
}

/// Starts a component so that it dies at a step, asks for what has that step, and starts it again.
fn while_it_dies(site: &Site, component: &str, point: &str, ask: impl FnOnce()) {
    until_it_dies(site, component, point, ask);
    site.start();
}

/// The same without starting it again; what was asked for.
pub(crate) fn until_it_dies<T>(
    site: &Installation,
    component: &str,
    point: &str,
    ask: impl FnOnce() -> T,
) -> T {
    site.kill(component);
    let mut doomed = site.start_to_crash_at(component, point);
    wait_for(&format!("{component} to run until {point}"), SOON, || {
        assert_eq!(doomed.try_wait().unwrap(), None, "{component} has died before its time");
        let said = site.command("eucalyptus").arg("status").output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        said.contains(&format!("{component}: running")).then_some(())
    });
    let asked = ask();
    wait_for(&format!("the crash at {point}"), SOON, || doomed.try_wait().unwrap());
    asked
}

/// Launches while a component dies; the id of what was launched.
fn launch_while_it_dies(site: &Site, component: &str, point: &str, emi: &str, key: &Key) -> String {
    let before = shown(site);
    while_it_dies(site, component, point, || {
        let output = wait_for("a launch that is taken", SOON, || {
            let mut run = site.as_user("admin", "euca-run-instances");
            let output = run.args([emi, "-k", &key.name, "-t", "m1.small"]).output().unwrap();
            // what was restarted may not have heard of any room yet
            let full =
                String::from_utf8_lossy(&output.stderr).contains("InsufficientInstanceCapacity");
            (!full).then_some(output)
        });
        // the cloud that dies before its answer leaves the client with an error; others do not
        assert!(output.status.success() || component == "cloud", "{point}: {output:?}");
    });
    let new = wait_for("the committed instance", SOON, || {
        let new: Vec<_> = shown(site).into_iter().filter(|id| !before.contains(id)).collect();
        (!new.is_empty()).then_some(new)
    });
    assert_eq!(new.len(), 1, "{new:?}");
    new[0].clone()
}

/// The instances that `admin` is shown.
fn shown(site: &Site) -> Vec<String> {
    let said = site.tool("admin", "euca-describe-instances", [] as [&str; 0]);
    let instances = said.lines().filter(|line| line.starts_with("INSTANCE\t"));
    instances.map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect()
}

/// In the long form only.
mod long {
    use super::*;
    use crate::nodes::Town;

    /// Steps of a launch at which its node is not yet settled, or only just.
    const PLACING: [&str; 3] = ["cc.told", "cc.decided", "cc.telling"];

    #[test]
    fn a_launch_lands_on_one_of_two_nodes_wherever_its_cluster_controller_dies() {
        let town = Town::new("NODES=\"node1 node2\"\n");
        town.start("node1");
        town.start("node2");
        let front = &town.fleet.front;
        for point in PLACING {
            let id = launch_while_it_dies(front, "cc", point, &town.emi, &town.key);
            let guest = Guest::known(front, &town.key, id);
            guest.boot_id();
            town.fleet.home_of(&guest.id);
            guest.terminate();
            wait_for("the domains' end", SOON, || {
                town.fleet.others.values().all(|on| on.domains().is_empty()).then_some(())
            });
        }
    }
}
