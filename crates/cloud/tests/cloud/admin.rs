use crate::world::{World, unpacked};
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

impl World {
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).unwrap();
        let response = self.cloud.admin_router().oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec())
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (status, bytes) = self.ask(method, path, body).await;
        (status.as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

/// The sentence of a refusal.
pub(crate) fn said(answer: &Value) -> &str {
    answer["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn users_are_made_listed_switched_and_deleted() {
    let world = World::new().await;
    let (status, made) = world.json("POST", "/v1/users", Some(json!({"name": "alice"}))).await;
    assert_eq!(status, 201);
    assert_eq!(made["name"], "alice");
    assert_eq!((&made["admin"], &made["enabled"]), (&json!(false), &json!(true)));
    assert_eq!(made["account"].as_str().unwrap().len(), 12);
    let (status, again) = world.json("POST", "/v1/users", Some(json!({"name": "alice"}))).await;
    assert_eq!((status, &again["message"]), (409, &json!("there is already a user \"alice\"")));
    let (_, list) = world.json("GET", "/v1/users", None).await;
    let names: Vec<_> = list.as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["admin", "alice"]);
    let (_, off) = world.json("POST", "/v1/users/alice/disable", None).await;
    assert_eq!(off["enabled"], false);
    assert!(!world.cloud.state().user_by_name("alice").await.unwrap().unwrap().enabled);
    let (_, on) = world.json("POST", "/v1/users/alice/enable", None).await;
    assert_eq!(on["enabled"], true);
    let (deleted, _) = world.json("DELETE", "/v1/users/alice", None).await;
    assert_eq!(deleted, 204);
    let (status, gone) = world.json("POST", "/v1/users/alice/keys", None).await;
    assert_eq!((status, &gone["message"]), (404, &json!("there is no user \"alice\"")));
    let (status, last) = world.json("POST", "/v1/users/admin/disable", None).await;
    assert_eq!(status, 409);
    assert!(last["message"].as_str().unwrap().contains("last enabled administrator"));
}

#[tokio::test]
async fn new_keys_are_told_once_and_replace_the_old() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let (status, keys) = world.json("POST", "/v1/users/alice/keys", None).await;
    assert_eq!(status, 200);
    let access_key = keys["access_key"].as_str().unwrap();
    let found = world.cloud.state().user_by_access_key(access_key).await.unwrap().unwrap();
    assert_eq!(keys["secret_key"], json!(found.secret_key.expose()));
    assert_eq!(world.cloud.state().user_by_access_key(&alice.access_key).await.unwrap(), None);
    let (refused, _) = world.s3(&alice, "GET", "", vec![]).await;
    assert_eq!(refused, StatusCode::FORBIDDEN, "the old key ends at once");
    let (answered, _) = world.s3(&found, "GET", "", vec![]).await;
    assert_eq!(answered, StatusCode::OK);
}

#[tokio::test]
async fn a_disabled_user_is_refused_at_once() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    assert_eq!(world.s3(&alice, "PUT", "bucket", vec![]).await.0, StatusCode::OK);
    world.ask("POST", "/v1/users/alice/disable", None).await;
    assert_eq!(world.s3(&alice, "GET", "", vec![]).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_user_with_a_bucket_is_not_deleted_and_is_told_its_name() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    world.s3(&alice, "PUT", "holiday", vec![]).await;
    let (status, refused) = world.json("DELETE", "/v1/users/alice", None).await;
    assert_eq!(status, 409);
    assert!(refused["message"].as_str().unwrap().contains("buckets in Walrus: holiday"));
}

#[tokio::test]
async fn credentials_come_as_a_zip() {
    let world = World::new().await;
    let (status, zip) = world.ask("POST", "/v1/users/admin/credentials", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(unpacked(&zip).contains_key("eucarc"));
}

#[tokio::test]
async fn the_status_shows_clusters_nodes_and_instances() {
    let world = World::new().await;
    world.cloud.pass().await.unwrap();
    let (status, shown) = world.json("GET", "/v1/status", None).await;
    assert_eq!(status, 200);
    let cluster = &shown["clusters"][0];
    assert_eq!((&cluster["name"], &cluster["reachable"]), (&json!("zone1"), &json!(true)));
    assert_eq!(cluster["nodes"][0]["name"], "node1");
    assert_eq!(shown["instances"], json!({}));
}

#[tokio::test]
async fn what_ec2_ignored_is_shown() {
    let world = World::new().await;
    let (status, shown) = world.json("GET", "/v1/ignored-parameters", None).await;
    assert_eq!((status, shown), (200, json!({"parameters": [], "others": 0})));
}

#[tokio::test]
async fn a_bad_request_says_what_is_wrong() {
    let world = World::new().await;
    let (status, answer) = world.json("POST", "/v1/users", Some(json!({"name": "a/b"}))).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("is not valid: 1 to 64 letters"));
    let (status, answer) = world.json("POST", "/v1/users/a%2Fb/enable", None).await;
    assert_eq!((status, &answer["message"]), (404, &json!("there is no user \"a/b\"")));
}

