//! `euca_sync_key` with an `ssh`, an `rsync` and an `scp` that reach directories in the place of
//! machines, and that take nothing but what they must be given.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use euca_conf::{Environment, sync};
use protocol::admin::{Failure, IssuedKeys, KeyOwner};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::TempDir;

const FILES: [&str; 3] = ["ca-cert.pem", "node-pk.pem", "node-cert.pem"];
/// What the remote shell has.
const TOOLS: [&str; 11] =
    ["sh", "mkdir", "chmod", "rm", "cat", "sha256sum", "cut", "mv", "rmdir", "stat", "tr"];

const OPTIONS: &str = r#"
options() {
    [ "$1 $2 $3" = "-o ControlMaster=auto -o" ] || die "$@"
    case $4 in ControlPath=/*/%C) ;; *) die "$@" ;; esac
    [ "$5 $6" = "-o ControlPersist=20" ] || die "$@"
}
die() { echo "bad arguments: $*" >&2; exit 99; }
host() {
    case $1 in *[!a-z0-9.]*) die "host $1" ;; esac
    [ -d "$machines/$1" ] || { echo "Could not resolve hostname $1" >&2; exit 255; }
}
"#;

const SSH: &str = r#"
options "$@"; shift 6
if [ "$1 $2 $3" = "-O exit --" ] && [ $# = 4 ]; then exit 0; fi
[ "$1" = -- ] && [ $# = 3 ] || die "$@"
host "$2"
line=$(printf %s "$3" | sed "s|$root|$machines/$2|g")
PATH=$machines/$2/bin:$tools exec sh -c "$line"
"#;

const COPY: &str = r#"
[ $# = 4 ] || die "$@"
host "${4%%:*}"
for file in "$1" "$2" "$3"; do
    case $file in $root/var/eucalyptus/keys/*/*/*.pem) ;; *) die "$file" ;; esac
done
to=$(printf %s "${4#*:}" | sed "s|$root|$machines/${4%%:*}|g")
if [ -e "$machines/${4%%:*}/breaks" ]; then cp "$1" "$to"; echo "lost connection" >&2; exit 12; fi
cp "$1" "$2" "$3" "$to"
"#;

struct Site {
    home: TempDir,
    _cloud: tokio::runtime::Runtime,
}

#[derive(Debug)]
struct Said {
    ok: bool,
    out: String,
    err: String,
}

impl Site {
    /// A cloud whose NODES are these machines, which are there.
    fn new(nodes: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        for directory in ["etc/eucalyptus", "var/eucalyptus/keys", "var/run/eucalyptus"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let conf = format!("EUCALYPTUS=\"{}\"\nNODES=\"{}\"\n", root.display(), nodes.join(" "));
        fs::write(root.join("etc/eucalyptus/eucalyptus.conf"), conf).unwrap();
        fs::create_dir(home.path().join("tools")).unwrap();
        for tool in TOOLS {
            let real = ["/usr/bin", "/bin"].map(|dir| Path::new(dir).join(tool));
            let real = real.into_iter().find(|path| path.exists()).unwrap();
            symlink(real, home.path().join("tools").join(tool)).unwrap();
        }
        let site = Self { _cloud: cloud(&root), home };
        // the real one waits for every disk of this machine
        script(&site.home.path().join("tools/sync"), "#!/bin/sh\nexit 0\n");
        nodes.iter().for_each(|node| site.machine(node));
        site.program("ssh", SSH);
        let options = "[ \"$1 $2 $3\" = \"-q -p -e\" ] && [ \"$5\" = -- ] || die \"$@\"\n\
                       case $4 in \"ssh -o ControlMaster=auto -o ControlPath=\"*) ;; *) die \"$4\" ;; \
                       esac\nshift 5\n";
        site.program("rsync", &format!("{options}{COPY}"));
        let options = "[ \"$1\" = -q ] || die \"$@\"; shift\noptions \"$@\"; shift 6\n\
                       [ \"$1\" = -- ] || die \"$@\"; shift\n";
        site.program("scp", &format!("{options}{COPY}"));
        site
    }

    /// A machine with rsync.
    fn machine(&self, name: &str) {
        let bin = self.home.path().join("machines").join(name).join("bin");
        fs::create_dir_all(&bin).unwrap();
        script(&bin.join("rsync"), "#!/bin/sh\ntest \"$1\" = --version || exit 98\n");
    }

    fn program(&self, name: &str, body: &str) {
        let home = self.home.path().display();
        let head = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\nroot={home}/root machines={home}/machines \
             tools={home}/tools\necho {name} >>{home}/calls\n"
        );
        let path = self.home.path().join("programs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        script(&path, &format!("{head}{OPTIONS}{body}"));
    }

    fn keys_of(&self, machine: &str) -> PathBuf {
        self.home.path().join("machines").join(machine).join("var/eucalyptus/keys")
    }

    fn tool(&self, args: &[&str]) -> Said {
        let environment = Environment {
            root: Some(self.home.path().join("root").into()),
            path: Some(self.home.path().join("programs").into()),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = sync::run(args.iter().map(OsString::from), &environment, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { ok: code == ExitCode::SUCCESS, out: text(out), err: text(err) }
    }

    /// What the cloud made for a node, as a user of the machine finds it.
    fn assert_has(&self, machine: &str, owner: &str) {
        let keys = self.keys_of(machine);
        assert_eq!(mode(&keys), 0o700);
        for file in FILES {
            assert_eq!(mode(&keys.join(file)), 0o600);
        }
        let certificate = fs::read_to_string(keys.join("node-cert.pem")).unwrap();
        assert!(certificate.starts_with(&format!("node-cert.pem of {owner}")), "{certificate}");
        assert!(!keys.join(".sync").exists());
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A cloud controller that issues keys, made once.
fn cloud(root: &Path) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let socket = root.join("var/run/eucalyptus/cloud.sock");
    let keys = root.join("var/eucalyptus/keys");
    let issue = move |Json(owner): Json<KeyOwner>| async move {
        let (kind, name, files) = match &owner {
            KeyOwner::Node(name) => ("nodes", name.to_string(), FILES),
            KeyOwner::Cluster(name) if name.as_str() == "two" => {
                let files = ["ca-cert.pem", "cluster-pk.pem", "cluster-cert.pem"];
                ("clusters", name.to_string(), files)
            }
            other => {
                let message = format!("no {other:?} is registered");
                return (axum::http::StatusCode::NOT_FOUND, Json(Failure { message }))
                    .into_response();
            }
        };
        let directory = keys.join(kind).join(&name);
        fs::create_dir_all(&directory).unwrap();
        for file in files.iter().filter(|file| !directory.join(file).exists()) {
            fs::write(directory.join(file), format!("{file} of {name}")).unwrap();
        }
        let host = (kind == "clusters").then(|| "cc2".to_owned());
        let files = files.map(str::to_owned).to_vec();
        Json(IssuedKeys { owner, directory, files, here: false, host }).into_response()
    };
    let routes = Router::new().route("/v1/keys/issue", post(issue));
    let listener = runtime.block_on(async { tokio::net::UnixListener::bind(socket).unwrap() });
    runtime.spawn(async move { axum::serve(listener, routes).await });
    runtime
}

#[test]
fn every_node_gets_its_own_keys_and_the_second_time_nothing() {
    let site = Site::new(&["n1", "n2"]);
    let said = site.tool(&[]);
    assert!(said.ok, "{said:?}");
    assert_eq!(said.out, "n1: copied with rsync\nn2: copied with rsync\n");
    site.assert_has("n1", "n1");
    site.assert_has("n2", "n2");
    let there: Vec<_> = fs::read_dir(site.keys_of("n1")).unwrap().collect();
    assert_eq!(there.len(), FILES.len(), "nothing else was copied");
    assert_eq!(site.tool(&[]).out, "n1: up to date\nn2: up to date\n");
    // rotated, or a mode that lets others read
    let made = site.home.path().join("root/var/eucalyptus/keys/nodes/n1/node-pk.pem");
    fs::write(made, "another").unwrap();
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(site.keys_of("n2").join("node-pk.pem"), open).unwrap();
    let said = site.tool(&["n1", "n2"]);
    assert_eq!(said.out, "n1: copied with rsync\nn2: copied with rsync\n", "{said:?}");
    assert_eq!(fs::read_to_string(site.keys_of("n1").join("node-pk.pem")).unwrap(), "another");
    site.assert_has("n2", "n2");
}

#[test]
fn scp_is_used_where_rsync_is_missing() {
    let site = Site::new(&["n1", "n2"]);
    fs::remove_file(site.home.path().join("machines/n1/bin/rsync")).unwrap();
    assert_eq!(site.tool(&[]).out, "n1: copied with scp\nn2: copied with rsync\n");
    fs::remove_file(site.home.path().join("programs/rsync")).unwrap();
    fs::remove_dir_all(site.keys_of("n2")).unwrap();
    assert_eq!(site.tool(&[]).out, "n1: up to date\nn2: copied with scp\n");
    site.assert_has("n1", "n1");
    site.assert_has("n2", "n2");
}

#[test]
fn one_host_that_fails_does_not_stop_the_others() {
    let site = Site::new(&["n1", "n2", "n3"]);
    fs::remove_dir_all(site.home.path().join("machines/n1")).unwrap();
    let said = site.tool(&[]);
    assert!(!said.ok);
    assert_eq!(said.out, "n2: copied with rsync\nn3: copied with rsync\n", "{said:?}");
    let cause = "n1: failed: ssh: Could not resolve hostname n1";
    assert!(said.err.starts_with(cause) && said.err.contains("try: ssh n1 true"), "{said:?}");
}

#[test]
fn a_copy_that_breaks_off_leaves_the_old_keys() {
    let site = Site::new(&["n1"]);
    assert!(site.tool(&[]).ok);
    let before = fs::read_to_string(site.keys_of("n1").join("ca-cert.pem")).unwrap();
    let made = site.home.path().join("root/var/eucalyptus/keys/nodes/n1");
    for file in FILES {
        fs::write(made.join(file), "new").unwrap();
    }
    let breaks = site.home.path().join("machines/n1/breaks");
    fs::write(&breaks, "").unwrap();
    let said = site.tool(&[]);
    assert!(!said.ok && said.err.contains("rsync: lost connection"), "{said:?}");
    assert_eq!(fs::read_to_string(site.keys_of("n1").join("ca-cert.pem")).unwrap(), before);
    fs::remove_file(breaks).unwrap();
    assert_eq!(site.tool(&[]).out, "n1: copied with rsync\n");
    assert_eq!(fs::read_to_string(site.keys_of("n1").join("ca-cert.pem")).unwrap(), "new");
    assert!(!site.keys_of("n1").join(".sync").exists());
}

#[test]
fn a_cluster_controllers_keys_go_to_its_machine_beside_those_of_a_node() {
    let site = Site::new(&["cc2"]);
    assert!(site.tool(&["cc2"]).ok);
    assert_eq!(site.tool(&["--cluster", "two"]).out, "cc2: copied with rsync\n");
    site.assert_has("cc2", "cc2");
    let pair = site.keys_of("cc2").join("cluster-pk.pem");
    assert_eq!(fs::read_to_string(pair).unwrap(), "cluster-pk.pem of two");
    let unknown = site.tool(&["--cluster", "three"]);
    assert!(!unknown.ok && unknown.err.contains("three"), "{unknown:?}");
}

#[test]
fn another_cloud_and_this_machine_are_left_alone() {
    let site = Site::new(&["localhost", "n1"]);
    let keys = site.keys_of("n1");
    fs::create_dir_all(&keys).unwrap();
    fs::write(keys.join("ca-pk.pem"), "theirs").unwrap();
    fs::write(keys.join("ca-cert.pem"), "theirs").unwrap();
    let said = site.tool(&[]);
    assert!(said.out.starts_with("localhost: skipped: it is this machine"), "{said:?}");
    assert!(!said.ok && said.err.contains("another cloud controller"), "{said:?}");
    assert_eq!(fs::read_to_string(keys.join("ca-cert.pem")).unwrap(), "theirs");
}

#[test]
fn without_a_cloud_controller_or_hosts_nothing_is_done() {
    let site = Site::new(&[]);
    assert!(site.tool(&[]).err.contains("NODES is empty"));
    let site = Site::new(&["n1"]);
    let socket = site.home.path().join("root/var/run/eucalyptus/cloud.sock");
    fs::remove_file(socket).unwrap();
    let said = site.tool(&[]);
    assert!(!said.ok && said.err.contains("eucalyptus start"), "{said:?}");
    assert!(!site.home.path().join("calls").exists(), "no machine was called");
    assert!(!site.keys_of("n1").exists());
}
