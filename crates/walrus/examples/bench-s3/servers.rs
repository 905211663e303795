//! The servers that are compared, each with a directory of its own and the same user.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// What is on the disk when a PUT is answered.
    pub(crate) synced: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) prefix: &'static str,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(
        name: &'static str,
        synced: &'static str,
        prefix: &'static str,
        directory: &Path,
        command: impl FnOnce(SocketAddr) -> Command,
    ) -> Self {
        fs::create_dir_all(directory).unwrap();
        let address = free_address();
        let log = fs::File::create(directory.with_extension("log")).unwrap();
        let server = command(address);
        // it does not outlive a benchmark that fails
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(server.get_program()).args(server.get_args());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { name, synced, address, prefix, child };
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{name}: see its log");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The memory that is its own and in use, in megabytes.
    pub(crate) fn memory_mb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) fn walrus(data: &Path) -> Server {
    let directory = data.join("walrus");
    let serve = std::env::current_exe().unwrap().with_file_name("serve");
    Server::start("Walrus", "bytes, name, metadata", "/services/Walrus", &directory, |address| {
        let mut command = Command::new(serve);
        command.arg(&directory).arg(address.to_string());
        command
    })
}

pub(crate) fn ceiling(data: &Path) -> Server {
    Server::start("bare HTTP", "nothing is kept", "", &data.join("ceiling"), |address| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("ceiling").arg(address.to_string());
        command
    })
}

pub(crate) fn rclone(data: &Path, peers: &Path) -> Server {
    let directory = data.join("rclone");
    Server::start("rclone", "nothing", "", &directory, |address| {
        let mut command = Command::new(peers.join("rclone"));
        command.args(["serve", "s3", "--auth-key", "ALICE,alice-secret", "--addr"]);
        command.arg(address.to_string()).arg(&directory);
        command
    })
}

pub(crate) fn seaweed(data: &Path, peers: &Path, syncs: bool) -> Server {
    let (name, synced) = match syncs {
        true => ("SeaweedFS, fsync", "bytes"),
        false => ("SeaweedFS", "nothing"),
    };
    let directory = data.join(if syncs { "seaweed-fsync" } else { "seaweed" });
    let master = free_address();
    let server = Server::start(name, synced, "", &directory, |address| {
        let users = directory.join("users.json");
        let user = r#"{"identities":[{"name":"alice","credentials":[{"accessKey":"ALICE",
            "secretKey":"alice-secret"}],"actions":["Admin"]}]}"#;
        fs::write(&users, user).unwrap();
        let mut command = Command::new(peers.join("weed"));
        command.arg("server").arg(format!("-dir={}", directory.display()));
        command.args(["-ip=127.0.0.1", "-s3", "-volume.max=30", "-master.volumeSizeLimitMB=512"]);
        for (what, port) in [
            ("-master.port", master.port()),
            ("-volume.port", free_address().port()),
            ("-filer.port", free_address().port()),
            ("-s3.port", address.port()),
        ] {
            command.arg(format!("{what}={port}"));
        }
        command.arg(format!("-s3.config={}", users.display()));
        command
    });
    if syncs {
        let tell = "fs.configure -locationPrefix=/buckets/ -fsync=true -apply";
        let shell = format!("echo '{tell}' | \"$0\" shell -master=127.0.0.1:{}", master.port());
        let mut command = Command::new("sh");
        let told = command.args(["-c", &shell]).arg(peers.join("weed")).output().unwrap();
        let said = String::from_utf8_lossy(&told.stdout);
        assert!(said.contains("fsync"), "{said}{}", String::from_utf8_lossy(&told.stderr));
    }
    server
}
