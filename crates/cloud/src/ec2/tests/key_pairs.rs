use super::world::World;

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