#[tokio::test]
async fn the_number_of_addresses_of_a_user_is_set() {
    let world = World::new().await;
    let path = "/v1/addresses-per-user";
    assert_eq!(world.json("GET", path, None).await.1, json!(5));
    assert_eq!(world.json("PUT", path, Some(json!(9))).await.0, 204);
    assert_eq!(world.json("PUT", path, Some(json!(-1))).await.0, 400);
    assert_eq!(world.json("GET", path, None).await.1, json!(9));
}

#[tokio::test]
async fn the_limits_of_walrus_are_set_and_its_usage_is_shown() {
    let world = World::new().await;
    let path = "/v1/walrus-limits";
    let first = json!({"buckets": 100, "bucket_mb": null, "user_mb": null});
    assert_eq!(world.json("GET", path, None).await.1, first);
    let limits = json!({"buckets": 5, "bucket_mb": 5120, "user_mb": null});
    assert_eq!(world.json("PUT", path, Some(limits.clone())).await.0, 204);
    assert_eq!(world.json("GET", path, None).await.1, limits);
    for bad in [json!({"buckets": 5}), json!({"buckets": -1, "bucket_mb": 1, "user_mb": 1})] {
        assert_eq!(world.json("PUT", path, Some(bad)).await.0, 400);
    }
    let usage = world.json("GET", "/v1/walrus-usage", None).await;
    assert_eq!(usage, (200, json!({"buckets": [], "users": []})));
}

#[tokio::test]
async fn default_images_are_set_one_by_one() {
    let world = World::new().await;
    let path = "/v1/default-images";
    assert_eq!(world.json("GET", path, None).await.1, json!({"kernel": null, "ramdisk": null}));
    for (kind, id, status) in [
        ("kernel", json!("eki-00000001"), 409),
        ("kernel", json!("eri-00000001"), 409),
        ("kernel", json!("nonsense"), 400),
        ("machine", json!("emi-00000001"), 404),
        ("ramdisk", Value::Null, 204),
    ] {
        let asked = world.json("PUT", &format!("{path}/{kind}"), Some(id.clone())).await;
        assert_eq!(asked.0, status, "{kind} {id}");
    }
}

#[tokio::test]
async fn certificates_are_added_listed_and_removed() {
    let world = World::new().await;
    world.user("alice").await;
    let admin = world.user("bob").await;
    let files = world.credentials(&admin).await;
    let found =
        files.iter().find(|(name, _)| name.starts_with("euca2-") && name.ends_with("-cert.pem"));
    let pem = String::from_utf8(found.unwrap().1.clone()).unwrap();
    let add = |pem: &str| Some(json!({"pem": pem}));
    // it is bob's, and one certificate has one owner
    let (status, _) = world.json("POST", "/v1/users/alice/certificates", add(&pem)).await;
    assert_eq!(status, 409);
    let (_, list) = world.json("GET", "/v1/certificates", None).await;
    assert_eq!(list[0]["user"], "bob");
    let path = format!("/v1/certificates/{}", list[0]["fingerprint"].as_str().unwrap());
    assert_eq!(world.json("DELETE", &path, None).await.0, 204);
    assert_eq!(world.json("DELETE", &path, None).await.0, 404);
    let (status, added) = world.json("POST", "/v1/users/alice/certificates", add(&pem)).await;
    assert_eq!((status, &added["user"]), (201, &json!("alice")));
    assert_eq!(added["fingerprint"], list[0]["fingerprint"]);
    for bad in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        &format!("{pem}{pem}"),
    ] {
        let (status, answer) = world.json("POST", "/v1/users/alice/certificates", add(bad)).await;
        assert_eq!(status, 400, "{bad}");
        assert!(said(&answer).contains("RSA key of 2048"), "{answer}");
    }
    let (status, _) = world.json("POST", "/v1/users/nobody/certificates", add(&pem)).await;
    assert_eq!(status, 404);
}
