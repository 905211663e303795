//! When what is done.

use crate::cluster::Cc;
use crate::place::Ground;
use crate::roster::Node;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Between two looks when nothing calls for one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Before a node that did not answer is called again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a node may hold its report back while nothing changes.
const HOLD_MS: u32 = 10_000;

impl Cc {
    /// Does once all that is to be done: finds the machines, hears every node, places what has no node, hands each
    /// node its part, routes.
    pub async fn pass(&self) {
        let _one_at_a_time = self.passing.lock().await;
        self.find_machines(true).await;
        join_all(self.followed().iter().map(|node| self.hear(node, None, 0))).await;
        self.place().await;
        join_all(self.followed().iter().map(|node| self.push(node))).await;
        self.repair_router().await;
    }

    /// Does each of these when something may have changed, and every five seconds, until
    /// `shutdown` completes. A node that hangs holds up nobody but itself; nodes may come and go
    /// meanwhile. The networks stay as they are after that.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let work = async {
            tokio::join!(
                self.keep_finding(),
                self.keep_placing(),
                self.keep_following(),
                self.keep_routing()
            )
        };
        tokio::select! {
            _ = work => {}
            () = shutdown => {}
        }
    }

    /// Places what has no node; an instance that cannot be placed waits, and is then given up.
    /// Where placements ended, a node that was leaving may have left.
    pub(crate) async fn place(&self) {
        let begun = std::time::Instant::now();
        // When it cannot be kept, nothing is decided and the next look tries again.
        let _ = self
            .decide(|state, placements| {
                let rooms = state.rooms();
                let Some(desired) = &state.desired else { return };
                let mut ground = Ground {
                    policy: state.policy,
                    grace_ms: self.settings.placement_grace_ms,
                    now: self.clock.now(),
                    rooms,
                    waiting: &mut state.waiting,
                };
                ground.place(desired, placements);
            })
            .await;
        if let Err(error) = self.muster() {
            tracing::error!(%error, "a node cannot be followed");
        }
        self.measures.placed(begun);
    }

    async fn keep_placing(&self) {
        loop {
            self.place().await;
            self.followed().iter().for_each(|node| node.poke.notify_one());
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

    /// Follows each node for as long as it is one.
    async fn keep_following(&self) {
        let mut changes = self.following.subscribe();
        let mut followed: Vec<Arc<Node>> = Vec::new();
        let mut following = FuturesUnordered::new();
        loop {
            let now = changes.borrow_and_update().clone();
            for node in now {
                if !is_among(&followed, &node) {
                    followed.push(Arc::clone(&node));
                    following.push(self.follow(node));
                }
            }
            tokio::select! {
                Some(gone) = following.next() => followed.retain(|it| !Arc::ptr_eq(it, &gone)),
                _ = changes.changed() => {}
            }
        }
    }

    /// Hears and tells a node until it is none any more, and gives it then.
    async fn follow(&self, node: Arc<Node>) -> Arc<Node> {
        let mut changes = self.following.subscribe();
        tokio::select! {
            _ = async { tokio::join!(self.keep_hearing(&node), self.keep_pushing(&node)) } => {}
            _ = changes.wait_for(|nodes| !is_among(nodes, &node)) => {}
        }
        node
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

fn is_among(nodes: &[Arc<Node>], node: &Arc<Node>) -> bool {
    nodes.iter().any(|it| Arc::ptr_eq(it, node))
}
