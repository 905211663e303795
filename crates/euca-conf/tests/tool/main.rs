//! The tool as an administrator uses it, with a cloud controller that only knows users.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::extract::Path as UrlPath;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use euca_conf::Environment;
use protocol::admin::{
    AccessKeys, Failure, IgnoredParameter, IgnoredParameters, NewUser, NodeReport, User,
};
use protocol::{NodeStatus, Standing};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::TempDir;
use types::{Figures, Secret, Timestamp};

/// An installation in a directory of its own.
struct Machine {
    root: TempDir,
}

/// What a call of the tool gave.
#[derive(Debug)]
struct Said {
    ok: bool,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// A machine after `--setup`.
    fn set_up() -> Self {
        let machine = Self::new();
        let said = machine.tool(&["--setup"]);
        assert!(said.ok, "{said:?}");
        machine
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn conf(&self) -> String {
        std::fs::read_to_string(self.path("etc/eucalyptus/eucalyptus.conf")).unwrap()
    }

    fn tool(&self, args: &[&str]) -> Said {
        let environment = Environment { root: Some(self.root.path().into()), path: None };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code =
            euca_conf::run(args.iter().map(OsString::from), &environment, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { ok: code == ExitCode::SUCCESS, out: text(out), err: text(err) }
    }

    /// Serves the administrator's socket for as long as the runtime lives.
    fn cloud(&self) -> tokio::runtime::Runtime {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let socket = self.path("var/run/eucalyptus/cloud.sock");
        let listener = runtime.block_on(async { tokio::net::UnixListener::bind(socket).unwrap() });
        runtime.spawn(async move { axum::serve(listener, cloud()).await });
        runtime
    }
}

fn user(name: &str, admin: bool, enabled: bool) -> Json<User> {
    let (name, account) = (name.parse().unwrap(), "000911869582".parse().unwrap());
    Json(User { name, account, admin, enabled })
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(Failure { message: message.to_owned() })).into_response()
}

fn cloud() -> Router {
    let made = |Json(new): Json<NewUser>| async move { user(new.name.as_str(), new.admin, true) };
    let listed = || async { Json([user("admin", true, true).0, user("bob", false, false).0]) };
    let keys = || async {
        let secret_key = Secret::new("secret".to_owned());
        Json(AccessKeys { access_key: "access".to_owned(), secret_key })
    };
    let disabled = |UrlPath(name): UrlPath<String>| async move { user(&name, false, false) };
    let owned = || async { refuse(StatusCode::CONFLICT, "user bob still owns 2 instances") };
    let ignored = || async {
        let (action, parameter) = ("RunInstances".to_owned(), "EbsOptimized".to_owned());
        let parameters = vec![IgnoredParameter { action, parameter, times: 12 }];
        Json(IgnoredParameters { parameters, others: 3 })
    };
    clusters()
        .route("/v1/ignored-parameters", get(ignored))
        .route("/v1/users", get(listed).post(made))
        .route("/v1/users/{name}/disable", post(disabled))
        .route("/v1/users/{name}/keys", post(keys))
        .route("/v1/users/{name}/credentials", post(|| async { b"PK zip".to_vec() }))
        .route("/v1/users/{name}", delete(owned))
        .route(
            "/v1/addresses-per-user",
            get(|| async { "7" }).put(|body: String| async move {
                assert_eq!(body, "7");
                StatusCode::NO_CONTENT
            }),
        )
        .route(
            "/v1/default-images",
            get(|| async { r#"{"kernel":"eki-00000001","ramdisk":null}"# }),
        )
        .route(
            "/v1/default-images/kernel",
            put(|body: String| async move {
                match body.as_str() {
                    "null" | "\"eki-00000001\"" => StatusCode::NO_CONTENT.into_response(),
                    other => {
                        refuse(StatusCode::CONFLICT, &format!("the image {other} does not exist"))
                    }
                }
            }),
        )
}

impl Machine {
    /// Serves a cluster controller's socket for as long as the runtime lives: node1 has an
    /// instance, node2 has none.
    fn cluster(&self) -> tokio::runtime::Runtime {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let socket = self.path("var/run/eucalyptus/cc.sock");
        let listener = runtime.block_on(async { tokio::net::UnixListener::bind(socket).unwrap() });
        let nodes = || async { Json([report("node1", &["i-00000001"]), report("node2", &[])]) };
        let routes = Router::new().route("/v1/nodes", get(nodes));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        runtime
    }

    fn nodes(&self) -> (String, String) {
        let value = |variable| self.tool(&["-name", variable]).out.trim_end().to_owned();
        (value("NODES"), value("DRAINED_NODES"))
    }
}

fn report(name: &str, instances: &[&str]) -> NodeReport {
    let small = Figures { cores: 1, memory_mb: 128, disk_gb: 10 };
    NodeReport {
        status: NodeStatus {
            name: name.parse().unwrap(),
            reachable: instances.is_empty(),
            standing: Standing::Draining,
            certificate_ok: true,
            last_seen: Some(Timestamp::from_millis(0)),
            capacity: Figures { cores: 8, memory_mb: 4096, disk_gb: 100 },
            overhead: Figures::default(),
            orphans: vec![],
            problems: instances.iter().map(|_| "libvirt is not reachable".to_owned()).collect(),
        },
        certificate_refused: !instances.is_empty(),
        used: if instances.is_empty() { Figures::default() } else { small },
        instances: instances.iter().map(|id| id.parse().unwrap()).collect(),
    }
}

/// A cluster as the cloud shows it, and what is asked of it.
fn clusters() -> Router {
    let listed = || async {
        axum::response::Html(
            r#"[{"name":"one","endpoint":"127.0.0.1:8774","reachable":true,"problems":[],
                 "nodes":[],"since":1800000000000,"instances":3,"lag":0,
                 "settings":{"subnet":"10.1.0.0/16","addrs_per_net":64,"policy":"GREEDY"}},
                {"name":"two","endpoint":"cc2:8774","reachable":false,"standing":"registered",
                 "problems":["no route to host"],"nodes":[]}]"#,
        )
    };
    let register = |UrlPath(name): UrlPath<String>, body: String| async move {
        match (name.as_str(), body.as_str()) {
            ("two", r#"{"endpoint":"cc2"}"#) => r#"{"name":"two","endpoint":"cc2:8774",
                "reachable":false,"problems":[],"nodes":[]}"#
                .into_response(),
            other => refuse(StatusCode::CONFLICT, &format!("no {other:?}")),
        }
    };
    let remove = |UrlPath(name): UrlPath<String>, uri: axum::http::Uri| async move {
        match (name.as_str(), uri.query()) {
            ("two", Some("lost=true")) => StatusCode::NO_CONTENT.into_response(),
            other => refuse(StatusCode::CONFLICT, &format!("no {other:?}")),
        }
    };
    let types =
        || async { r#"[{"name":"m1.small","figures":{"cores":1,"memory_mb":128,"disk_gb":10}}]"# };
    let same = |body: String| async move {
        let given = r#"[{"name":"m1.small","figures":{"cores":1,"memory_mb":128,"disk_gb":10}}]"#;
        assert_eq!(body, given);
        StatusCode::NO_CONTENT
    };
    let rotated = |body: String| async move {
        assert_eq!(body, r#"["n1","two"]"#);
        r#"[{"owner":{"node":"n1"},"directory":"/k","files":[],"here":false,"host":"n1"},
            {"owner":{"cluster":"two"},"directory":"/k","files":[],"here":true,"host":null}]"#
    };
    Router::new()
        .route("/v1/clusters", get(listed))
        .route("/v1/clusters/{name}", put(register).delete(remove))
        .route("/v1/vm-types", get(types).put(same))
        .route("/v1/vm-types/{name}", put(|| async { StatusCode::NO_CONTENT }))
        .route("/v1/keys/rotate", post(rotated))
}

#[test]
fn clusters_are_listed_registered_and_deregistered() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let expected = "\
        one  127.0.0.1:8774  up since 2027-01-15T08:00:00.000Z  0 of 0 nodes, 3 instances, \
        up to date  (this machine's)\n    \
        10.1.0.0/16, 64 addresses a group, GREEDY\n\
        two  cc2:8774  not reached yet  0 of 0 nodes, 0 instances, lag unknown  (registered)\n    \
        takes no launches: its controller has not told its VNET_SUBNET\n    \
        problem: no route to host\n";
    assert_eq!(machine.tool(&["--list-clusters"]).out, expected);
    let said = machine.tool(&["--register-cluster", "two", "cc2"]);
    assert!(said.out.contains("two is registered, its controller at cc2:8774"), "{said:?}");
    assert!(said.out.contains("euca_sync_key --cluster two"), "{said:?}");
    let said = machine.tool(&["--deregister-cluster", "two"]);
    assert!(!said.ok && said.err.contains("lost=false"), "{said:?}");
    assert!(machine.tool(&["--deregister-cluster", "two", "--force"]).ok);
}

#[test]
fn vm_types_are_shown_after_every_change() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let shown = "NAME      CORES        MB        GB\nm1.small      1       128        10\n";
    assert_eq!(machine.tool(&["--vm-types"]).out, shown);
    assert_eq!(machine.tool(&["--set-vm-types", "m1.small=1,128,10"]).out, shown);
    assert_eq!(machine.tool(&["--set-vm-type", "x=1,1,1"]).out, shown);
    let said = machine.tool(&["--set-vm-types", "m1.small=1,128,10 m2=1"]);
    assert!(!said.ok && said.err.contains("m2=1"), "{said:?}");
}

