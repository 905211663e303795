//! Every filter of every action that has filters.

use super::tenancy::owned;
use super::world::World;

/// A value that nothing has.
const NOTHING: &str = "no such value";

#[tokio::test]
async fn every_filter_filters_and_others_are_refused() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    owned(&world, &alice).await;
    for definition in crate::ec2::definitions().filter(|it| !it.filters.is_empty()) {
        let action = definition.name;
        let all = world.call(&alice, action, &[]).await.good();
        assert!(all.body.contains("<item>"), "{action}: nothing to filter");
        for name in definition.filters {
            let filter = [("Filter.1.Name", *name), ("Filter.1.Value.1", NOTHING)];
            let none = world.call(&alice, action, &filter).await.good();
            assert!(!none.body.contains("<item>"), "{action} {name}: {}", none.body);
            let without = [("Filter.1.Name", *name)];
            let none = world.call(&alice, action, &without).await.good();
            assert!(!none.body.contains("<item>"), "{action} {name} without a value");
        }
        for name in ["no-such-attribute", "Instance-Id", "tag"] {
            let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", "x")];
            let refused = world.call(&alice, action, &filter).await;
            assert_eq!(refused.refusal(), (400, "InvalidParameterValue"), "{action} {name}");
        }
    }
}
