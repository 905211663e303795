//! Preparations that are dropped while a thread works on their files.

use super::*;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use tokio::runtime::{Builder, Runtime};
use types::Boot;

/// What a preparation is dropped on: a runtime whose only thread for file work waits before each
/// piece of it, so that the work of a dropped preparation comes as late as it can.
struct Slow {
    runtime: Runtime,
}

/// File work waits as long as there is one.
struct Gate(mpsc::Sender<()>);

impl Gate {
    fn open(self) {
        self.0.send(()).unwrap();
    }
}

impl Slow {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        Self { runtime: runtime.unwrap() }
    }

    /// Polls work so often and drops it, with its last piece of file work behind a gate. None when
    /// the work was complete before that.
    fn drop_after<T>(&self, polls: usize, work: impl Future<Output = T>) -> Option<Gate> {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            let mut left = polls;
            std::future::poll_fn(|context| {
                let (open, opened) = mpsc::channel();
                tokio::task::spawn_blocking(move || opened.recv());
                let gate = Gate(open);
                match work.as_mut().poll(context) {
                    Poll::Ready(_) => {
                        gate.open();
                        return Poll::Ready(None);
                    }
                    Poll::Pending if left == 0 => return Poll::Ready(Some(gate)),
                    Poll::Pending => gate.open(),
                }
                left -= 1;
                Poll::Pending
            })
            .await
        })
    }

    /// Waits until no file work is left.
    fn finish(&self) {
        self.runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
    }
}

/// An image in three pieces, for a disk with a further disk and firmware.
fn node_and_image() -> (Node, Vec<u8>, ImageRef) {
    let mut node = Node::new();
    node.options.swap_mb = 1;
    let bytes: Vec<u8> = (0..2_500_000_u32).map(|n| (n / 7 + n / 3000) as u8).collect();
    let image = ImageRef { boot: Boot::Uefi, ..node.images.add(&bytes) };
    (node, bytes, image)
}

/// Prepares on a runtime of its own and tells, once, when it waits for something or is done.
fn prepare_beside(disks: &LocalDisks, node: &Node, image: &ImageRef, stands: &mpsc::Sender<()>) {
    let progress = |text: String| {
        if text.starts_with("waiting") {
            stands.send(()).unwrap();
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let made = runtime.block_on(disks.prepare(&request(image), &node.images, &progress));
    stands.send(()).unwrap();
    made.unwrap();
}

#[test]
fn whatever_a_dropped_preparation_still_does_the_next_one_is_whole() {
    for polls in 0.. {
        let (node, bytes, image) = node_and_image();
        let slow = Slow::new();
        let disks = slow.runtime.block_on(node.disks());
        let request = request(&image);
        let work = disks.prepare(&request, &node.images, &|_| ());
        let Some(gate) = slow.drop_after(polls, work) else {
            assert!(polls > 20, "only {polls} steps were seen");
            return;
        };
        let (stands, standing) = mpsc::channel();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| prepare_beside(&disks, &node, &image, &stands));
            standing.recv().unwrap();
            gate.open();
            next.join().unwrap();
        });
        slow.finish();
        let published = fs::read(node.cached(&image, "image")).unwrap();
        assert!(published == bytes, "dropped at {polls}: {} bytes", published.len());
        let base = node.cached(&image, "disk-1");
        assert!(seal::holds(&base), "dropped at {polls}");
        assert!(seal::content_holds(&base, &false.into()).unwrap(), "dropped at {polls}");
        assert!(beginning(&base, bytes.len() as u64) == bytes, "dropped at {polls}");
        let names = HashSet::from_iter(files::names(&node.instance()).unwrap());
        let whole = set(&["base", "nvram", "root", "swap", "swap-base"]);
        assert_eq!(names, whole, "dropped at {polls}");
        let cached = HashSet::from_iter(files::names(&node.cached(&image, "")).unwrap());
        assert_eq!(cached, set(&["image", "disk-1", "disk-1.seal"]), "dropped at {polls}");
    }
}

#[test]
fn whatever_a_dropped_preparation_still_does_discarding_leaves_nothing() {
    for polls in 0.. {
        let (node, _, image) = node_and_image();
        let slow = Slow::new();
        let disks = slow.runtime.block_on(node.disks());
        let request = request(&image);
        let work = disks.prepare(&request, &node.images, &|_| ());
        let Some(gate) = slow.drop_after(polls, work) else { return };
        let discard = || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(disks.discard(&request.user, request.id)).unwrap();
        };
        // Where nothing holds the instance's directory, discarding does not wait for the work.
        if disks.cache.claims.try_claim(&node.instance()).is_some() {
            discard();
            gate.open();
        } else {
            gate.open();
            discard();
        }
        slow.finish();
        let left = files::names(&node.instance()).unwrap();
        assert_eq!(left, Vec::<String>::new(), "dropped at {polls}");
        assert!(disks.cache.claims.try_claim(&node.cached(&image, "")).is_some());
    }
}