#[test]
fn rotated_keys_are_named_with_the_next_step() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let said = machine.tool(&["--rotate-keys", "n1 two"]);
    assert!(said.out.contains("node n1: new keys are made; bring them there: euca_sync_key n1"));
    assert!(said.out.contains("cluster two: new keys are in use within seconds"), "{said:?}");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nothing_asked_shows_the_usage_and_fails_as_in_1_4() {
    let said = Machine::new().tool(&[]);
    assert!(!said.ok && said.err.contains("Usage: euca_conf"), "{said:?}");
    assert!(Machine::new().tool(&["-help"]).ok);
}

#[test]
fn setup_makes_a_working_installation_and_repeating_it_changes_nothing() {
    let machine = Machine::set_up();
    assert_eq!(mode(&machine.path("var/eucalyptus/keys")), 0o700);
    assert_eq!(mode(&machine.path("var/eucalyptus/instances")), 0o755);
    let said = machine.tool(&["--check"]);
    assert!(said.ok, "{said:?}");

    let before = machine.conf();
    assert!(machine.tool(&["--setup"]).out.contains("everything is configured"));
    assert_eq!(machine.conf(), before);
}

#[test]
fn settings_change_their_lines_and_no_other() {
    let machine = Machine::set_up();
    let before = machine.conf();
    let said = machine.tool(&["-cc", "N", "-cloudp", "9773", "9443", "-nodes", "n1 n2"]);
    assert!(said.ok, "{said:?}");
    let expected = before
        .replace("START_CC=\"Y\"", "START_CC=\"N\"")
        .replace("CLOUD_PORT=\"8773\"", "CLOUD_PORT=\"9773\"")
        .replace("CLOUD_SSL_PORT=\"8443\"", "CLOUD_SSL_PORT=\"9443\"")
        .replace("NODES=\"localhost\"", "NODES=\"n1 n2\"");
    assert_eq!(machine.conf(), expected);
    assert_eq!(machine.tool(&["-name", "NODES"]).out, "n1 n2\n");
}

