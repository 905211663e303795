//! The transport: direct calls in place of mutual TLS, which may fail on their way.

use crate::fuse::Fuse;
use crate::rng::Rng;
use crate::weather::{Fate, Weather};
use async_trait::async_trait;
use cc::{Cc, Ways};
use cloud::Cloud;
use nc::Nc;
use protocol::{
    CallError, ClusterApi, ClusterDesired, ClusterObserved, ConsoleOutput, ImageRef, ImageSource,
    NodeApi, NodeDesired, NodeObserved, Revision,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncRead;
use transport::ImageStore;
use types::{InstanceId, NodeName};

/// So many of the last messages may turn up again.
const KEPT: usize = 8;

/// The order of desired states: generation, then sequence.
pub(crate) type Order = (u64, u64);

/// A desired state on its way.
pub(crate) trait Desired: Clone + Send + Sync {
    fn order(&self) -> Order;
}

impl Desired for ClusterDesired {
    fn order(&self) -> Order {
        (self.generation, 0)
    }
}

impl Desired for NodeDesired {
    fn order(&self) -> Order {
        (self.generation, self.sequence)
    }
}

/// Nothing is sent to the cloud.
impl Desired for () {
    fn order(&self) -> Order {
        (0, 0)
    }
}

/// The way to a component, which outlives it.
pub(crate) struct Wire<T, M> {
    /// The component while it lives.
    target: Mutex<Option<Arc<T>>>,
    weather: Mutex<Weather>,
    mail: Mutex<Mail<M>>,
}

struct Mail<M> {
    sent: Vec<M>,
    /// The newest desired state that the component has kept.
    newest: Option<Order>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T, M: Desired> Wire<T, M> {
    pub(crate) fn new(rng: Rng) -> Arc<Self> {
        Arc::new(Self {
            target: Mutex::new(None),
            weather: Mutex::new(Weather::calm(rng)),
            mail: Mutex::new(Mail { sent: Vec::new(), newest: None }),
        })
    }

    /// The component, while it lives.
    pub(crate) fn target(&self) -> Option<Arc<T>> {
        lock(&self.target).clone()
    }

    pub(crate) fn plug(&self, target: Arc<T>) {
        *lock(&self.target) = Some(target);
    }

    pub(crate) fn unplug(&self) -> Option<Arc<T>> {
        lock(&self.target).take()
    }

    pub(crate) fn set_weather(&self, bad_percent: usize) {
        lock(&self.weather).set(bad_percent);
    }

    /// Nothing that is sent arrives, or it does again.
    pub(crate) fn silence(&self, silent: bool) {
        lock(&self.weather).silence(silent);
    }

    /// An earlier message that comes again, if there is one.
    pub(crate) fn old_message(&self, rng: &mut Rng) -> Option<M> {
        let mail = lock(&self.mail);
        (!mail.sent.is_empty()).then(|| rng.pick(&mail.sent).clone())
    }

    /// The newest desired state that the component has acknowledged.
    pub(crate) fn newest(&self) -> Option<Order> {
        lock(&self.mail).newest
    }

    fn keep(&self, message: &M) {
        let mut mail = lock(&self.mail);
        if mail.sent.len() == KEPT {
            mail.sent.remove(0);
        }
        mail.sent.push(message.clone());
    }

    fn acknowledged(&self, message: &M) {
        let mut mail = lock(&self.mail);
        mail.newest = mail.newest.max(Some(message.order()));
    }

    async fn carry<R, F>(&self, act: impl Fn(Arc<T>) -> F) -> Result<R, CallError>
    where
        F: Future<Output = Result<R, CallError>>,
    {
        let lost = |what: &str| CallError::Unreachable(format!("simulated: {what} was lost"));
        let fate = lock(&self.weather).draw();
        let refused = || CallError::Unreachable("simulated: connection refused".to_owned());
        let target = self.target().ok_or_else(refused)?;
        match fate {
            Fate::Delivered => act(target).await,
            Fate::RequestLost => Err(lost("the request")),
            Fate::AnswerLost => {
                let _ = act(target).await;
                Err(lost("the answer"))
            }
            Fate::Repeated => {
                let _ = act(Arc::clone(&target)).await;
                act(target).await
            }
        }
    }
}

/// One component's end of a wire; it dies with that component.
pub(crate) struct Caller<T, M> {
    pub(crate) wire: Arc<Wire<T, M>>,
    pub(crate) fuse: Arc<Fuse>,
}

impl<T, M: Desired> Caller<T, M> {
    async fn call<R, F>(&self, act: impl Fn(Arc<T>) -> F) -> Result<R, CallError>
    where
        F: Future<Output = Result<R, CallError>>,
    {
        self.fuse.pass(self.wire.carry(act)).await
    }

    /// Hands over a desired state, and remembers it.
    async fn hand_over<F>(&self, desired: &M, act: impl Fn(Arc<T>) -> F) -> Result<(), CallError>
    where
        F: Future<Output = Result<(), CallError>>,
    {
        self.wire.keep(desired);
        self.call(|target| {
            let act = act(target);
            async {
                act.await?;
                self.wire.acknowledged(desired);
                Ok(())
            }
        })
        .await
    }
}

/// The cluster controller's ways to all machines, whether or not they are nodes.
pub(crate) struct Wires {
    pub(crate) wires: BTreeMap<NodeName, Arc<Wire<Nc, NodeDesired>>>,
    pub(crate) fuse: Arc<Fuse>,
}

impl Ways for Wires {
    fn to(&self, node: &NodeName) -> Result<Arc<dyn NodeApi>, Box<dyn Error + Send + Sync>> {
        let wire = self.wires.get(node).ok_or("there is no such machine")?;
        Ok(Arc::new(Caller { wire: Arc::clone(wire), fuse: Arc::clone(&self.fuse) }))
    }
}

#[async_trait]
impl ClusterApi for Caller<Cc, ClusterDesired> {
    async fn sync(&self, desired: ClusterDesired) -> Result<(), CallError> {
        let act = |cc: Arc<Cc>| {
            let copy = desired.clone();
            async move { cc.sync(copy).await }
        };
        self.hand_over(&desired, act).await
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<ClusterObserved, CallError> {
        self.call(|cc| async move { cc.observe(since, wait_ms).await }).await
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        self.call(|cc| async move { cc.console_output(id).await }).await
    }
}

#[async_trait]
impl NodeApi for Caller<Nc, NodeDesired> {
    async fn sync(&self, desired: NodeDesired) -> Result<(), CallError> {
        let act = |nc: Arc<Nc>| {
            let copy = desired.clone();
            async move { nc.sync(copy).await }
        };
        self.hand_over(&desired, act).await
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<NodeObserved, CallError> {
        self.call(|nc| async move { nc.observe(since, wait_ms).await }).await
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        self.call(|nc| async move { nc.console_output(id).await }).await
    }
}

#[async_trait]
impl ImageSource for Caller<Cloud, ()> {
    async fn open(
        &self,
        _from: &str,
        image: &ImageRef,
        offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, CallError> {
        let digest = image.digest;
        let (_, bytes) = self
            .call(|cloud| async move { ImageStore::open(&*cloud, &digest, offset).await })
            .await?;
        Ok(bytes)
    }
}
