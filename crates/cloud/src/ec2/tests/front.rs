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
    assert_eq!(unknown.refusal(), (400, "UnsupportedOperation"));
    assert!(unknown.text("Message").contains("FlyToTheMoon"));
    for garbled in ["Describe Instances", "Describe<b>", "\u{1}", &"x".repeat(1000)] {
        let answer = send(&[("Action", garbled)]).await;
        assert_eq!(answer.refusal(), (400, "InvalidAction"), "{garbled}");
        assert!(answer.text("Message").len() < 200, "{garbled}");
    }
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

#[tokio::test]
async fn what_an_action_does_not_know_is_counted_for_the_administrator() {
    let world = World::new().await;
    let user = world.user("alice").await;
    for _ in 0..2 {
        let pairs = [("Colour.1.Name", "red"), ("KeyName.1", "k"), ("DryRun", "true")];
        world.call(&user, "DescribeKeyPairs", &pairs).await;
    }
    world.send(get("Action=DescribeKeyPairs&Anonymous=1")).await;
    let shown = world.cloud.ignored.shown();
    let [one] = shown.parameters.as_slice() else { panic!("{shown:?}") };
    assert_eq!(
        (one.action.as_str(), one.parameter.as_str()),
        ("DescribeKeyPairs", "Colour.N.Name")
    );
    assert_eq!((one.times, shown.others), (2, 0));
}

/// What a client of 2008 sends to launch an instance: signature version 1, base64 with `=` not
/// encoded.
fn launch_of_2008(user: &state::User, now: types::Timestamp, image: &str) -> String {
    let now = now.to_string();
    let mut pairs = [
        ("AWSAccessKeyId", user.access_key.as_str()),
        ("Action", "RunInstances"),
        ("ImageId", image),
        ("MaxCount", "1"),
        ("MinCount", "1"),
        ("SignatureVersion", "1"),
        ("Timestamp", &now),
        ("UserData", "IyEvYmluL3NoCmVjaG8gPj4+P34="),
        ("Version", "2008-12-01"),
    ];
    pairs.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let text: String = pairs.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let key = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        user.secret_key.expose().as_bytes(),
    );
    let code = aws_lc_rs::hmac::sign(&key, text.as_bytes());
    let signature = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, code.as_ref());
    let query: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&Signature={signature}", query.join("&"))
}

#[tokio::test]
async fn version_1_is_refused_with_the_remedy_until_the_administrator_lets_it_in() {
    let world = World::new().await;
    let query = launch_of_2008(&world.admin, world.cloud.now(), "emi-00000001");
    let refused = world.send(get(&query)).await;
    assert_eq!(refused.refusal(), (400, "InvalidParameterValue"));
    for word in ["version 2", "EC2_SIGNATURE_V1=&quot;Y&quot;", "eucalyptus.conf"] {
        assert!(refused.text("Message").contains(word), "{}", refused.body);
    }

    let world = World::with_signature_v1(true).await;
    let user = world.user("alice").await;
    let image = world.image().await.to_string();
    let query = launch_of_2008(&user, world.cloud.now(), &image);
    let launched = world.send(get(&query)).await.good();
    assert!(
        launched
            .body
            .contains("<RunInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2008-12-01/\">")
    );
    assert_eq!(launched.all("instanceId").len(), 1);
    let forged = query.replace("MaxCount=1", "MaxCount=5");
    assert_eq!(world.send(get(&forged)).await.refusal(), (401, "AuthFailure"));
}
