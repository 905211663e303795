//! The cloud that is measured, and calls of it.

use crate::machine::{Machine, wait_for};
use crate::site::Site;
use crate::starts::Starts;
use client::{Environment, Streams};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::time::Duration;

const LINES: &str =
    "LOGLEVEL=\"INFO\"\nMAX_CORES=\"64\"\nOVERCOMMIT_DISK=\"16\"\nVNET_ADDRSPERNET=\"64\"\n";

/// The smallest machine that Linux boots in.
const TYPE: &str = "m1.small=1,128,1";

pub(crate) struct Bed {
    pub(crate) site: Site,
    pub(crate) starts: Starts,
    image: String,
    environment: Environment,
}

impl Bed {
    /// A cloud that runs, with an image and a key. This thread and those that it starts are on its
    /// network from then on.
    pub(crate) fn made() -> Self {
        let site = Site::on(Machine::boot(), LINES);
        site.start();
        site.credentials("admin");
        site.must("euca_conf", ["--set-vm-types", TYPE]);
        let image = site.register_images();
        site.key("admin", "bench");
        let network = File::open(format!("/proc/{}/ns/net", site.machine().pid())).unwrap();
        let kind = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(network.as_fd(), kind).unwrap();
        let environment = environment_of(&site);
        Self { starts: Starts::of(site.machine()), site, image, environment }
    }

    /// Launches so many by one call; their ids.
    pub(crate) fn launch(&self, count: usize) -> Vec<String> {
        let count = count.to_string();
        let said = self.call("euca-run-instances", &[&self.image, "-n", &count, "-k", "bench"]);
        ids(&said, |_| true)
    }

    /// Launches so many by as many calls at once; their ids.
    pub(crate) fn launch_each_by_a_call(&self, count: usize) -> Vec<String> {
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..count).map(|_| scope.spawn(|| self.launch(1))).collect();
            calls.into_iter().flat_map(|call| call.join().unwrap()).collect()
        })
    }

    /// Waits until the cloud shows that so many run.
    pub(crate) fn wait_running(&self, count: usize) {
        wait_for("running instances", Duration::from_secs(300), || {
            let said = self.call("euca-describe-instances", &[]);
            (ids(&said, |state| state == "running").len() == count).then_some(())
        });
    }

    /// Terminates instances and waits until nothing is left of them.
    pub(crate) fn end(&self, ids_to_end: &[String]) {
        let arguments: Vec<_> = ids_to_end.iter().map(String::as_str).collect();
        self.call("euca-terminate-instances", &arguments);
        wait_for("the instances' end", Duration::from_secs(300), || {
            let said = self.call("euca-describe-instances", &[]);
            ids(&said, |state| state != "terminated").is_empty().then_some(())
        });
    }

    /// How long the hypervisor took to start an instance's domain, as the node's log has it.
    pub(crate) fn start_of(&self, id: &str) -> Duration {
        let log = fs::read_to_string(self.site.files().join("var/log/eucalyptus/nc.log")).unwrap();
        let line = log.lines().rfind(|it| it.contains("its domain runs") && it.contains(id));
        let (_, after) = line.unwrap().split_once("start_ms=").unwrap();
        Duration::from_millis(after.split_whitespace().next().unwrap().parse().unwrap())
    }

    /// Runs a tool in this process.
    fn call(&self, name: &str, arguments: &[&str]) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams { out: &mut out, err: &mut err, watched: false };
        let arguments = arguments.iter().map(OsString::from);
        let code = client::run(name, arguments, &self.environment, &mut streams);
        assert_eq!(code, 0, "{name}: {}", String::from_utf8_lossy(&err));
        String::from_utf8(out).unwrap()
    }
}

/// What `eucarc` sets.
fn environment_of(site: &Site) -> Environment {
    let mut env = site.as_user("admin", "env");
    let said = String::from_utf8(env.output().unwrap().stdout).unwrap();
    let pairs: BTreeMap<_, _> = said.lines().filter_map(|line| line.split_once('=')).collect();
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The instances of a tool's output whose state is so.
fn ids(said: &str, state: impl Fn(&str) -> bool) -> Vec<String> {
    let instances = said.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let instances = instances.filter(|fields| fields[0] == "INSTANCE" && state(fields[5]));
    instances.map(|fields| fields[1].to_owned()).collect()
}
