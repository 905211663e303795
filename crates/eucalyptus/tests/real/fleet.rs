//! Several test machines on one switch: a front end and others that its administrator adds.

use crate::installation::Installation;
use crate::machine::{Machine, must};
use crate::site::Site;
use crate::switch::Switch;
use std::collections::BTreeMap;

/// A front end with the cloud and the controller of cluster `one`, and machines beside it.
pub(crate) struct Fleet {
    pub(crate) front: Site,
    pub(crate) others: BTreeMap<&'static str, Installation>,
    pub(crate) switch: Switch,
}

impl Fleet {
    /// A front end that runs, with these lines in its `eucalyptus.conf`, and these machines.
    pub(crate) fn started(lines: &str, others: &[&'static str]) -> Self {
        let switch = Switch::new();
        let front = Machine::boot();
        switch.plug(&front, "front");
        let lines = format!(
            "CLUSTER_NAME=\"one\"\nSTART_NC=\"N\"\nVNET_TRANSPORT=\"vxlan\"\nVNET_INTERFACE=\"eth0\"\n\
             {lines}"
        );
        let front = Site::on(front, &lines);
        front.start();
        front.credentials("admin");
        let mut fleet = Self { front, others: BTreeMap::new(), switch };
        others.iter().for_each(|name| fleet.add_node(name));
        fleet
    }

    /// Installs a machine that runs instances. Its node controller waits for its keys.
    pub(crate) fn add_node(&mut self, name: &'static str) {
        self.add(name, "START_CLOUD=\"N\"\nSTART_CC=\"N\"\nMAX_CORES=\"2\"\n");
    }

    /// Installs a machine with these lines in its `eucalyptus.conf`.
    pub(crate) fn add(&mut self, name: &'static str, lines: &str) {
        let machine = Machine::boot();
        self.switch.plug(&machine, name);
        let root = self.front.root().to_owned();
        let lines = format!("VNET_INTERFACE=\"eth0\"\n{lines}");
        self.others.insert(name, Installation::below(machine, root, &lines));
    }

    /// Types on the front end what docs/machines.md says under a heading, from the block on that
    /// begins with this command; what it printed. What it may not do fails the test.
    pub(crate) fn follow(&self, heading: &str, first: &str) -> String {
        let text = include_str!("../../../../docs/machines.md");
        let section = text.split("\n## ").find(|it| it.lines().next() == Some(heading)).unwrap();
        let start = format!("```sh\n{first}");
        let at = section.find(&start).unwrap_or_else(|| panic!("{heading}: {first}"));
        let block = section[at + "```sh\n".len()..].split("```").next().unwrap();
        let mut shell = self.front.as_user("admin", "bash");
        shell.args(["-euc", block]);
        must(shell)
    }

    /// A machine beside the front end.
    pub(crate) fn on(&self, name: &str) -> &Installation {
        &self.others[name]
    }

    /// The machine on which an instance's domain runs; fails when it is none or several.
    pub(crate) fn home_of(&self, instance: &str) -> &'static str {
        let has = |on: &&Installation| on.domains().iter().any(|domain| domain == instance);
        let homes: Vec<_> =
            self.others.iter().filter(|(_, on)| has(on)).map(|(name, _)| *name).collect();
        assert_eq!(homes.len(), 1, "{instance} is on {homes:?}");
        homes[0]
    }
}
