//! The administrator's own iptables rules.

use crate::world::Namespace;
use std::fs;
use tempfile::NamedTempFile;

/// A host with rules of its own.
struct Host {
    space: Namespace,
    file: NamedTempFile,
}

impl Host {
    fn new(file: &str) -> Self {
        let host = Self { space: Namespace::new("host"), file: NamedTempFile::new().unwrap() };
        host.space.sh("iptables -A INPUT -s 192.0.2.9 -j DROP");
        host.space.sh("iptables -N DOCKER-USER");
        host.space.sh("iptables -A DOCKER-USER -j RETURN");
        host.space.sh("nft add table inet other");
        host.write(file);
        host
    }

    fn write(&self, text: &str) {
        fs::write(self.file.path(), text).unwrap();
    }

    /// The rules that were added.
    fn load(&self) -> Result<Vec<String>, String> {
        let path = self.file.path().to_owned();
        self.space.run(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(hostnet::preload(&path)).map_err(|error| error.to_string())
        })
    }

    /// All rules; numbers are no rules.
    fn rules(&self) -> String {
        let saved = self.space.sh("iptables-save");
        let saved = saved.lines().filter(|line| !line.starts_with('#'));
        let saved = saved.map(|line| line.split(" [").next().unwrap().to_owned() + "\n");
        saved.collect::<String>() + &self.space.sh("nft -s list table inet other")
    }
}

const FILE: &str = "\
# as an administrator writes it
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:mine - [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -j mine
-A INPUT -s 192.0.2.9 -j DROP
-A mine -m comment --comment \"a -A b\" -j ACCEPT
-A mine -s 192.0.2.7 -j ACCEPT
-A mine -s 192.0.2.7 -j ACCEPT
-A DOCKER-USER -s 192.0.2.8 -j DROP
COMMIT
*nat
-A POSTROUTING -o eth9 -j MASQUERADE
COMMIT
";

#[test]
fn what_is_absent_is_added_once_and_nothing_else_changes() {
    let host = Host::new(FILE);
    let added = host.load().unwrap();
    assert_eq!(
        added,
        [
            "filter: -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
            "filter: -A INPUT -j mine",
            "filter: -A DOCKER-USER -s 192.0.2.8/32 -j DROP",
            "filter: -A mine -m comment --comment \"a -A b\" -j ACCEPT",
            "filter: -A mine -s 192.0.2.7/32 -j ACCEPT",
            "filter: -A mine -s 192.0.2.7/32 -j ACCEPT",
            "nat: -A POSTROUTING -o eth9 -j MASQUERADE",
        ]
    );
    let rules = host.rules();
    for kept in ["-A INPUT -s 192.0.2.9/32 -j DROP", "-A DOCKER-USER -j RETURN", ":FORWARD ACCEPT"]
    {
        assert_eq!(rules.matches(kept).count(), 1, "{kept}: {rules}");
    }
    for _ in 0..2 {
        assert_eq!(host.load(), Ok(vec![]));
        assert_eq!(host.rules(), rules);
    }
    // One of two that are the same was taken away by hand.
    host.space.sh("iptables -D mine -s 192.0.2.7 -j ACCEPT");
    assert_eq!(host.load().unwrap(), ["filter: -A mine -s 192.0.2.7/32 -j ACCEPT"]);
    assert_eq!(host.rules(), rules);
}

#[test]
fn what_iptables_save_prints_is_all_there_already() {
    let host = Host::new("");
    host.write(&host.space.sh("iptables-save"));
    assert_eq!(host.load(), Ok(vec![]));
}

#[test]
fn a_broken_file_is_told_with_its_line_and_changes_nothing() {
    for (text, line) in [
        (FILE.replace("--dport 22", "--dprt 22"), "line: 6"),
        // a chain is looked for when all of its table is known
        (
            FILE.replace("-j mine", "-j nobodys"),
            "'nobodys' does not exist; Error occurred at line: 13",
        ),
        (FILE.replace("eth9", "a-name-that-is-too-long-for-it"), "line: 15"),
        (FILE.replace("COMMIT\n", ""), "line: 13"),
        ("not rules\n".to_owned(), "line 1"),
        ("\0\u{1b}[31m\n".to_owned(), "line 1"),
    ] {
        let host = Host::new(&text);
        let before = host.rules();
        let error = host.load().unwrap_err();
        assert!(error.contains("none of them") && error.contains(line), "{line}: {error}");
        assert_eq!(host.rules(), before, "{error}");
    }
}

#[test]
fn without_a_file_there_is_nothing_to_do() {
    let host = Host::new("");
    let before = host.rules();
    assert_eq!(host.load(), Ok(vec![]));
    fs::remove_file(host.file.path()).unwrap();
    assert_eq!(host.load(), Ok(vec![]));
    assert_eq!(host.rules(), before);
}
