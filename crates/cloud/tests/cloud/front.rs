use crate::world::World;
use axum::body::{Body, to_bytes};
use http::Request;
use tower::ServiceExt;

#[tokio::test]
async fn other_paths_say_where_the_services_are() {
    let world = World::new().await;
    for path in ["/", "/services", "/services/Walrusx", "/latest/meta-data/"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = world.cloud.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        let text = to_bytes(response.into_body(), 4096).await.unwrap();
        assert!(String::from_utf8_lossy(&text).contains("EC2 is at /services/Eucalyptus"));
    }
}

#[tokio::test]
async fn both_services_answer_the_anonymous_with_their_own_errors() {
    let world = World::new().await;
    for (path, word) in [
        ("/services/Eucalyptus?Action=DescribeInstances", "<Errors>"),
        ("/services/Eucalyptus/?Action=DescribeInstances", "<Errors>"),
        ("/services/Tokens?Action=GetCallerIdentity", "<ErrorResponse xmlns=\"https://sts"),
        ("/services/Euare/?Action=GetUser", "<ErrorResponse xmlns=\"https://iam"),
        ("/services/Walrus/", "AccessDenied"),
        ("/services/Walrus/bucket", "NoSuchBucket"),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = world.cloud.router().oneshot(request).await.unwrap();
        assert!(response.status().is_client_error(), "{path}");
        let text = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(word), "{path}: {text}");
    }
}

#[tokio::test]
async fn on_its_own_port_walrus_has_the_root_and_the_hosts_below_its_domains() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (status, _) = world.s3(&admin, "PUT", "bucket", "".into()).await;
    assert!(status.is_success());
    for (host, path, code) in [
        ("cloud.example", "/", "AccessDenied"),
        ("cloud.example", "/bucket", "AccessDenied"),
        ("bucket.s3.example", "/", "AccessDenied"),
        ("bucket.elsewhere.example", "/missing", "NoSuchBucket"),
        ("missing.s3.example", "/", "NoSuchBucket"),
        ("cloud.example", "/services/Eucalyptus?Action=DescribeInstances", "InvalidBucketName"),
    ] {
        let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
        let response = world.cloud.walrus_router().oneshot(request).await.unwrap();
        let text = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(&format!("<Code>{code}<")), "{host}{path}: {text}");
    }
}

#[tokio::test]
async fn policies_of_walrus_see_where_a_request_comes_from() {
    let world = World::new().await;
    let admin = world.admin().await;
    let policy = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*", "Condition": {"Bool": {"aws:SecureTransport": true},
        "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}}"#;
    for (path, body) in [("bucket", ""), ("bucket/key", "hello"), ("bucket?policy", policy)] {
        let (status, answer) = world.s3(&admin, "PUT", path, body.into()).await;
        assert!(status.is_success(), "{path}: {}", String::from_utf8_lossy(&answer));
    }
    for (address, tls, expected) in [
        ("192.0.2.7:5000", true, 200),
        ("192.0.2.7:5000", false, 403),
        ("198.51.100.7:5000", true, 403),
    ] {
        let mut request = Request::get("/services/Walrus/bucket/key").body(Body::empty()).unwrap();
        let address = address.parse().unwrap();
        request.extensions_mut().insert(transport::Peer { address, tls });
        let response = world.cloud.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{address} {tls}");
    }
}
