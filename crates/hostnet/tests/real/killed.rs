//! A process that dies at a named step of an apply: until the next one has started, packets arrive
//! as before or as after the change, and from then on as after it.

use crate::matrix::{Call, Callee, Due, forwards, try_all};
use crate::plans::{network_of, open};
use crate::tenants::{GROUPS, Tenants, Wanted, card};
use crate::volley::OUTSIDE;
use crate::world::{Controller, LIMIT, Namespace};
use netplan::RouterPlan;
use protocol::Carrier;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use types::Protocol;

/// Tells the process that is to be killed its part: namespace, side, stage and carrier.
const PART: &str = "HOSTNET_TEST_PART";
const SIGABRT: i32 = 6;

const RULES_PLANNED: &str = "hostnet.rules-planned";
const RULES_WRITTEN: &str = "hostnet.rules-written";
const BRIDGE_MADE: &str = "hostnet.bridge-made";
const BRIDGE_DELETED: &str = "hostnet.bridge-deleted";
const BRIDGES_READY: &str = "hostnet.bridges-ready";
const TRUNK_MADE: &str = "hostnet.trunk-made";

/// What the cloud is like before and after the change: a rule comes and another one goes; a group,
/// an instance of another and a public address come. And the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    After,
}

impl Stage {
    fn wanted(self) -> Wanted {
        let mut wanted = Wanted::all();
        if self == Self::Before {
            // The instance and one of the group are on one machine, and each has the first bridge of
            // its group there.
            wanted.instances.retain(|at| ![3, 6, 7].contains(at));
            wanted.networks.truncate(3);
            wanted.public.truncate(1);
            let http = open(Protocol::Tcp, 443, 443, "0.0.0.0/0");
            let other = open(Protocol::Tcp, 5011, 5011, "10.77.2.128/26");
            wanted.networks[0] = network_of(GROUPS[0], vec![http, other]);
        }
        wanted
    }
}

#[test]
fn whoever_dies_in_the_middle_of_an_apply_leaves_nothing_open_and_nothing_undone() {
    let mut story = Story::new(Carrier::Vxlan);
    for side in [Side::Router, Side::Node] {
        for step in [RULES_PLANNED, RULES_WRITTEN, BRIDGE_MADE, BRIDGES_READY, TRUNK_MADE] {
            story.change_while_it_dies((Stage::Before, Stage::After), side, step);
            story.tenants.apply(&Stage::Before.wanted());
        }
        for step in [RULES_PLANNED, RULES_WRITTEN, BRIDGE_DELETED] {
            story.tenants.apply(&Stage::After.wanted());
            story.change_while_it_dies((Stage::After, Stage::Before), side, step);
        }
    }
    story.own_rules_are_as_before();
}

/// The short form, for a machine that is slow.
pub(crate) fn kill_between_rules_and_devices(carrier: Carrier) {
    let mut story = Story::new(carrier);
    let (come, go) = ((Stage::Before, Stage::After), (Stage::After, Stage::Before));
    story.change_while_it_dies(come, Side::Router, RULES_WRITTEN);
    story.change_while_it_dies(go, Side::Node, RULES_WRITTEN);
    story.change_while_it_dies(come, Side::Node, TRUNK_MADE);
    story.own_rules_are_as_before();
}

/// Whose process dies: the router's, or that of the node where the new instances are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Router,
    Node,
}

impl Side {
    const fn machine(self) -> usize {
        match self {
            Self::Router => 0,
            Self::Node => 1,
        }
    }
}

struct Story {
    tenants: Tenants,
    /// Connections within a group, between groups, and from outside to a public address.
    flows: [TcpStream; 3],
    /// What every machine had of rules before.
    own: Vec<String>,
}

impl Story {
    fn new(carrier: Carrier) -> Self {
        let tenants = Tenants::new(carrier);
        for machine in &tenants.machines {
            let space = &machine.space;
            space.can("sysctl -qw net.bridge.bridge-nf-call-iptables=0");
            space.sh("nft add table inet own");
            space.sh("nft 'add chain inet own c { type filter hook forward priority 5; }'");
            space.sh("nft add rule inet own c tcp dport 26 counter drop");
        }
        let before = Stage::Before.wanted();
        tenants.apply(&before);
        let guests = &tenants.guests;
        guests[0].namespace.serve(Ipv4Addr::UNSPECIFIED, 443);
        let (public, _) = before.public[0];
        let flows = [
            (&guests[1].namespace, card(0).ip),
            (&guests[2].namespace, card(0).ip),
            (&tenants.outside.space, public),
        ];
        let flows = flows.map(|(from, to)| from.connect(to, 443, LIMIT).unwrap().0);
        let mut story = Self { tenants, flows, own: Vec::new() };
        story.own = story.own_rules();
        story
    }

