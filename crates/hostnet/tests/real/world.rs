//! Namespaces that play a host, its instances and the world outside.

use hostnet::{Applied, HostNet, HostNetError, LinuxNet, Passage, Path, Sightings};
use netplan::{NodeNic, NodePlan, RouterPlan, SiteBridge};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use types::{InstanceId, MacAddr, NetworkTag};

/// How long anything may take before a test gives up.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// How long a packet that should be dropped is waited for.
const SILENCE: Duration = Duration::from_millis(700);

pub(crate) const HOST_OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// Runs a command and gives what it prints; the test fails when the command does.
pub(crate) fn sh(command: &str) -> String {
    let output = output(command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn output(command: &str) -> std::process::Output {
    Command::new("sh").args(["-c", command]).stdin(Stdio::null()).output().unwrap()
}

/// A network namespace, gone when dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn new(role: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let is_root = rustix::process::geteuid().is_root();
        assert!(is_root, "these tests make network namespaces: run them as root");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hostnet-{}-{number}-{role}", std::process::id());
        sh(&format!("ip netns add {name} && ip -n {name} link set lo up"));
        Self { name }
    }

    /// Runs a command inside.
    pub(crate) fn sh(&self, command: &str) -> String {
        sh(&self.inside(command))
    }

    /// Whether a command succeeds inside.
    pub(crate) fn can(&self, command: &str) -> bool {
        output(&self.inside(command)).status.success()
    }

    fn inside(&self, command: &str) -> String {
        format!("ip netns exec {} {command}", self.name)
    }

    /// Runs a function on a thread that is inside.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(work).join().unwrap()
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let path = format!("/run/netns/{}", self.name);
        thread::spawn(move || {
            let file = std::fs::File::open(path).unwrap();
            let kind = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(kind))
                .unwrap();
            work()
        })
    }

    /// Answers every TCP connection to the port with the caller's address, until dropped.
    pub(crate) fn serve(&self, address: Ipv4Addr, port: u16) {
        let listener =
            self.run(move || TcpListener::bind(SocketAddrV4::new(address, port)).unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Ok(peer) = stream.peer_addr() else { continue };
                thread::spawn(move || {
                    let _ = writeln!(stream, "{}", peer.ip());
                    let mut bytes = [0; 64];
                    while let Ok(read @ 1..) = stream.read(&mut bytes) {
                        if stream.write_all(&bytes[..read]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }

    /// Connects, and gives the address that the server sees.
    pub(crate) fn ask(&self, address: Ipv4Addr, port: u16) -> String {
        let answer = self.connect(address, port, LIMIT);
        answer.unwrap_or_else(|| panic!("nothing answers at {address}:{port}")).1
    }

    /// Whether nothing answers.
    pub(crate) fn is_silent(&self, address: Ipv4Addr, port: u16) -> bool {
        self.connect(address, port, SILENCE).is_none()
    }

    pub(crate) fn connect(
        &self,
        address: Ipv4Addr,
        port: u16,
        patience: Duration,
    ) -> Option<(TcpStream, String)> {
        self.run(move || {
            let server = SocketAddrV4::new(address, port).into();
            let stream = TcpStream::connect_timeout(&server, patience).ok()?;
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).ok()?;
            Some((stream, line.trim().to_owned()))
        })
    }

    pub(crate) fn pings(&self, address: Ipv4Addr) -> bool {
        self.can(&format!("busybox ping -c 1 -W 20 {address}"))
    }

    pub(crate) fn pings_in_vain(&self, address: Ipv4Addr) -> bool {
        !self.can(&format!("busybox ping -c 1 -W 1 {address}"))
    }

    /// Starts a python program inside and waits until it prints that it is ready.
    pub(crate) fn python(&self, program: &str) -> Program {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.name, "/usr/bin/python3", "-u", "-c", program])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        thread::spawn(move || {
            printed.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let program = Program { child, lines };
        assert_eq!(program.line(), "ready");
        program
    }

    /// A guest with this host's end of its cable; not on the bridge yet.
    pub(crate) fn guest(&self, bits: u32, tag: NetworkTag, ip: &str) -> Guest {
        self.guest_with(nic(bits, tag, ip.parse().unwrap()))
    }

    pub(crate) fn guest_with(&self, nic: NodeNic) -> Guest {
        let namespace = Self::new("guest");
        let (h, g) = (&self.name, &namespace.name);
        let NodeNic { tap, mac, .. } = &nic;
        sh(&format!("ip -n {h} link add {tap} type veth peer name eth0 address {mac} netns {g}"));
        sh(&format!("ip -n {g} link set eth0 up"));
        Guest { namespace, nic }
    }

    /// Plugs a guest of this host into its bridge, as libvirt does.
    pub(crate) fn plug(&self, guest: &Guest) {
        let NodeNic { tap, tag, .. } = &guest.nic;
        sh(&format!("ip -n {} link set {tap} master {} up", self.name, tag.bridge()));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = output(&format!("ip netns del {}", self.name));
    }
}

/// A program that runs in a namespace, ended when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// The next line that it prints.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Refused = Result<BTreeMap<Ipv4Addr, String>, HostNetError>;

enum Job {
    Router(RouterPlan, oneshot::Sender<Result<Applied, HostNetError>>),
    Node(NodePlan, oneshot::Sender<Result<Applied, HostNetError>>),
    Refused(BTreeSet<Ipv4Addr>, Option<String>, oneshot::Sender<Refused>),
    Path(String, oneshot::Sender<Result<Path, HostNetError>>),
    Check(Passage, oneshot::Sender<Vec<String>>),
    Hold(oneshot::Sender<Option<bool>>),
    Bridge(String, oneshot::Sender<Option<SiteBridge>>),
    Sightings(oneshot::Sender<watch::Receiver<Sightings>>),
    EndDhcp(oneshot::Sender<Result<(), HostNetError>>),
}

/// The code under test as one process: inside the host's namespace, on a thread of its own.
pub(crate) struct Controller {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Controller {
    pub(crate) fn start(host: &Namespace) -> Self {
        Self::start_with(host, LinuxNet::default())
    }

    pub(crate) fn start_with(host: &Namespace, net: LinuxNet) -> Self {
        let (jobs, mut queue) = mpsc::unbounded_channel();
        host.spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async move {
                while let Some(job) = queue.recv().await {
                    match job {
                        Job::Router(plan, to) => drop(to.send(net.apply_router(&plan).await)),
                        Job::Node(plan, to) => drop(to.send(net.apply_node(&plan).await)),
                        Job::Refused(wanted, interface, to) => {
                            drop(to.send(net.refused(&wanted, interface.as_deref()).await));
                        }
                        Job::Path(host, to) => drop(to.send(net.path_to(&host).await)),
                        Job::Check(passage, to) => drop(to.send(net.check(&[passage]).await)),
                        Job::Hold(to) => drop(to.send(net.router_rules_hold().await)),
                        Job::Bridge(name, to) => {
                            drop(to.send(net.site_bridge(&name).await.unwrap()))
                        }
                        Job::Sightings(to) => drop(to.send(net.sightings())),
                        Job::EndDhcp(to) => drop(to.send(net.end_dhcp().await)),
                    }
                }
            });
        });
        Self { jobs }
    }

    fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> T {
        let (to, answer) = oneshot::channel();
        self.jobs.send(job(to)).ok().unwrap();
        answer.blocking_recv().unwrap()
    }

    /// Applies, and gives the lines that say what changed.
    pub(crate) fn router(&self, plan: &RouterPlan) -> Vec<String> {
        self.try_router(plan).unwrap().changes
    }

    pub(crate) fn try_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError> {
        self.ask(|to| Job::Router(plan.clone(), to))
    }

    pub(crate) fn node(&self, plan: &NodePlan) -> Vec<String> {
        self.ask(|to| Job::Node(plan.clone(), to)).unwrap().changes
    }

    pub(crate) fn refused(&self, wanted: &[Ipv4Addr], interface: Option<&str>) -> Refused {
        let (wanted, interface) = (wanted.iter().copied().collect(), interface.map(str::to_owned));
        self.ask(|to| Job::Refused(wanted, interface, to))
    }

    pub(crate) fn path_to(&self, host: &str) -> Result<Path, HostNetError> {
        self.ask(|to| Job::Path(host.to_owned(), to))
    }

    pub(crate) fn check(&self) -> Vec<String> {
        self.check_of(Passage::Router)
    }

    pub(crate) fn check_of(&self, passage: Passage) -> Vec<String> {
        self.ask(|to| Job::Check(passage, to))
    }

    pub(crate) fn router_rules_hold(&self) -> Option<bool> {
        self.ask(Job::Hold)
    }

    pub(crate) fn site_bridge(&self, name: &str) -> Option<SiteBridge> {
        self.ask(|to| Job::Bridge(name.to_owned(), to))
    }

    pub(crate) fn end_dhcp(&self) {
        self.ask(Job::EndDhcp).unwrap();
    }

    pub(crate) fn sightings(&self) -> watch::Receiver<Sightings> {
        self.ask(Job::Sightings)
    }
}

/// A machine of the cloud and somebody outside, who has a route to the instances.
pub(crate) struct World {
    pub(crate) host: Namespace,
    pub(crate) outside: Namespace,
    pub(crate) controller: Controller,
}

impl World {
    pub(crate) fn new() -> Self {
        let (host, outside) = (Namespace::new("host"), Namespace::new("outside"));
        let (h, o) = (&host.name, &outside.name);
        sh(&format!("ip -n {h} link add up0 type veth peer name eth0 netns {o}"));
        sh(&format!("ip -n {h} addr add {HOST_OUTSIDE}/24 dev up0 && ip -n {h} link set up0 up"));
        sh(&format!("ip -n {o} addr add {OUTSIDE}/24 dev eth0 && ip -n {o} link set eth0 up"));
        sh(&format!("ip -n {o} route add 10.77.0.0/16 via {HOST_OUTSIDE}"));
        sh(&format!("ip -n {h} route add default via {OUTSIDE}"));
        // As strict as any distribution sets it.
        host.sh("sysctl -qw net.ipv4.conf.all.rp_filter=1");
        let controller = Controller::start(&host);
        Self { host, outside, controller }
    }

    /// The process is killed and started again: what it had in memory is gone.
    pub(crate) fn restart(&mut self) {
        self.controller = Controller::start(&self.host);
    }

    /// A guest with the host's end of its cable; not on the bridge yet.
    pub(crate) fn guest(&self, bits: u32, tag: NetworkTag, ip: &str) -> Guest {
        self.host.guest(bits, tag, ip)
    }

    /// Plugs guests into their bridges, as libvirt does.
    pub(crate) fn plug(&self, guests: &[&Guest]) {
        guests.iter().for_each(|guest| self.host.plug(guest));
    }
}

/// The network card of the instance whose id has these bits.
pub(crate) fn nic(bits: u32, tag: NetworkTag, ip: Ipv4Addr) -> NodeNic {
    let id = InstanceId::from_bits(bits);
    NodeNic { tap: netplan::tap_name(id), mac: MacAddr::of_instance(id), ip, tag }
}

/// What plays an instance.
pub(crate) struct Guest {
    pub(crate) namespace: Namespace,
    pub(crate) nic: NodeNic,
}

impl Guest {
    /// Gives it its address by hand.
    pub(crate) fn address(&self, router: Ipv4Addr) {
        let (g, ip) = (&self.namespace.name, self.nic.ip);
        sh(&format!("ip -n {g} addr add {ip}/26 dev eth0"));
        sh(&format!("ip -n {g} route add default via {router}"));
    }
}