#[test]
fn a_file_can_be_named_last_and_d_must_be_a_directory() {
    let machine = Machine::new();
    let file = machine.path("my.conf");
    std::fs::write(&file, "# mine\n").unwrap();
    let (file, root) = (file.to_str().unwrap(), machine.root.path().to_str().unwrap());
    assert!(machine.tool(&["-d", root, "-nc", "N", file]).ok);
    let text = std::fs::read_to_string(file).unwrap();
    let real = machine.root.path().canonicalize().unwrap();
    assert_eq!(text, format!("# mine\nEUCALYPTUS=\"{}\"\nSTART_NC=\"N\"\n", real.display()));
    assert!(machine.tool(&["-d", "/nonexistent", file]).err.contains("no such directory"));
}

#[test]
fn a_wrong_value_is_refused_and_the_file_stays() {
    let machine = Machine::set_up();
    let before = machine.conf();
    for (args, expected) in [
        (&["-cc", "maybe"][..], "START_CC is \"maybe\", but must be Y or N"),
        (&["-ccp", "8775"], "NC_PORT is 8775, as CC_PORT is"),
        (&["-ncp", "0"], "NC_PORT is \"0\""),
        (&["-nodes", "a\nb"], "control characters"),
        (&["-instances", "here"], "absolute path"),
    ] {
        let said = machine.tool(args);
        assert!(!said.ok && said.err.contains(expected), "{args:?}: {said:?}");
    }
    assert_eq!(machine.conf(), before);
}

