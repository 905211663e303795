use super::world::{HOST, PATH, World, get, post};
use axum::body::Body;
use http::{HeaderMap, Request};

const ZONES: &[(&str, &str)] =
    &[("Action", "DescribeAvailabilityZones"), ("Version", "2016-11-15")];

#[tokio::test]
async fn get_and_post_and_both_signature_versions_are_equal() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let in_query = world.send(get(&world.sign_v2(&user, "GET", ZONES))).await.good();
    let in_form = world.send(post(world.sign_v2(&user, "POST", ZONES), HeaderMap::new())).await;
    let form = "Action=DescribeAvailabilityZones&Version=2016-11-15";
    let version_4 = world.send(post(form.to_owned(), world.sign_v4(&user, form))).await;
    let without_id = |body: &str| {
        let (before, rest) = body.split_once("<requestId>").unwrap();
        format!("{before}{}", rest.split_once("</requestId>").unwrap().1)
    };
    for other in [in_form.good(), version_4.good()] {
        assert_eq!(without_id(&in_query.body), without_id(&other.body));
    }
    assert!(in_query.body.contains(
        "<DescribeAvailabilityZonesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
    ));
}

#[tokio::test]
async fn what_is_not_signed_right_is_refused_with_ec2_codes() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let mut stranger = user.clone();
    stranger.access_key = "nobody".to_owned();
    let mut forger = user.clone();
    forger.secret_key = types::Secret::new("guess".to_owned());
    let send = async |query: String| world.send(get(&query)).await;

    let anonymous = send("Action=DescribeInstances".to_owned()).await;
    assert_eq!(anonymous.refusal(), (403, "MissingAuthenticationToken"));
    let unknown = send(world.sign_v2(&stranger, "GET", ZONES)).await;
    assert_eq!(unknown.refusal(), (401, "AuthFailure"));
    let forged = send(world.sign_v2(&forger, "GET", ZONES)).await;
    assert_eq!(forged.refusal(), (401, "AuthFailure"));
    assert_eq!(forged.text("Message"), unknown.text("Message"), "which keys exist is not told");
    let changed = send(format!("{}&MaxResults=5", world.sign_v2(&user, "GET", ZONES))).await;
    assert_eq!(changed.refusal(), (401, "AuthFailure"));
    let old = world.sign_v2(&user, "GET", ZONES);
    world.pass_time(16 * 60 * 1000);
    assert_eq!(send(old).await.refusal(), (400, "RequestExpired"));

    world.cloud.state().set_user_enabled(user.name.clone(), false).await.unwrap();
    let disabled = send(world.sign_v2(&user, "GET", ZONES)).await;
    assert_eq!(disabled.refusal(), (401, "AuthFailure"));
    assert!(disabled.text("Message").contains("disabled"));
}

#[tokio::test]
async fn a_stray_authorization_header_of_old_boto_is_ignored() {
    let world = World::new().await;
    let mut request = get(&world.sign_v2(&world.admin, "GET", ZONES));
    request.headers_mut().insert("authorization", "AWS key:signature".parse().unwrap());
    world.send(request).await.good();
}

#[tokio::test]
async fn action_and_version_are_checked() {
    let world = World::new().await;
    let send = async |pairs: &[(&str, &str)]| {
        world.send(get(&world.sign_v2(&world.admin, "GET", pairs))).await
    };
    assert_eq!(send(&[("Version", "2016-11-15")]).await.refusal(), (400, "MissingAction"));
    let unknown = send(&[("Action", "FlyToTheMoon")]).await;
    assert_eq!(unknown.refusal(), (400, "InvalidAction"));
    assert!(unknown.text("Message").contains("FlyToTheMoon"));
    let zones = "DescribeAvailabilityZones";
    let version = send(&[("Action", zones), ("Version", "yesterday")]).await;
    assert_eq!(version.refusal(), (400, "NoSuchVersion"));
    let default = send(&[("Operation", zones)]).await.good();
    assert!(default.body.contains("http://ec2.amazonaws.com/doc/2008-12-01/"), "{}", default.body);
    let first = send(&[("Action", zones), ("Version", "2008-05-05")]).await.good();
    assert!(!first.body.contains("requestId") && !first.body.contains("regionName"));
}

#[tokio::test]
async fn hostile_requests_get_an_error() {
    let world = World::new().await;
    let huge = format!("Action=DescribeInstances&X={}", "x".repeat(1 << 20));
    let answer = world.send(post(huge, HeaderMap::new())).await;
    assert_eq!(answer.refusal(), (413, "RequestEntityTooLarge"));
    let bytes = Request::post(PATH).header("host", HOST).body(Body::from(vec![0xff; 10])).unwrap();
    assert_eq!(world.send(bytes).await.refusal(), (400, "MalformedQueryString"));
    assert_eq!(world.send(get("a=%ff")).await.refusal(), (400, "MalformedQueryString"));
    let put = Request::put(PATH).header("host", HOST).body(Body::empty()).unwrap();
    assert_eq!(world.send(put).await.refusal(), (400, "InvalidAction"));
    let twice = [ZONES, &[("ZoneName.1", "one"), ("ZoneName.1", "one")]].concat();
    let answer = world.send(get(&world.sign_v2(&world.admin, "GET", &twice))).await;
    assert_eq!(answer.refusal(), (400, "MalformedQueryString"));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let world = World::new().await;
    let named = [("KeyName", "k"), ("DryRun", "true")];
    let answer = world.call(&world.admin, "CreateKeyPair", &named).await;
    assert_eq!(answer.refusal(), (412, "DryRunOperation"));
    let pairs = world.call(&world.admin, "DescribeKeyPairs", &[]).await.good();
    assert!(pairs.body.contains("<keySet/>"));
}
