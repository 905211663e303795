//! Clusters that come and go while the cloud runs, their keys, and the VM types.

use crate::admin::said;
use crate::cluster::FakeCluster;
use crate::world::World;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use transport::{Role, pki};

impl World {
    fn other(&self, endpoint: &str) -> Arc<FakeCluster> {
        self.others.lock().unwrap().get(endpoint).expect("it was called").clone()
    }

    async fn register(&self, name: &str, endpoint: &str) -> (u16, Value) {
        let body = json!({ "endpoint": endpoint });
        self.json("PUT", &format!("/v1/clusters/{name}"), Some(body)).await
    }

    async fn listed(&self, name: &str) -> Option<Value> {
        let (_, list) = self.json("GET", "/v1/clusters", None).await;
        list.as_array().unwrap().iter().find(|cluster| cluster["name"] == name).cloned()
    }

    fn prepare_keys(&self) {
        pki::prepare(&self.layout.keys(), &[], &[Role::Cloud]).unwrap();
    }
}

#[tokio::test]
async fn a_cluster_is_followed_from_its_registration_to_its_end() {
    let world = World::new().await;
    world.prepare_keys();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&world.cloud).run(stopped));
    let (status, made) = world.register("far", "cc2").await;
    assert_eq!((status, &made["endpoint"]), (200, &json!("cc2:8774")), "{made}");
    let first = world.other("cc2:8774");
    first.told(|desired| desired.cluster.as_str() == "far").await;
    let shown = world.listed("far").await.unwrap();
    assert_eq!(shown["standing"], "registered", "{shown}");

    // its controller moves: the new one is told, the old one no longer
    assert_eq!(world.register("far", "cc3:9774").await.0, 200);
    let second = world.other("cc3:9774");
    second.told(|desired| desired.cluster.as_str() == "far").await;
    let admin = world.admin().await;
    let before = *first.syncs.lock().unwrap();
    let instance = world.launch_in(&admin, "far").await;
    second.told(|desired| desired.instances.iter().any(|it| it.id == instance.id)).await;
    assert_eq!(*first.syncs.lock().unwrap(), before);

    let (status, refused) = world.json("DELETE", "/v1/clusters/far", None).await;
    assert_eq!(status, 409);
    assert!(said(&refused).contains(&instance.id.to_string()), "{refused}");
    world.terminate(&instance).await;
    second.told(|desired| desired.instances.is_empty()).await;
    let (status, _) = world.json("DELETE", "/v1/clusters/far", None).await;
    assert_eq!(status, 204);
    assert_eq!(world.listed("far").await, None);
    let (status, _) = world.json("DELETE", "/v1/clusters/far", None).await;
    assert_eq!(status, 404);
    stop.send(true).unwrap();
    running.await.unwrap();
    // nobody calls it any more
    assert_eq!(Arc::strong_count(&second), 2, "the registry's and this test's");
}

