//! SOAP messages: who they are from, and what is answered to those that are refused.

use super::world::{Answer, HOST, PATH, World};
use crate::keys::new_pair;
use axum::body::Body;
use http::{Request, StatusCode};
use state::{Certificate, User};
use ws_security::signer::{Shape, Signer};

pub(super) const OLD: &str = "2008-05-05";
pub(super) const DOCUMENTED: &str = "2008-12-01";

/// A user with a certificate of the cloud's own.
pub(super) async fn signer(world: &World, user: &User) -> Signer {
    let pair = new_pair(user.name.to_string(), 5, world.cloud.now()).await.unwrap();
    let certificate = Certificate {
        fingerprint: pair.fingerprint,
        account: user.account,
        pem: pair.certificate_pem.clone(),
        created: world.cloud.now(),
    };
    world.cloud.state().add_certificate(certificate).await.unwrap();
    let der = ws_security::Certificate::from_pem(pair.certificate_pem.as_bytes()).unwrap();
    Signer::new(pair.key_pem.expose(), der.der()).unwrap()
}

/// A request's element with these elements in it, as the tools write it.
pub(super) fn request(version: &str, action: &str, inner: &str) -> String {
    let prefixed = inner.replace("</", "\u{1}").replace('<', "<ns1:").replace('\u{1}', "</ns1:");
    let namespace = format!("http://ec2.amazonaws.com/doc/{version}/");
    format!("<ns1:{action} xmlns:ns1=\"{namespace}\">{prefixed}</ns1:{action}>")
}

pub(super) fn post(message: impl Into<Body>) -> Request<Body> {
    Request::post(PATH)
        .header("host", HOST)
        .header("content-type", "text/xml; charset=UTF-8")
        .header("soapaction", "\"DescribeImages\"")
        .body(message.into())
        .unwrap()
}

/// Sends a request as both kinds of clients write it in turn; the time passes, so that no message
/// is another one's repetition.
pub(super) async fn call(world: &World, signer: &Signer, request: &str) -> Answer {
    world.pass_time(1);
    let now = world.cloud.now();
    let shape = if now.millis() % 2 == 0 { Shape::Java } else { Shape::Python };
    world.send(post(signer.message(shape, request, now).unwrap())).await
}

/// Code and text of a fault.
fn fault(answer: &Answer) -> (&str, &str) {
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", answer.body);
    assert!(answer.body.contains("<soapenv:Body><soapenv:Fault><faultcode>"), "{}", answer.body);
    (answer.text("faultcode"), answer.text("faultstring"))
}

#[tokio::test]
async fn a_message_acts_for_the_owner_of_its_certificate() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let (of_alice, of_bob) = (signer(&world, &alice).await, signer(&world, &bob).await);
    let second = signer(&world, &alice).await;
    let create = request(DOCUMENTED, "CreateKeyPair", "<keyName>mine</keyName>");
    call(&world, &of_alice, &create).await.good();
    let describe = request(DOCUMENTED, "DescribeKeyPairs", "<keySet/>");
    for (signer, keys) in [(&of_alice, vec!["mine"]), (&second, vec!["mine"]), (&of_bob, vec![])] {
        assert_eq!(call(&world, signer, &describe).await.good().all("keyName"), keys);
    }
}

#[tokio::test]
async fn a_message_is_taken_once() {
    let world = World::new().await;
    let alice = signer(&world, &world.user("alice").await).await;
    let describe = request(DOCUMENTED, "DescribeKeyPairs", "<keySet/>");
    let message = alice.message(Shape::Java, &describe, world.cloud.now()).unwrap();
    world.send(post(message.clone())).await.good();
    world.pass_time(299_999);
    let again = world.send(post(message.clone())).await;
    assert_eq!(fault(&again).0, "Client.AuthFailure");
    assert!(fault(&again).1.contains("was received before"), "{}", again.body);
    // then its age alone is enough, in the words that the guides have for it
    world.pass_time(1);
    let late = world.send(post(message)).await;
    let text = "An error was discovered processing the &lt;wsse:Security&gt; header. \
                (WSSecurityEngine: Invalid timestamp The security semantics of message have \
                expired)";
    assert_eq!(fault(&late), ("Server", text));
}

