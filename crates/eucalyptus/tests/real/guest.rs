//! A running instance, as one who is logged in to it sees it.

use crate::kills::BOOT_ID;
use crate::machine::wait_for;
use crate::site::{Key, Site};
use std::time::Duration;

/// An emulated guest needs seconds to boot, and a busy machine a multiple of that.
const BOOT: Duration = Duration::from_secs(180);

pub(crate) struct Guest<'a> {
    pub(crate) site: &'a Site,
    pub(crate) key: &'a Key,
    pub(crate) id: String,
    pub(crate) ip: String,
}

impl<'a> Guest<'a> {
    /// Launches an instance and waits until it runs.
    pub(crate) fn launch(site: &'a Site, emi: &str, key: &'a Key) -> Self {
        Self::known(site, key, site.run_instance("admin", emi, key))
    }

    /// One that was launched, once it runs.
    pub(crate) fn known(site: &'a Site, key: &'a Key, id: String) -> Self {
        let ip = site.wait_state("admin", &id, "running")[4].clone();
        Self { site, key, id, ip }
    }

    /// Waits until a command has succeeded in it; what it printed.
    pub(crate) fn says(&self, command: &str) -> String {
        self.site.wait_ssh(self.key, &self.ip, command)
    }

    pub(crate) fn boot_id(&self) -> String {
        self.says(BOOT_ID)
    }

    /// Waits until it has booted since it had this boot id.
    pub(crate) fn wait_booted(&self, before: &str) {
        wait_for(&format!("{} to boot again", self.id), BOOT, || {
            let output = self.site.ssh(self.key, &self.ip, BOOT_ID);
            let said = String::from_utf8(output.stdout).unwrap();
            (output.status.success() && said.trim() != before).then_some(())
        });
    }

    /// Waits until it is told to run, on the address that it had.
    pub(crate) fn wait_running(&self) {
        let line = self.site.wait_state("admin", &self.id, "running");
        assert_eq!(line[4], self.ip, "it has the address that it had");
    }

    /// Leaves something on its disk.
    pub(crate) fn keep(&self, text: &str) {
        self.says(&format!("echo {text} >/root/kept && sync"));
    }

    /// What was left there.
    pub(crate) fn kept(&self) -> String {
        self.says("cat /root/kept")
    }

    /// Waits until the reason of its state has these words.
    pub(crate) fn wait_reason(&self, words: &str) {
        wait_for(&format!("the reason {words:?} of {}", self.id), BOOT, || {
            self.site.reason("admin", &self.id).contains(words).then_some(())
        });
    }

    pub(crate) fn terminate(&self) {
        self.site.tool("admin", "euca-terminate-instances", [&self.id]);
        self.site.wait_state("admin", &self.id, "terminated");
    }

    /// What its node has noted of it.
    pub(crate) fn journal(&self) -> serde_json::Value {
        let instances = self.site.files().join("var/eucalyptus/instances/admin");
        let text = std::fs::read(instances.join(&self.id).join("instance.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}
