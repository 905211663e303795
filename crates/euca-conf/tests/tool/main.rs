//! The tool as an administrator uses it, with a cloud controller that only knows users.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod clusters;
mod nodes;

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
    clusters::clusters()
        .route("/v1/ignored-parameters", get(ignored))
        .route("/v1/users", get(listed).post(made))
        .route("/v1/users/{name}/disable", post(disabled))
        .route("/v1/users/{name}/keys", post(keys))
        .route("/v1/users/{name}/credentials", post(|| async { b"PK zip".to_vec() }))
        .route("/v1/users/{name}", delete(owned))
        .route(
            "/v1/users/{name}/certificates",
            post(|UrlPath(user): UrlPath<String>, body: String| async move {
                assert_eq!(body, r#"{"pem":"a certificate"}"#);
                format!(r#"{{"fingerprint":"{PRINT}","user":"{user}","created":0}}"#)
            }),
        )
        .route(
            "/v1/certificates",
            get(|| async {
                format!(r#"[{{"fingerprint":"{PRINT}","user":"bob","created":1231243200000}}]"#)
            }),
        )
        .route(
            "/v1/certificates/{print}",
            delete(|UrlPath(print): UrlPath<String>| async move {
                assert_eq!(print, PRINT);
                StatusCode::NO_CONTENT
            }),
        )
        .route(
            "/v1/addresses-per-user",
            get(|| async { "7" }).put(|body: String| async move {
                assert_eq!(body, "7");
                StatusCode::NO_CONTENT
            }),
        )
        .route(
            "/v1/walrus-limits",
            get(|| async { r#"{"buckets":5,"bucket_mb":null,"user_mb":9}"# }).put(
                |body: String| async move {
                    assert_eq!(body, r#"{"buckets":5,"bucket_mb":5120,"user_mb":null}"#);
                    StatusCode::NO_CONTENT
                },
            ),
        )
        .route(
            "/v1/walrus-usage",
            get(|| async {
                r#"{"buckets":[{"name":"images","owner":"000000000007","objects":3,"bytes":70000}],
                    "users":[{"account":"000000000007","name":"alice","buckets":1,"objects":3,
                    "bytes":70000}]}"#
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
    let said =
        machine.tool(&["-cc", "N", "-cloudp", "9773", "9443", "-walrusp", "0", "-nodes", "n1 n2"]);
    assert!(said.ok, "{said:?}");
    let expected = before
        .replace("START_CC=\"Y\"", "START_CC=\"N\"")
        .replace("CLOUD_PORT=\"8773\"", "CLOUD_PORT=\"9773\"")
        .replace("CLOUD_SSL_PORT=\"8443\"", "CLOUD_SSL_PORT=\"9443\"")
        .replace("WALRUS_PORT=\"9000\"", "WALRUS_PORT=\"0\"")
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

/// The fingerprint of a certificate.
const PRINT: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn certificates_are_added_listed_and_deleted() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let file = machine.path("bob.pem");
    let name = file.to_str().unwrap();
    let missing = machine.tool(&["--add-certificate", name, "--user", "bob"]);
    assert!(missing.err.contains("cannot read"), "{}", missing.err);
    std::fs::write(&file, "a certificate").unwrap();
    let added = machine.tool(&["--add-certificate", name, "--user", "bob"]);
    assert_eq!(added.out, format!("{PRINT} is a certificate of bob\n"), "{}", added.err);
    let list = machine.tool(&["--list-certificates"]).out;
    assert!(list.contains(&format!("{PRINT}  2009-01-06T12:00:00.000Z  bob")), "{list}");
    let colons = "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67";
    assert!(machine.tool(&["--delete-certificate", colons]).ok);
}

#[test]
fn the_limits_of_walrus_are_set_and_its_usage_is_shown() {
    let machine = Machine::set_up();
    let _cloud = machine.cloud();
    let limits = "buckets=5,bucket-mb=none,user-mb=9\n";
    assert_eq!(machine.tool(&["--get-walrus-limits"]).out, limits);
    let set = machine.tool(&["--set-walrus-limits", "bucket-mb=5120,user-mb=none"]);
    assert!(set.ok, "{set:?}");
    let shown = machine.tool(&["--walrus-usage"]).out;
    let words: Vec<&str> = shown.split_whitespace().collect();
    let user = ["USER", "BUCKETS", "OBJECTS", "BYTES", "alice", "1", "3", "70000"];
    let bucket = ["BUCKET", "OWNER", "OBJECTS", "BYTES", "images", "alice", "3", "70000"];
    assert_eq!(words, [user, bucket].concat());
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