#[tokio::test]
async fn certificates_that_were_revoked_and_users_who_are_disabled_are_refused_at_once() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let (first, second) = (signer(&world, &alice).await, signer(&world, &alice).await);
    let describe = request(DOCUMENTED, "DescribeKeyPairs", "<keySet/>");
    let state = world.cloud.state();
    let newest = state.certificates(Some(alice.account)).await.unwrap();
    call(&world, &first, &describe).await.good();
    for certificate in newest {
        state.remove_certificate(certificate.fingerprint).await.unwrap();
    }
    for signer in [&first, &second] {
        assert_eq!(fault(&call(&world, signer, &describe).await).0, "Client.AuthFailure");
    }
    let third = signer(&world, &alice).await;
    call(&world, &third, &describe).await.good();
    state.set_user_enabled(alice.name.clone(), false).await.unwrap();
    let refused = call(&world, &third, &describe).await;
    assert_eq!(
        fault(&refused),
        ("Client.AuthFailure", "the user alice is disabled; ask the administrator")
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_by_a_fault() {
    let world = World::new().await;
    let alice = signer(&world, &world.user("alice").await).await;
    let other = signer(&world, &world.admin.clone()).await;
    let ask = async |request: String| call(&world, &alice, &request).await;
    let in_version = |version: &str| request(version, "DescribeKeyPairs", "");
    let foreign = request(DOCUMENTED, "DescribeKeyPairs", "<keySet/>")
        .replace("<ns1:keySet/>", "<keySet xmlns=\"urn:other\"/>");
    for (request, code, words) in [
        (
            in_version("2008-05-06"),
            "Client.InvalidSOAPRequest",
            "Binding &apos;ec2_amazonaws_com_doc_2008_05_06&apos; not found",
        ),
        (foreign, "Client.InvalidSOAPRequest", "the element keySet is not in the namespace"),
        (
            request(DOCUMENTED, "CreateVolume", "<size>1</size>"),
            "Client.UnsupportedOperation",
            "the action CreateVolume is not served",
        ),
        (
            request(DOCUMENTED, "GetCallerIdentity", ""),
            "Client.UnsupportedOperation",
            "GetCallerIdentity",
        ),
        (request(DOCUMENTED, "DeregisterImage", ""), "Client.MissingParameter", "ImageId"),
        (
            request(DOCUMENTED, "DeregisterImage", "<imageId>emi-00000000</imageId>"),
            "Client.InvalidAMIID.NotFound",
            "emi-00000000",
        ),
        (
            request(DOCUMENTED, "GetConsoleOutput", "<instanceId>x</instanceId>"),
            "Client.InvalidInstanceID.Malformed",
            "x",
        ),
        (
            request(DOCUMENTED, "CreateKeyPair", "<keyName>a</keyName><keyName>b</keyName>"),
            "Client.InvalidSOAPRequest",
            "KeyName",
        ),
    ] {
        let answer = ask(request.clone()).await;
        let (found, text) = fault(&answer);
        assert_eq!(found, code, "{request}\n{text}");
        assert!(text.contains(words), "{text}");
    }
    let good = alice.message(Shape::Java, &in_version(DOCUMENTED), world.cloud.now()).unwrap();
    let forged = good.replace("DescribeKeyPairs", "DeleteKeyPair");
    for (message, code) in [
        (forged, "Client.AuthFailure"),
        (good.replace("?>\n", "?>\n<!DOCTYPE a>"), "Client.InvalidSOAPRequest"),
        (good.replace("wsse:Security", "wsse:Insecurity"), "Client.InvalidSecurity"),
        (String::new(), "Client.InvalidSOAPRequest"),
        ("x".repeat((1 << 20) + 1), "Client.RequestEntityTooLarge"),
    ] {
        assert_eq!(fault(&world.send(post(message)).await).0, code);
    }
    drop(other);
}

/// The header `SOAPAction` is not signed, so it decides nothing; who sends no content type but
/// that header sends SOAP too.
#[tokio::test]
async fn the_action_is_the_one_in_the_signed_body() {
    let world = World::new().await;
    let alice = signer(&world, &world.user("alice").await).await;
    let create = request(
        DOCUMENTED,
        "CreateSecurityGroup",
        "<groupName>g</groupName><groupDescription>d</groupDescription>",
    );
    let message = alice.message(Shape::Java, &create, world.cloud.now()).unwrap();
    let sent = Request::post(PATH).header("soapaction", "TerminateInstances").body(message.into());
    let answer = world.send(sent.unwrap()).await.good();
    assert!(answer.body.contains("<CreateSecurityGroupResponse "), "{}", answer.body);
}

#[tokio::test]
async fn limits_and_tenancy_are_those_of_query() {
    let world = World::new().await;
    let image = world.image().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let (alice, bob) = (signer(&world, &alice).await, signer(&world, &bob).await);
    let run = |count: u32| {
        let inner = format!(
            "<imageId>{image}</imageId><minCount>{count}</minCount><maxCount>{count}</maxCount><groupSet/>"
        );
        request(DOCUMENTED, "RunInstances", &inner)
    };
    let too_many = call(&world, &alice, &run(100)).await;
    assert_eq!(fault(&too_many).0, "Server.InsufficientInstanceCapacity");
    assert!(fault(&too_many).1.contains("Not enough resources available"), "{}", too_many.body);
    let started = call(&world, &alice, &run(1)).await.good();
    let id = started.text("instanceId");
    for action in ["DescribeInstances", "TerminateInstances", "RebootInstances"] {
        let inner =
            format!("<instancesSet><item><instanceId>{id}</instanceId></item></instancesSet>");
        let answer = call(&world, &bob, &request(OLD, action, &inner)).await;
        assert_eq!(fault(&answer).0, "Client.InvalidInstanceID.NotFound", "{action}");
    }
}

#[tokio::test]
async fn a_user_has_certificates_of_their_own_making_beside_the_clouds() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let of_cloud = signer(&world, &alice).await;
    let own = new_pair("anybody".to_owned(), 1, world.cloud.now()).await.unwrap();
    let der = ws_security::Certificate::from_pem(own.certificate_pem.as_bytes()).unwrap();
    let by_own = Signer::new(own.key_pem.expose(), der.der()).unwrap();
    let create = request(DOCUMENTED, "CreateKeyPair", "<keyName>mine</keyName>");
    assert_eq!(fault(&call(&world, &by_own, &create).await).0, "Client.AuthFailure");
    world.cloud.add_certificate(alice.name.clone(), &own.certificate_pem).await.unwrap();
    call(&world, &by_own, &create).await.good();
    let describe = request(DOCUMENTED, "DescribeKeyPairs", "<keySet/>");
    assert_eq!(call(&world, &of_cloud, &describe).await.good().all("keyName"), ["mine"]);
}