    fn own_rules(&self) -> Vec<String> {
        let rules = |it: &crate::cluster::Machine| it.space.sh("nft -s -a list table inet own");
        self.tenants.machines.iter().map(rules).collect()
    }

    fn own_rules_are_as_before(&self) {
        assert_eq!(self.own_rules(), self.own);
    }

    /// A process is to make the change, and dies at this step; another one is started.
    fn change_while_it_dies(&mut self, (from, to): (Stage, Stage), side: Side, step: &str) {
        eprintln!("{side:?} dies at {step} of {from:?} to {to:?}");
        let (before, after) = (from.wanted(), to.wanted());
        self.tenants.end_others(&after);
        self.die(side, to, step);
        self.try_between(&before, &after);
        self.flows_go_on();
        self.tenants.restart();
        self.tenants.apply(&after);
        assert_eq!(self.tenants.apply(&after), [""; 0]);
        let plan = after.router(self.tenants.carrier);
        let due = |from, to, call| {
            if arrives((&after, &plan), from, to, call) { Due::Yes } else { Due::No }
        };
        try_all(&self.tenants, &after, due);
        self.flows_go_on();
    }

    fn die(&self, side: Side, to: Stage, step: &str) {
        let space = &self.tenants.machines[side.machine()].space.name;
        let part = format!("{space} {side:?} {to:?} {:?}", self.tenants.carrier);
        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::the_one_that_is_killed", "--ignored", "--nocapture"])
            .env(PART, part)
            .env("EUCALYPTUS_CRASH_AT", step)
            .output()
            .unwrap();
        assert_eq!(died.status.signal(), Some(SIGABRT), "at {step}: {died:?}");
    }

    /// Nothing arrives that neither the old plan nor the new one lets through, and all that both do.
    fn try_between(&self, before: &Wanted, after: &Wanted) {
        let plans = [before, after].map(|it| (it, it.router(self.tenants.carrier)));
        let mut now = if before.public.len() > after.public.len() { before } else { after }.clone();
        now.instances = before.instances.clone();
        now.instances.retain(|at| after.instances.contains(at));
        let is_there = |at| at == OUTSIDE || now.instances.contains(&at);
        let due = |from, to: Callee, call| {
            let [old, new] = plans.each_ref().map(|(it, plan)| arrives((it, plan), from, to, call));
            match (is_there(to.instance), old, new) {
                (true, true, true) => Due::Yes,
                (false, ..) | (_, false, false) => Due::No,
                _ => Due::Either,
            }
        };
        try_all(&self.tenants, &now, due);
    }

    fn flows_go_on(&mut self) {
        for (at, flow) in self.flows.iter_mut().enumerate() {
            flow.write_all(b"x").unwrap();
            assert_eq!(flow.read(&mut [0]).ok(), Some(1), "connection {at}");
        }
    }
}

/// Whether a call arrives where this is wanted and planned.
fn arrives((wanted, plan): (&Wanted, &RouterPlan), from: usize, to: Callee, call: Call) -> bool {
    let is_there = |at: usize| at == OUTSIDE || wanted.instances.contains(&at);
    let leads = !to.is_public || wanted.public.contains(&(to.address, to.instance));
    is_there(from) && is_there(to.instance) && leads && forwards(plan, from, to, call)
}

#[test]
#[ignore = "is started by the test above, to be killed"]
fn the_one_that_is_killed() {
    let part = std::env::var(PART).unwrap();
    let [space, side, stage, carrier] = *part.split(' ').collect::<Vec<_>>() else {
        panic!("{part}")
    };
    let stage = if stage == "Before" { Stage::Before } else { Stage::After };
    let carrier = if carrier == "Vlan" { Carrier::Vlan } else { Carrier::Vxlan };
    // It is not this process's to delete.
    let space = ManuallyDrop::new(Namespace { name: space.to_owned() });
    let (controller, wanted) = (Controller::start(&space), stage.wanted());
    if side == "Router" {
        controller.router(&wanted.router(carrier));
    } else {
        controller.node(&wanted.node(Side::Node.machine(), carrier));
    }
}
