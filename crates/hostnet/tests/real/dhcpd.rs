//! ISC's dhcpd in place of the built-in DHCP server.

use crate::dhcp::{ask, ask_times, assert_told_all};
use crate::plans::{network, node, router, tag};
use crate::world::{Controller, Guest, LIMIT, Namespace, World};
use hostnet::{DhcpdFiles, DhcpdProgram, LinuxNet};
use netplan::RouterPlan;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

const DHCPD: &str = "/usr/sbin/dhcpd";
const USER: &str = "nobody";

/// A dhcpd that controllers run, ended when dropped.
pub(crate) struct Daemon {
    dir: tempfile::TempDir,
}

impl Daemon {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A controller that has it run.
    pub(crate) fn start(&self, host: &Namespace) -> Controller {
        self.start_as(host, Some(DhcpdProgram::find(Path::new(DHCPD), Some(USER)).unwrap()))
    }

    fn start_as(&self, host: &Namespace, program: Option<DhcpdProgram>) -> Controller {
        let (directory, log) = (self.dir.path().to_owned(), self.file("dhcpd.log"));
        let net = LinuxNet::with_dhcpd(DhcpdFiles { directory, log }, program);
        Controller::start_with(host, net)
    }

    /// The processes that serve with its configuration.
    fn running(&self) -> Vec<i32> {
        let conf = self.file("euca-dhcp.conf");
        let serves = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == conf.as_os_str().as_bytes())
        };
        let processes = fs::read_dir("/proc").unwrap();
        let pids = processes.filter_map(|it| it.unwrap().file_name().to_str()?.parse().ok());
        pids.filter(serves).collect()
    }

    fn only(&self) -> i32 {
        let running = self.running();
        assert_eq!(running.len(), 1, "{running:?}");
        running[0]
    }

    /// Has it end as a crash would.
    fn kill(&self) {
        let pid = rustix::process::Pid::from_raw(self.only()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let log = fs::File::open(self.file("dhcpd.log")).unwrap();
        let until = Instant::now() + LIMIT;
        while log.try_lock().is_err() {
            assert!(Instant::now() < until, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for pid in self.running() {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// A host whose controller has dhcpd run, with two guests of one network and one of another.
struct Town {
    daemon: Daemon,
    world: World,
    first: Guest,
    second: Guest,
    elsewhere: Guest,
}

impl Town {
    fn new() -> Self {
        let (daemon, mut world) = (Daemon::new(), World::new());
        world.controller = daemon.start(&world.host);
        let first = world.guest(0x21, tag(10), "10.77.2.2");
        let second = world.guest(0x22, tag(10), "10.77.2.3");
        let elsewhere = world.guest(0x23, tag(11), "10.77.2.66");
        Self { daemon, world, first, second, elsewhere }
    }

    fn plan(&self, known: &[&Guest]) -> RouterPlan {
        router(&[network(10, vec![]), network(11, vec![])], known)
    }

    /// Makes these known and all of them plugged in; what changed of DHCP.
    fn apply(&self, known: &[&Guest]) -> Vec<String> {
        let mut changes = self.world.controller.router(&self.plan(known));
        changes.retain(|line| line.to_lowercase().starts_with("dhcp"));
        let all = [&self.first, &self.second, &self.elsewhere];
        self.world.controller.node(&node(&all));
        self.world.plug(&all);
        changes
    }

    fn restart(&mut self) {
        self.world.controller = self.daemon.start(&self.world.host);
    }
}

const STARTED: &str = "dhcpd started on eucabr10 eucabr11";

#[test]
fn it_tells_those_it_knows_all_that_they_need_and_others_nothing() {
    let town = Town::new();
    assert_eq!(town.apply(&[&town.first, &town.elsewhere]), [STARTED]);
    assert_told_all(&ask(&town.first));
    assert_eq!(ask(&town.elsewhere)["ip"], "10.77.2.66");
    assert_eq!(ask_times(&town.second, 2), None);
    let moved = format!("ip link set {} master eucabr10", town.elsewhere.nic.tap);
    town.world.host.sh(&moved);
    assert_eq!(ask_times(&town.elsewhere, 2), None, "a member of another network");
}

#[test]
fn it_follows_the_table_and_the_bridges() {
    let town = Town::new();
    town.apply(&[&town.first]);
    let pid = town.daemon.only();
    assert_eq!(town.apply(&[&town.first]), [""; 0]);
    assert_eq!(town.daemon.only(), pid, "nothing changed");
    assert_eq!(town.apply(&[&town.first, &town.second]), [STARTED]);
    assert_eq!(ask(&town.second)["ip"], "10.77.2.3");
    town.world.host.sh("ip link del eucabr10");
    assert_eq!(town.apply(&[&town.first, &town.second]), [STARTED]);
    assert_eq!(ask(&town.first)["ip"], "10.77.2.2");
    assert_eq!(ask(&town.second)["ip"], "10.77.2.3");
    town.world.controller.router(&RouterPlan::default());
    assert_eq!(town.daemon.running(), [0; 0], "nobody is to be answered");
}

#[test]
fn it_runs_as_its_user_with_leases_of_its_own() {
    let town = Town::new();
    town.apply(&[&town.first]);
    ask(&town.first);
    let status = fs::read_to_string(format!("/proc/{}/status", town.daemon.only())).unwrap();
    let leases = fs::metadata(town.daemon.file("dhcpd/euca-dhcp.leases")).unwrap();
    let directory = fs::metadata(town.daemon.file("dhcpd")).unwrap();
    let nobody = directory.uid();
    assert_ne!((nobody, leases.uid()), (0, 0));
    let ids = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).map(|id| id.parse().unwrap()).collect::<Vec<u32>>()
    };
    assert_eq!((ids("Uid:"), ids("Gid:")), (vec![nobody; 4], vec![directory.gid(); 4]));
    for name in ["euca-dhcp.conf", "euca-dhcp.pid", "dhcpd.log"] {
        assert_eq!(fs::metadata(town.daemon.file(name)).unwrap().uid(), 0, "{name}");
    }
}

#[test]
fn its_log_is_begun_anew_when_it_is_long() {
    let town = Town::new();
    town.apply(&[&town.first]);
    let log = town.daemon.file("dhcpd.log");
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(2 << 20).unwrap();
    assert_eq!(town.apply(&[&town.first]), [""; 0]);
    ask(&town.first);
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.starts_with("DHCPDISCOVER from d0:0d:00:00:00:21"), "{said}");
}

#[test]
fn one_that_was_killed_is_started_again() {
    let town = Town::new();
    town.apply(&[&town.first]);
    town.daemon.kill();
    assert_eq!(town.apply(&[&town.first]), [STARTED]);
    assert_eq!(ask(&town.first)["ip"], "10.77.2.2");
    // again, and it is not tried at once; a changed table does not wait
    town.daemon.kill();
    let told = town.world.controller.try_router(&town.plan(&[&town.first])).unwrap_err();
    let told = told.to_string();
    assert!(told.contains("DHCPACK on 10.77.2.2"), "its last words: {told}");
    assert!(told.contains("it is started again within a minute"), "{told}");
    let known = [&town.first, &town.second];
    assert_eq!(town.apply(&known), [STARTED]);
    assert_eq!(ask(&town.second)["ip"], "10.77.2.3");
}

#[test]
fn it_serves_while_its_controller_is_dead_and_the_next_one_takes_it_over() {
    let mut town = Town::new();
    town.apply(&[&town.first]);
    let pid = town.daemon.only();
    town.restart();
    assert_eq!(ask(&town.first)["ip"], "10.77.2.2", "nothing was applied yet");
    assert_eq!(town.apply(&[&town.first]), [""; 0]);
    assert_eq!(town.daemon.only(), pid);
    town.restart();
    assert_eq!(town.apply(&[&town.first, &town.second]), [STARTED]);
    assert_ne!(town.daemon.only(), pid);
    town.world.controller.end_dhcp();
    assert_eq!(town.daemon.running(), [0; 0]);
}

#[test]
fn the_built_in_server_takes_its_place_when_it_is_configured_no_longer() {
    let mut town = Town::new();
    town.apply(&[&town.first]);
    town.world.controller = town.daemon.start_as(&town.world.host, None);
    let changes = town.apply(&[&town.first]);
    assert_eq!(changes, ["dhcpd ended", "DHCP started on eucabr10", "DHCP started on eucabr11"]);
    assert_eq!(town.daemon.running(), [0; 0]);
    assert_told_all(&ask(&town.first));
    town.restart();
    assert_eq!(town.apply(&[&town.first]), [STARTED]);
    assert_told_all(&ask(&town.first));
}

#[test]
fn what_keeps_it_from_running_is_told_in_its_own_words() {
    let town = Town::new();
    let plan = town.plan(&[&town.first]);
    let squatter = town.world.host.run(|| std::net::UdpSocket::bind(("0.0.0.0", 67)).unwrap());
    let refused = town.world.controller.try_router(&plan).unwrap_err().to_string();
    let words = "Can't bind to dhcp address: Address already in use";
    assert!(refused.contains(words) && refused.contains("another DHCP server"), "{refused}");
    drop(squatter);
    let changes = town.apply(&[&town.first]);
    assert_eq!(changes, [STARTED]);

    // as AppArmor does
    let confined = town.daemon.file("confined");
    fs::write(&confined, "#!/bin/sh\necho \"Can't open $4: Permission denied\" >&2; exit 1\n")
        .unwrap();
    fs::set_permissions(&confined, fs::Permissions::from_mode(0o755)).unwrap();
    let program = DhcpdProgram::find(&confined, None).unwrap();
    let controller = town.daemon.start_as(&town.world.host, Some(program));
    let refused = controller.try_router(&plan).unwrap_err().to_string();
    assert!(refused.contains("euca-dhcp.conf.new: Permission denied"), "{refused}");
    assert!(refused.contains("where AppArmor confines dhcpd"), "{refused}");
    town.daemon.only();
    assert_eq!(ask(&town.first)["ip"], "10.77.2.2", "the one before goes on");
}