/// CVE-2012-4064, CVE-2012-4065: a user's message in the format of an internal one, or with
/// another user's id in it, was obeyed. Here the decoder knows the public actions alone, and a
/// caller is known by the certificate and by nothing that the message says.
#[tokio::test]
async fn cve_2012_4064_and_4065_no_internal_message_can_be_named_and_no_user_be_claimed() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let (of_alice, of_bob) = (signer(&world, &alice).await, signer(&world, &bob).await);
    let internal = [
        "ClusterDesired",
        "NodeDesired",
        "Sync",
        "Observe",
        "VmControl",
        "StartNetwork",
        "ModifyPropertyValue",
        "DescribeProperties",
        "UpdateStorageConfiguration",
        "StoreSnapshot",
        "DeleteWalrusSnapshot",
        "RunInstancesType",
        "NewUser",
        "IssueKeys",
    ];
    for action in internal {
        let answer =
            call(&world, &of_alice, &request(DOCUMENTED, action, "<userId>admin</userId>")).await;
        assert_eq!(fault(&answer).0, "Client.UnsupportedOperation", "{action}");
    }
    let create = request(DOCUMENTED, "CreateKeyPair", "<keyName>mine</keyName>");
    call(&world, &of_alice, &create).await.good();
    let (name, number) = (&alice.name, alice.account);
    let claimed = format!(
        "<keySet/><userId>{number}</userId><effectiveUserId>{name}</effectiveUserId><correlationId>1</correlationId>"
    );
    let describe = request(DOCUMENTED, "DescribeKeyPairs", &claimed);
    assert_eq!(call(&world, &of_bob, &describe).await.good().all("keyName"), [""; 0]);
}

/// CVE-2014-5040: whoever knew the id of a certificate or an access key could change it. Here no
/// public action names one.
#[test]
fn cve_2014_5040_no_public_action_changes_certificates_or_access_keys() {
    for definition in super::super::definitions() {
        let name = definition.name;
        for word in ["AccessKey", "Certificate", "LoginProfile", "Password"] {
            assert!(!name.contains(word) || name == "GetPasswordData", "{name}");
        }
    }
}
