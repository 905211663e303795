use crate::world::{World, ZONE};
use protocol::Goal;
use state::{Instance, InstanceFilter, NewImage, RunRequest, User};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use types::{ImageKind, InstanceState};

impl World {
    /// Launches an instance; its images are known to the state only.
    async fn launch(&self, user: &User) -> Instance {
        self.launch_in(user, ZONE).await
    }

    pub(crate) async fn launch_in(&self, user: &User, zone: &str) -> Instance {
        let image = async |kind| {
            let new = NewImage {
                kind,
                account: user.account,
                location: "bucket/manifest".into(),
                architecture: "x86_64".into(),
                digest: protocol::Digest([kind as u8; 32]),
                size: 1,
                format: types::ImageFormat::Raw,
                boot: types::Boot::Kernel,
                kernel: None,
                ramdisk: None,
                public: false,
                tags: types::Tags::new(),
                name: None,
                description: None,
                products: Vec::new(),
            };
            self.cloud.state().register_image(new, self.cloud.now()).await.unwrap().id
        };
        let kernel = image(ImageKind::Kernel).await;
        let request = RunRequest {
            kernel: Some(kernel),
            cluster: Some(zone.parse().unwrap()),
            ..self.request(user, image(ImageKind::Machine).await)
        };
        let launched = self.cloud.state().run_instances(request, self.cloud.now()).await.unwrap();
        self.cloud.poke();
        launched.reservation.instances[0].clone()
    }

    pub(crate) async fn terminate(&self, instance: &Instance) {
        let (state, now) = (self.cloud.state(), self.cloud.now());
        state.terminate_instances(None, vec![instance.id], now).await.unwrap();
        self.cloud.poke();
    }

    async fn see(&self, instance: &Instance) -> Instance {
        let filter = InstanceFilter { ids: vec![instance.id], ..InstanceFilter::default() };
        let found = self.cloud.state().describe_instances(&filter, self.cloud.now()).await;
        found.unwrap()[0].instances[0].clone()
    }

    async fn passes(&self, number: u32) {
        for _ in 0..number {
            self.cloud.pass().await.unwrap();
        }
    }
}

#[tokio::test]
async fn passes_carry_an_instance_through_its_life() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.passes(1).await;
    let instance = world.launch(&admin).await;
    world.passes(1).await;
    let told = world.cluster.kept().unwrap();
    assert_eq!((told.instances[0].id, told.instances[0].goal), (instance.id, Goal::Run));
    assert_eq!(told.image_source, "10.0.0.1:8773");
    world.passes(1).await;
    assert_eq!(world.see(&instance).await.state, InstanceState::Running);
    world.terminate(&instance).await;
    world.passes(2).await;
    assert_eq!(world.see(&instance).await.state, InstanceState::Terminated);
    assert!(world.cluster.kept().unwrap().instances.is_empty(), "told that it may be forgotten");
}

#[tokio::test]
async fn a_pass_with_nothing_to_do_says_nothing() {
    let world = World::new().await;
    world.passes(2).await;
    let before = *world.cluster.syncs.lock().unwrap();
    world.passes(3).await;
    assert_eq!(*world.cluster.syncs.lock().unwrap(), before);
}

#[tokio::test]
async fn a_silent_cluster_keeps_its_instances_and_catches_up_later() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.passes(1).await;
    let instance = world.launch(&admin).await;
    world.passes(2).await;
    world.cluster.set_reachable(false);
    world.passes(1).await;
    let seen = world.see(&instance).await;
    assert_eq!((seen.state, seen.impaired), (InstanceState::Running, true));
    world.terminate(&instance).await;
    world.passes(1).await;
    assert_eq!(world.see(&instance).await.state, InstanceState::ShuttingDown);
    world.cluster.set_reachable(true);
    world.passes(2).await;
    assert_eq!(world.see(&instance).await.state, InstanceState::Terminated);
}

#[tokio::test]
async fn a_cluster_that_lost_its_memory_is_told_everything_again() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.passes(1).await;
    let instance = world.launch(&admin).await;
    world.passes(1).await;
    world.cluster.forget();
    let world = world.restarted().await;
    world.passes(1).await;
    assert_eq!(world.cluster.kept().unwrap().instances[0].id, instance.id);
    assert_eq!(world.cluster.kept().unwrap().cluster.as_str(), ZONE);
}

#[tokio::test]
async fn a_cluster_that_has_seen_later_states_of_a_forgotten_record_is_told_all_the_same() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.passes(1).await;
    world.cluster.remember(57);
    let instance = world.launch(&admin).await;
    world.passes(1).await;
    let kept = world.cluster.kept().unwrap();
    assert_eq!((kept.generation, kept.instances[0].id), (58, instance.id));
}

#[tokio::test]
async fn the_loop_tells_at_once_what_was_poked_and_survives_silence() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&world.cloud).run(stopped));
    world.cluster.told(|told| told.instances.is_empty()).await;
    let instance = until_launched(&world, &admin).await;
    world.cluster.told(|told| told.instances.iter().any(|i| i.id == instance.id)).await;
    world.cluster.set_reachable(false);
    world.terminate(&instance).await;
    world.cluster.set_reachable(true);
    world.cluster.told(|told| told.instances.is_empty()).await;
    assert_eq!(world.see(&instance).await.state, InstanceState::Terminated);
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
}

/// Launches once the first report has told what room there is.
async fn until_launched(world: &World, user: &User) -> Instance {
    let zone = ZONE.parse().unwrap();
    let has_room = async || {
        let types = world.cloud.state().type_capacities(&zone).await.unwrap();
        types[0].room.free > 0
    };
    let wait = async {
        while !has_room().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("no room within 20 s");
    world.launch(user).await
}