#[test]
fn the_guides_order_works_nodes_may_be_named_after_the_components() {
    let machine = Machine::new();
    let file = machine.path("1.4.conf");
    std::fs::write(&file, "EUCALYPTUS=\"not_configured\"\nNODES=\"\"\n").unwrap();
    let file = file.to_str().unwrap();
    assert!(machine.tool(&["-cc", "Y", "-cloud", "Y", "-nc", "N", file]).ok);
    assert!(machine.tool(&["-nodes", "n1 n2", file]).ok);
}

#[test]
fn a_missing_file_and_a_missing_variable_are_named() {
    let machine = Machine::new();
    assert!(machine.tool(&["-cc", "N"]).err.contains("euca_conf --setup"));
    let machine = Machine::set_up();
    let said = machine.tool(&["-name", "NOPE"]);
    assert!(!said.ok && said.err.contains("NOPE is not set in"), "{said:?}");
}

#[test]
fn users_are_managed_through_the_cloud_controller() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let said = machine.tool(&["--list-users"]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], "NAME   ACCOUNT       ROLE   STATE", "{said:?}");
    assert_eq!(lines[2], "bob    000911869582  user   disabled");

    let said = machine.tool(&["--add-user", "alice", "--admin"]);
    assert!(said.out.starts_with("administrator alice is made, account 000911869582"), "{said:?}");
    assert_eq!(machine.tool(&["--disable-user", "bob"]).out, "user bob is disabled\n");
    let keys = "export EC2_ACCESS_KEY='access'\nexport EC2_SECRET_KEY='secret'\n";
    assert_eq!(machine.tool(&["--new-keys", "bob"]).out, keys);
    let said = machine.tool(&["--delete-user", "bob"]);
    assert_eq!(
        (said.ok, said.err.as_str()),
        (false, "euca_conf: user bob still owns 2 instances\n")
    );
}

#[test]
fn what_ec2_ignored_is_listed() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let lines =
        "REQUESTS  ACTION AND PARAMETER\n      12  RunInstances EbsOptimized\n       3  others\n";
    assert_eq!(machine.tool(&["--ignored-parameters"]).out, lines);
}

#[test]
fn the_default_kernel_is_set_and_shown() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let shown = "kernel   eki-00000001\nramdisk  none\n";
    assert_eq!(machine.tool(&["--get-default-images"]).out, shown);
    assert_eq!(machine.tool(&["--set-default-kernel", "eki-00000001"]).out, shown);
    assert!(machine.tool(&["--set-default-kernel", "none"]).ok);
    let said = machine.tool(&["--set-default-kernel", "eki-00000002"]);
    assert!(!said.ok && said.err.contains("\"eki-00000002\" does not exist"), "{said:?}");
}

#[test]
fn the_number_of_addresses_is_set_and_shown() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    assert_eq!(machine.tool(&["--set-addresses-per-user", "7"]).out, "7\n");
    assert_eq!(machine.tool(&["--get-addresses-per-user"]).out, "7\n");
}

#[test]
fn credentials_are_private_and_never_overwrite_by_accident() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let zip = machine.path("admin.zip");
    let name = zip.to_str().unwrap();
    assert!(machine.tool(&["--get-credentials", name]).ok);
    assert_eq!(std::fs::read(&zip).unwrap(), b"PK zip");
    assert_eq!(mode(&zip), 0o600);

    std::fs::write(&zip, "mine").unwrap();
    assert!(machine.tool(&["--get-credentials", name]).err.contains("is there already"));
    assert_eq!(std::fs::read(&zip).unwrap(), b"mine");
    assert!(machine.tool(&["--get-credentials", name, "--force"]).ok);
    assert_eq!(std::fs::read(&zip).unwrap(), b"PK zip");
    assert_eq!(mode(&zip), 0o600);
}

#[test]
fn a_cloud_that_is_away_is_named_with_the_remedy() {
    let machine = Machine::set_up();
    assert!(machine.tool(&["--list-users"]).err.contains("eucalyptus start"));
    drop(machine.cloud()); // its socket stays behind, as after kill -9
    assert!(machine.tool(&["--list-users"]).err.contains("eucalyptus start"));
}