/// Polls a request so many times and drops it.
async fn hung_up_after(polls: usize, request: impl Future) {
    let mut request = pin!(request);
    for _ in 0..polls {
        let answered =
            poll_fn(|context| Poll::Ready(request.as_mut().poll(context).is_ready())).await;
        if answered {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_administrator_who_hangs_up_leaves_nothing_half_done() {
    const MOST_POLLS: usize = 30;
    let world = World::new().await;
    for polls in 1..MOST_POLLS {
        let (name, endpoint) = (format!("far{polls}"), format!("cc{polls}:8774"));
        let followed = || world.others.lock().unwrap().contains_key(&endpoint);
        hung_up_after(polls, world.register(&name, &endpoint)).await;
        let asked = async {
            while !followed() {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), asked).await;
        assert!(in_time.is_ok(), "hung up after {polls} polls: {:?}", world.listed(&name).await);
    }
}

#[tokio::test]
async fn a_registered_cluster_survives_a_restart_of_the_cloud() {
    let world = World::new().await;
    assert_eq!(world.register("far", "cc2").await.0, 200);
    world.cloud.pass().await.unwrap();
    let world = world.restarted().await;
    let shown = world.listed("far").await.unwrap();
    assert_eq!(shown["settings"]["subnet"], "172.19.0.0/16", "{shown}");
    assert_eq!(shown["lag"], Value::Null, "it was not asked yet");
    world.other("cc2:8774").forget();
    world.cloud.pass().await.unwrap();
    assert_eq!(world.listed("far").await.unwrap()["lag"], 0);
    assert!(world.other("cc2:8774").kept().is_some());
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_with_the_remedy() {
    let world = World::new().await;
    assert_eq!(world.register("far", "cc2").await.0, 200);
    for (name, endpoint, status, text) in [
        ("zone1", "cc2", 409, "eucalyptus.conf"),
        ("third", "cc2:8774", 409, "is the controller of cluster \"far\""),
        ("third", "-oProxyCommand=x", 400, "HOST:PORT"),
        ("third", "cc2:99999", 400, "HOST:PORT"),
    ] {
        let (answered, body) = world.register(name, endpoint).await;
        assert_eq!(answered, status, "{name} {endpoint}: {body}");
        assert!(said(&body).contains(text), "{body}");
    }
    let (status, body) = world.json("DELETE", "/v1/clusters/zone1", None).await;
    assert_eq!(status, 409, "{body}");
}

#[tokio::test]
async fn keys_are_issued_once_rotated_on_demand_and_go_with_their_cluster() {
    let world = World::new().await;
    world.prepare_keys();
    let node = json!({ "node": "n7" });
    let (status, issued) = world.json("POST", "/v1/keys/issue", Some(node.clone())).await;
    assert_eq!((status, &issued["here"]), (200, &json!(false)), "{issued}");
    let directory = std::path::PathBuf::from(issued["directory"].as_str().unwrap());
    assert_eq!(directory, world.layout.keys().join("nodes/n7"));
    let read = |file: &str| std::fs::read_to_string(directory.join(file)).unwrap();
    let key = directory.join("node-pk.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let first = read("node-cert.pem");
    world.json("POST", "/v1/keys/issue", Some(node)).await;
    assert_eq!(read("node-cert.pem"), first);
    let (_, rotated) = world.json("POST", "/v1/keys/rotate", Some(json!(["n7"]))).await;
    assert_eq!(rotated.as_array().unwrap().len(), 1, "{rotated}");
    assert_ne!(read("node-cert.pem"), first);
    let second = read("node-cert.pem");
    let (status, none) = world.json("POST", "/v1/keys/rotate", Some(json!(["n7", "n8"]))).await;
    assert_eq!(status, 404, "{none}");
    assert_eq!(read("node-cert.pem"), second, "all or nothing");

    let far = json!({ "cluster": "far" });
    let (status, unknown) = world.json("POST", "/v1/keys/issue", Some(far.clone())).await;
    assert_eq!(status, 404, "{unknown}");
    world.register("far", "cc2").await;
    let (_, issued) = world.json("POST", "/v1/keys/issue", Some(far)).await;
    assert_eq!(issued["host"], "cc2", "{issued}");
    let (_, all) = world.json("POST", "/v1/keys/rotate", Some(json!(["all"]))).await;
    assert_eq!(all.as_array().unwrap().len(), 3, "the cloud's, the cluster's, the node's: {all}");
    world.json("DELETE", "/v1/clusters/far", None).await;
    assert!(!world.layout.keys().join("clusters/far").exists());
    for owner in [json!("cloud"), json!({ "node": "../../n7" }), json!({ "node": "-x" })] {
        let (status, refused) = world.json("POST", "/v1/keys/issue", Some(owner.clone())).await;
        assert_eq!(status, 400, "{owner}: {refused}");
    }
}

#[tokio::test]
async fn keys_that_a_broken_off_deregistration_left_go_with_the_next() {
    let world = World::new().await;
    world.prepare_keys();
    world.register("far", "cc2").await;
    world.json("POST", "/v1/keys/issue", Some(json!({ "cluster": "far" }))).await;
    let keys = world.layout.keys().join("clusters/far");
    assert!(keys.exists());
    // killed after this was committed
    let state = world.cloud.state();
    state.deregister_cluster("far".parse().unwrap(), false, world.cloud.now()).await.unwrap();
    let (status, body) = world.json("DELETE", "/v1/clusters/far", None).await;
    assert_eq!(status, 404, "{body}");
    assert!(!keys.exists());
}

#[tokio::test]
async fn vm_types_are_edited_together_one_by_one_and_removed() {
    let world = World::new().await;
    let figures = |cores: u32| json!({ "cores": cores, "memory_mb": 64, "disk_gb": 2 });
    let all: Vec<_> =
        (1..=7).map(|n| json!({ "name": format!("t{n}"), "figures": figures(8 - n) })).collect();
    assert_eq!(world.json("PUT", "/v1/vm-types", Some(json!(all))).await.0, 204);
    assert_eq!(world.json("GET", "/v1/vm-types", None).await.1, json!(all));
    assert_eq!(world.json("PUT", "/v1/vm-types/t2", Some(figures(3))).await.0, 204);
    assert_eq!(world.json("DELETE", "/v1/vm-types/t1", None).await.0, 204);
    let (_, now) = world.json("GET", "/v1/vm-types", None).await;
    assert_eq!((&now[0]["name"], &now[0]["figures"]), (&json!("t2"), &figures(3)));
    assert_eq!(now.as_array().unwrap().len(), 6);
    for (method, path, body, expected) in [
        ("PUT", "/v1/vm-types", Some(json!([])), 409),
        ("PUT", "/v1/vm-types", Some(json!([all[0], all[0]])), 400),
        ("PUT", "/v1/vm-types/t9", Some(figures(0)), 400),
        ("PUT", "/v1/vm-types/a%20b", Some(figures(1)), 400),
        ("PUT", "/v1/vm-types", Some(json!("m1.small=1,2,3")), 400),
        ("DELETE", "/v1/vm-types/t1", None, 404),
    ] {
        let (status, answer) = world.json(method, path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(!said(&answer).is_empty());
    }
    assert_eq!(world.json("GET", "/v1/vm-types", None).await.1, now, "refused changes are none");
}
