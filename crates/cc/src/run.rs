//! When what is done.

use crate::cluster::{Cc, Node};
use crate::place::Ground;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Between two looks when nothing calls for one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Before a node that did not answer is called again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a node may hold its report back while nothing changes.
const HOLD_MS: u32 = 10_000;

impl Cc {
    /// Does once all that is to be done: hears every node, places what has no node, hands each
    /// node its part, routes.
    pub async fn pass(&self) {
        let _one_at_a_time = self.passing.lock().await;
        join_all(self.nodes.iter().map(|node| self.hear(node, None, 0))).await;
        self.place().await;
        join_all(self.nodes.iter().map(|node| self.push(node))).await;
        self.repair_router().await;
    }

    /// Does each of these when something may have changed, and every five seconds, until
    /// `shutdown` completes. A node that hangs holds up nobody but itself. The networks stay as
    /// they are after that.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let hearing = join_all(self.nodes.iter().map(|node| self.keep_hearing(node)));
        let pushing = join_all(self.nodes.iter().map(|node| self.keep_pushing(node)));
        let work =
            async { tokio::join!(self.keep_placing(), hearing, pushing, self.keep_routing()) };
        tokio::select! {
            _ = work => {}
            () = shutdown => {}
        }
    }

    /// Places what has no node; an instance that cannot be placed waits, and is then given up.
    async fn place(&self) {
        let begun = std::time::Instant::now();
        // When it cannot be kept, nothing is decided and the next look tries again.
        let _ = self
            .decide(|state, placements| {
                let rooms = state.rooms();
                let Some(desired) = &state.desired else { return };
                let mut ground = Ground {
                    policy: self.settings.policy,
                    grace_ms: self.settings.placement_grace_ms,
                    now: self.clock.now(),
                    rooms,
                    waiting: &mut state.waiting,
                };
                ground.place(desired, placements);
            })
            .await;
        self.measures.placed(begun);
    }

    async fn keep_placing(&self) {
        loop {
            self.place().await;
            self.nodes.iter().for_each(|node| node.poke.notify_one());
            self.router_poke.notify_one();
            let _ = tokio::time::timeout(LOOK_EVERY, self.poke.notified()).await;
        }
    }

    async fn keep_routing(&self) {
        loop {
            self.repair_router().await;
            let until = Instant::now() + LOOK_EVERY;
            while timeout_at(until, self.router_poke.notified()).await.is_ok() {
                self.fit_router().await;
            }
        }
    }

    async fn keep_hearing(&self, node: &Node) {
        let mut since = None;
        loop {
            if !self.hear(node, since, HOLD_MS).await {
                since = None;
                tokio::time::sleep(RETRY).await;
                continue;
            }
            let now = self.state().sighting(&node.name).and_then(|it| it.observed.clone());
            let now = now.map(|observed| observed.revision);
            if now != since {
                since = now;
                self.poke.notify_one();
            }
        }
    }

    async fn keep_pushing(&self, node: &Node) {
        loop {
            node.poke.notified().await;
            while !self.push(node).await {
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
