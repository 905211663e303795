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
        ("/services/Walrus/bucket", "AccessDenied"),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = world.cloud.router().oneshot(request).await.unwrap();
        assert!(response.status().is_client_error(), "{path}");
        let text = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(word), "{path}: {text}");
    }
}
