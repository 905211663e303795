//! The switch that joins test machines, with names for all of them and ssh between them.

use crate::machine::{Machine, must};
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Every machine that a test may have, with its address.
const MACHINES: [(&str, Ipv4Addr); 5] = [
    ("front", Ipv4Addr::new(10, 99, 0, 1)),
    ("second", Ipv4Addr::new(10, 99, 0, 2)),
    ("node1", Ipv4Addr::new(10, 99, 0, 11)),
    ("node2", Ipv4Addr::new(10, 99, 0, 12)),
    ("node3", Ipv4Addr::new(10, 99, 0, 13)),
];
/// The switch's own address: the way to everywhere else, which leads nowhere.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 254);

/// A bridge in a network namespace of its own.
pub(crate) struct Switch {
    holder: Child,
    /// `/etc/ssh` and `/etc/hosts` of every machine.
    etc: tempfile::TempDir,
}

impl Switch {
    pub(crate) fn new() -> Self {
        let holder = Command::new("unshare")
            .args([
                "--net",
                "--kill-child",
                "--fork",
                "sh",
                "-c",
                "echo ready; exec sleep infinity",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut holder = holder.unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let etc = tempfile::Builder::new().prefix("euca-switch-").tempdir_in("/var/tmp").unwrap();
        let switch = Self { holder, etc };
        switch.write_etc();
        switch.ip("link add switch type bridge stp_state 0 forward_delay 0");
        switch.ip(&format!("address add {GATEWAY}/24 dev switch"));
        switch.ip("link set switch up");
        switch
    }

    /// The address of a machine.
    pub(crate) fn address(name: &str) -> Ipv4Addr {
        MACHINES.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// Plugs a machine in, gives it its name and starts its sshd.
    pub(crate) fn plug(&self, machine: &Machine, name: &str) {
        let address = Self::address(name);
        let pid = machine.pid();
        self.ip(&format!("link add {name} type veth peer name eth0 netns {pid}"));
        self.ip(&format!("link set {name} master switch up"));
        let etc = self.etc.path().display();
        let script = format!(
            "ip address add {address}/24 dev eth0 && ip link set eth0 up
            ip route add default via {GATEWAY}
            mount --bind {etc}/hosts /etc/hosts && mount --bind {etc}/ssh /etc/ssh
            mkdir -p /run/sshd && /usr/sbin/sshd -E {}/sshd.log",
            machine.dir().display()
        );
        machine.must("sh", ["-ec", &script]);
    }

    /// Pulls a machine's plug, or puts it back.
    pub(crate) fn set_plugged(&self, name: &str, plugged: bool) {
        self.ip(&format!("link set {name} {}", if plugged { "up" } else { "down" }));
    }

    /// Hosts know each other by name, and root of each may log in to all of them.
    fn write_etc(&self) {
        let names = MACHINES.map(|(name, address)| format!("{address} {name}\n")).concat();
        fs::write(self.etc.path().join("hosts"), format!("127.0.0.1 localhost\n{names}")).unwrap();
        let ssh = self.etc.path().join("ssh");
        fs::create_dir(&ssh).unwrap();
        for file in ["ssh_host_ed25519_key", "id"] {
            keygen(&ssh.join(file));
        }
        fs::rename(ssh.join("id.pub"), ssh.join("authorized")).unwrap();
        let client = "Host *\n  IdentityFile /etc/ssh/id\n  StrictHostKeyChecking no\n  \
             UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  BatchMode yes\n";
        fs::write(ssh.join("ssh_config"), client).unwrap();
        let server = "HostKey /etc/ssh/ssh_host_ed25519_key\nStrictModes no\nUsePAM no\n\
             PermitRootLogin prohibit-password\nAuthorizedKeysFile /etc/ssh/authorized\n\
             Subsystem sftp internal-sftp\n";
        fs::write(ssh.join("sshd_config"), server).unwrap();
        for directory in [self.etc.path(), &ssh] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// A command to be run beside the switch, on the network that it joins.
    pub(crate) fn command(&self, program: &str) -> Command {
        let child = format!("/proc/{0}/task/{0}/children", self.holder.id());
        let inside = fs::read_to_string(child).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["--target", inside.trim(), "--net", program]).stdin(Stdio::null());
        command
    }

    fn ip(&self, arguments: &str) {
        let mut command = self.command("ip");
        command.args(arguments.split(' '));
        must(command);
    }
}

fn keygen(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file);
    must(command);
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
