//! Where things lie below the root directory, `$EUCALYPTUS`.

use std::path::{Path, PathBuf};

/// The directories and files of an installation. One source for every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Where an installation lies unless EUCALYPTUS says otherwise.
    pub const DEFAULT_ROOT: &str = "/opt/eucalyptus";

    /// The layout below a root directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file.
    pub fn conf_file(&self) -> PathBuf {
        self.root.join("etc/eucalyptus/eucalyptus.conf")
    }

    /// The administrator's template of a domain, which need not exist.
    pub fn libvirt_template(&self) -> PathBuf {
        self.root.join("etc/eucalyptus/libvirt.xml")
    }

    /// Everything that must survive a reboot.
    pub fn state(&self) -> PathBuf {
        self.root.join("var/eucalyptus")
    }

    /// Certificates and private keys, mode 0700.
    pub fn keys(&self) -> PathBuf {
        self.state().join("keys")
    }

    /// The embedded database, mode 0700.
    pub fn db(&self) -> PathBuf {
        self.state().join("db")
    }

    /// Walrus' buckets, mode 0700.
    pub fn bukkits(&self) -> PathBuf {
        self.state().join("bukkits")
    }

    /// Registered images, decrypted, mode 0700.
    pub fn images(&self) -> PathBuf {
        self.state().join("images")
    }

    /// What a cluster controller remembers.
    pub fn cc(&self) -> PathBuf {
        self.state().join("cc")
    }

    /// INSTANCE_PATH unless the configuration says otherwise. QEMU, which runs as another user,
    /// must be able to enter it.
    pub fn instances(&self) -> PathBuf {
        self.state().join("instances")
    }

    /// Logs.
    pub fn log(&self) -> PathBuf {
        self.root.join("var/log/eucalyptus")
    }

    /// Sockets and process ids.
    pub fn run(&self) -> PathBuf {
        self.root.join("var/run/eucalyptus")
    }

    /// The files of the network: the administrator's own iptables rules, where the guide puts them,
    /// and those of dhcpd.
    pub fn net(&self) -> PathBuf {
        self.run().join("net")
    }

    /// The administrator's own iptables rules, which need not exist: the guide's file, and one
    /// that is still there when /var/run was emptied by a reboot.
    pub fn iptables_preloads(&self) -> [PathBuf; 2] {
        let name = "iptables-preload";
        [self.root.join("etc/eucalyptus").join(name), self.net().join(name)]
    }

    /// What dhcpd says.
    pub fn dhcpd_log(&self) -> PathBuf {
        self.log().join("dhcpd.log")
    }

    /// The socket of the administrator's interface, mode 0600.
    pub fn cloud_socket(&self) -> PathBuf {
        self.run().join("cloud.sock")
    }

    /// The socket of a cluster controller's part of that interface, mode 0600.
    pub fn cluster_socket(&self) -> PathBuf {
        self.run().join("cc.sock")
    }

    /// Every directory with its mode, parents first.
    pub fn directories(&self) -> Vec<(PathBuf, u32)> {
        vec![
            (self.root.join("etc/eucalyptus"), 0o755),
            (self.state(), 0o755),
            (self.keys(), 0o700),
            (self.db(), 0o700),
            (self.bukkits(), 0o700),
            (self.images(), 0o700),
            (self.cc(), 0o700),
            (self.log(), 0o755),
            (self.run(), 0o755),
            (self.net(), 0o755),
        ]
    }
}
