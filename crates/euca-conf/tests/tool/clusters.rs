//! What is asked of the cloud controller about clusters, VM types and keys.

use super::*;

/// A cluster as the cloud shows it, and what is asked of it.
pub(super) fn clusters() -> Router {
    let listed = || async {
        axum::response::Html(
            r#"[{"name":"one","endpoint":"127.0.0.1:8774","reachable":true,"problems":[],
                 "nodes":[],"since":1800000000000,"instances":3,"lag":0,
                 "settings":{"subnet":"10.1.0.0/16","addrs_per_net":64,"policy":"GREEDY",
                 "public_addresses":"192.0.2.9 192.0.2.16-192.0.2.31"}},
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
        10.1.0.0/16, 64 addresses a group, GREEDY\n    \
        public addresses: 192.0.2.9 192.0.2.16-192.0.2.31\n\
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
