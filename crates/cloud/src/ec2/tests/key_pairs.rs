use super::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

#[tokio::test]
async fn a_key_pair_is_made_shown_and_forgotten_by_its_owner_only() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let named = [("KeyName", "my key")];
    let made = world.call(&alice, "CreateKeyPair", &named).await.good();
    let material = made.text("keyMaterial");
    assert!(material.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "{material}");
    assert!(material.ends_with("-----END RSA PRIVATE KEY-----"));
    let fingerprint = made.text("keyFingerprint");
    assert_eq!(fingerprint.split(':').count(), 20);
    let twice = world.call(&alice, "CreateKeyPair", &named).await;
    assert_eq!(twice.refusal(), (400, "InvalidKeyPair.Duplicate"));

    let mine = world.call(&alice, "DescribeKeyPairs", &[("KeyName.1", "my key")]).await.good();
    assert_eq!((mine.text("keyName"), mine.text("keyFingerprint")), ("my key", fingerprint));
    let theirs = world.call(&bob, "DescribeKeyPairs", &[]).await.good();
    assert!(theirs.all("keyName").is_empty());
    let named_by_bob = world.call(&bob, "DescribeKeyPairs", &[("KeyName.1", "my key")]).await;
    assert_eq!(named_by_bob.refusal(), (400, "InvalidKeyPair.NotFound"));
    world.call(&bob, "DeleteKeyPair", &named).await.good();
    let still = world.call(&alice, "DescribeKeyPairs", &[]).await.good();
    assert_eq!(still.all("keyName"), ["my key"]);

    let by_name = [("Filter.1.Name", "key-name"), ("Filter.1.Value.1", "my *")];
    let found = world.call(&alice, "DescribeKeyPairs", &by_name).await.good();
    assert_eq!(found.all("keyName"), ["my key"]);
    for _ in 0..2 {
        let deleted = world.call(&alice, "DeleteKeyPair", &named).await.good();
        assert_eq!(deleted.text("return"), "true");
    }
    let none = world.call(&alice, "DescribeKeyPairs", &[]).await.good();
    assert!(none.body.contains("<keySet/>"));
}

#[tokio::test]
async fn a_kind_of_key_that_cannot_be_made_is_refused() {
    let world = World::new().await;
    let wanted = [("KeyName", "k"), ("KeyType", "ed25519")];
    let refused = world.call(&world.admin, "CreateKeyPair", &wanted).await;
    assert_eq!(refused.refusal(), (400, "InvalidParameterValue"));
}

/// A public key that ssh-keygen made.
pub(super) const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH me@here";

#[tokio::test]
async fn a_public_key_is_imported_shown_and_forgotten_by_its_id() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let material = BASE64.encode(ED25519);
    let import = [("KeyName", "mine"), ("PublicKeyMaterial", &material)];
    let made = world.call(&alice, "ImportKeyPair", &import).await.good();
    assert_eq!(made.text("keyName"), "mine");
    let id = made.text("keyPairId");
    let twice = world.call(&alice, "ImportKeyPair", &import).await;
    assert_eq!(twice.refusal(), (400, "InvalidKeyPair.Duplicate"));
    assert_eq!(twice.text("Message"), "KeyPair generation error. Key pair: mine already exists.");
    let wrong = [("KeyName", "other"), ("PublicKeyMaterial", "aGVsbG8=")];
    let wrong = world.call(&alice, "ImportKeyPair", &wrong).await;
    assert_eq!(wrong.refusal(), (400, "InvalidKey.Format"));

    let asked = [("KeyPairId.1", id), ("IncludePublicKey", "true")];
    let shown = world.call(&alice, "DescribeKeyPairs", &asked).await.good();
    assert_eq!((shown.text("keyPairId"), shown.text("keyType")), (id, "ed25519"));
    assert_eq!(shown.text("keyFingerprint"), made.text("keyFingerprint"));
    assert_eq!(shown.text("createTime"), "2027-01-15T08:00:00.000Z");
    let line = ED25519.replace("me@here", "alice@eucalyptus");
    assert_eq!(shown.text("publicKey"), line);
    let old = world.call_in("2010-08-31", &alice, "DescribeKeyPairs", &[]).await.good();
    assert!(!old.body.contains("keyPairId") && !old.body.contains("publicKey"), "{}", old.body);
    let theirs = world.call(&bob, "DescribeKeyPairs", &asked).await;
    assert_eq!(theirs.refusal(), (400, "InvalidKeyPair.NotFound"));
    let by_id = [("Filter.1.Name", "key-pair-id"), ("Filter.1.Value.1", id)];
    assert_eq!(world.call(&alice, "DescribeKeyPairs", &by_id).await.good().all("keyName").len(), 1);

    world.call(&bob, "DeleteKeyPair", &[("KeyPairId", id)]).await.good();
    let both = [("KeyPairId", id), ("KeyName", "mine")];
    let both = world.call(&alice, "DeleteKeyPair", &both).await;
    assert_eq!(both.refusal(), (400, "InvalidParameterCombination"));
    let deleted = world.call(&alice, "DeleteKeyPair", &[("KeyPairId", id)]).await.good();
    assert_eq!((deleted.text("return"), deleted.text("keyPairId")), ("true", id));
    let again = world.call(&alice, "DeleteKeyPair", &[("KeyPairId", id)]).await.good();
    assert!(again.all("keyPairId").is_empty());
    assert_eq!(world.call(&alice, "DeleteKeyPair", &[]).await.refusal(), (400, "MissingParameter"));
}
