//! Who signed: STS and IAM.

use super::world::{Answer, HOST, World, get_at, post};
use http::HeaderMap;

const STS: &str = "/services/Tokens";
const IAM: &str = "/services/Euare";

/// Calls with the version of the service, at a path of it or of EC2.
async fn ask(world: &World, user: &state::User, path: &str, pairs: &[(&str, &str)]) -> Answer {
    world.send(get_at(path, &world.sign_v2_at(user, "GET", path, pairs))).await
}

#[tokio::test]
async fn sts_tells_the_caller_who_they_are_at_its_own_address_and_at_that_of_ec2() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let pairs = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    for path in [STS, super::world::PATH] {
        let answer = ask(&world, &user, path, &pairs).await.good();
        let account = user.account;
        let result = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/alice</Arn>\
             <UserId>{account}</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>"
        );
        assert!(answer.body.contains(&result), "{}", answer.body);
    }
    // an action's name is enough, with EC2's version and signature version 4
    let form = "Action=GetCallerIdentity&Version=2016-11-15";
    let signed = post(form.to_owned(), world.sign_v4(&user, form));
    let answer = world.send(signed).await.good();
    assert_eq!(answer.text("Account"), user.account.to_string());
}

#[tokio::test]
async fn iam_shows_users_to_themselves_and_to_administrators() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let action = [("Action", "GetUser"), ("Version", "2010-05-08")];
    let named = |name| [&action[..], &[("UserName", name)]].concat();
    for pairs in [action.to_vec(), named("alice")] {
        let answer = ask(&world, &user, IAM, &pairs).await.good();
        assert!(answer.body.contains("<GetUserResult><User><Path>/</Path>"), "{}", answer.body);
        assert_eq!(answer.text("UserName"), "alice");
        assert_eq!(answer.text("Arn"), format!("arn:aws:iam::{}:user/alice", user.account));
        assert_eq!(answer.text("CreateDate"), user.created.to_string());
    }
    let other = ask(&world, &world.admin, IAM, &named("alice")).await.good();
    assert_eq!(other.text("UserId"), user.account.to_string());
    for (who, name) in [(&user, "admin"), (&user, "nobody"), (&world.admin, "nobody")] {
        let answer = ask(&world, who, IAM, &named(name)).await;
        assert_eq!(answer.refusal(), (404, "NoSuchEntity"), "{name}");
    }
    let malformed = ask(&world, &user, IAM, &named("a/b")).await;
    assert_eq!(malformed.refusal(), (400, "ValidationError"));
}

#[tokio::test]
async fn refusals_have_the_words_and_the_shape_of_the_service() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let sts = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let anonymous = world.send(get_at(STS, "Action=GetCallerIdentity&Version=2011-06-15")).await;
    assert_eq!(anonymous.refusal(), (403, "MissingAuthenticationToken"));
    let start = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                 <Type>Sender</Type><Code>";
    assert!(anonymous.body.contains(start), "{}", anonymous.body);
    let (mut stranger, mut forger) = (user.clone(), user.clone());
    stranger.access_key = "nobody".to_owned();
    forger.secret_key = types::Secret::new("guess".to_owned());
    let unknown = ask(&world, &stranger, STS, &sts).await;
    assert_eq!(unknown.refusal(), (403, "InvalidClientTokenId"));
    let forged = ask(&world, &forger, STS, &sts).await;
    assert_eq!(forged.refusal(), (403, "SignatureDoesNotMatch"));
    let path = super::world::PATH;
    for (path, action, version) in [
        (STS, "AssumeRole", "2011-06-15"),
        (STS, "DescribeInstances", "2016-11-15"),
        (IAM, "GetCallerIdentity", "2010-05-08"),
        (path, "AssumeRole", "2011-06-15"),
        (path, "CreateUser", "2010-05-08"),
    ] {
        let answer = ask(&world, &user, path, &[("Action", action), ("Version", version)]).await;
        assert_eq!(answer.refusal(), (400, "InvalidAction"), "{path} {action}");
        assert!(answer.text("Message").contains(action), "{}", answer.body);
        assert!(answer.body.contains("<ErrorResponse "), "{}", answer.body);
    }
    world.cloud.state().set_user_enabled(user.name.clone(), false).await.unwrap();
    let disabled = ask(&world, &user, STS, &sts).await;
    assert_eq!(disabled.refusal(), (403, "AccessDenied"));
    let huge = format!("Action=GetCallerIdentity&X={}", "x".repeat(1 << 20));
    let mut request = post(huge, HeaderMap::new());
    *request.uri_mut() = format!("http://{HOST}{STS}").parse().unwrap();
    assert_eq!(world.send(request).await.refusal(), (413, "RequestEntityTooLarge"));
}