#[test]
fn nodes_are_registered_drained_and_deregistered_in_their_order() {
    let machine = Machine::set_up();
    let _cluster = machine.cluster();
    // What is called, and what NODES and DRAINED_NODES are then.
    for (flag, names, nodes, drained) in [
        ("--register-nodes", "node2 node1 node2", "localhost node2 node1", ""),
        ("--register-nodes", "node3 node1", "localhost node2 node1 node3", ""),
        ("--drain-nodes", "node2 node3", "localhost node2 node1 node3", "node2 node3"),
        ("--drain-nodes", "node2", "localhost node2 node1 node3", "node2 node3"),
        ("--undrain-nodes", "node3 node1", "localhost node2 node1 node3", "node2"),
        ("--deregister-nodes", "node2 node3", "localhost node1", ""),
        ("-nodes", "n4 n5", "n4 n5", ""),
    ] {
        let said = machine.tool(&[flag, names]);
        assert!(said.ok, "{flag} {names}: {said:?}");
        assert_eq!(machine.nodes(), (nodes.to_owned(), drained.to_owned()), "{flag} {names}");
    }
    assert!(machine.tool(&["--check"]).ok);
}

#[test]
fn a_node_that_has_instances_is_not_deregistered_unless_forced() {
    let machine = Machine::set_up();
    let remove =
        |name, force: &[&str]| machine.tool(&[&["--deregister-nodes", name], force].concat());
    assert!(machine.tool(&["--register-nodes", "node1 node2"]).ok);
    let before = machine.conf();

    let cluster = machine.cluster();
    let said = remove("node2 node1", &[]);
    assert!(!said.ok && said.err.contains("node node1 has instances: i-00000001;"), "{said:?}");
    assert!(said.err.contains("--drain-nodes node1) and terminate these"), "{said:?}");
    assert_eq!(machine.conf(), before);
    assert!(remove("node1", &["--force"]).ok);
    assert_eq!(machine.nodes().0, "localhost node2");

    drop(cluster);
    let said = remove("node2", &[]);
    assert!(!said.ok && said.err.contains("eucalyptus start"), "{said:?}");
    assert!(said.err.contains("nothing was changed"), "{said:?}");
    assert_eq!(machine.nodes().0, "localhost node2");
    assert!(remove("node2", &["--force"]).ok);
    let said = remove("localhost", &["--force"]);
    assert!(!said.ok && said.err.contains("at least one node"), "{said:?}");
}

#[test]
fn what_is_not_in_nodes_cannot_be_drained_or_deregistered() {
    let machine = Machine::set_up();
    let before = machine.conf();
    for flag in ["--drain-nodes", "--undrain-nodes", "--deregister-nodes"] {
        let said = machine.tool(&[flag, "localhost elsewhere"]);
        assert!(!said.ok && said.err.contains("elsewhere is not in NODES"), "{flag}: {said:?}");
    }
    let many: Vec<String> = (0..1024).map(|at| format!("n{at}")).collect();
    let said = machine.tool(&["--register-nodes", &many.join(" ")]);
    assert!(!said.ok && said.err.contains("up to 1024"), "{said:?}");
    assert_eq!(machine.conf(), before);

    assert!(machine.tool(&["--drain-nodes", "localhost"]).ok);
    let said = machine.tool(&["-nodes", "n1"]);
    assert!(!said.ok && said.err.contains("DRAINED_NODES names localhost"), "{said:?}");
}

#[test]
fn the_nodes_are_shown_as_the_cluster_controller_knows_them_else_by_name() {
    let machine = Machine::set_up();
    assert!(machine.tool(&["-nodes", "node1 node2"]).ok);
    let said = machine.tool(&["--list-nodes"]);
    assert_eq!((said.ok, said.out.as_str()), (true, "node1\nnode2\n"));
    assert!(
        said.err.contains("only the names: the cluster controller cannot be asked"),
        "{said:?}"
    );

    let _cluster = machine.cluster();
    let said = machine.tool(&["--list-nodes"]);
    let expected = "\
NAME   STATE                          CORES  MEMORY MB  DISK GB  INSTANCES  LAST SEEN
node1  certificate refused, draining  1/8    128/4096   10/100   1          1970-01-01T00:00:00.000Z
node2  draining                       0/8    0/4096     0/100    0          1970-01-01T00:00:00.000Z
node1: libvirt is not reachable
";
    assert_eq!((said.out.as_str(), said.err.as_str()), (expected, ""));
}
