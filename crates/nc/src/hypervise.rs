//! Calls of the hypervisor, which block and may hang.

use crate::node::Node;
use hypervisor::{Domain, Hypervisor, HypervisorError};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;
use types::{Figures, InstanceId};

/// After this long without an answer the hypervisor counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often, and how long apart, an ended domain is looked for before the next pass does it.
const LOOKS: u32 = 30;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// All that the hypervisor knows.
pub(crate) struct Survey {
    pub(crate) capacity: Figures,
    pub(crate) domains: Vec<Domain>,
    /// What keeps domains from being started.
    pub(crate) obstacle: Option<String>,
}

impl Node {
    /// Makes one call of the hypervisor on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Hypervisor) -> Result<T, HypervisorError> + Send + 'static,
    ) -> Result<T, HypervisorError> {
        let hypervisor = Arc::clone(&self.adapters.hypervisor);
        let answer = tokio::task::spawn_blocking(move || call(&*hypervisor));
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.unwrap_or_else(|died| Err(call_died(&died))),
            Err(_) => Err(no_answer()),
        }
    }

    /// What there is and what runs. While an earlier survey hangs this one fails at once.
    pub(crate) async fn survey(&self) -> Result<Survey, HypervisorError> {
        let only = Arc::clone(&self.survey).try_acquire_owned().map_err(|_| no_answer())?;
        self.ask(move |hypervisor| {
            let _only = only;
            Ok(Survey {
                capacity: hypervisor.capacity()?,
                domains: hypervisor.domains()?,
                obstacle: hypervisor.obstacle()?,
            })
        })
        .await
    }

    /// Ends a domain. False when it is still there after a while.
    pub(crate) async fn end_domain(&self, id: InstanceId) -> Result<bool, HypervisorError> {
        let name = id.to_string();
        for _ in 0..LOOKS {
            self.ask(move |hypervisor| hypervisor.destroy(id)).await?;
            let domains = self.ask(|hypervisor| hypervisor.domains()).await?;
            if domains.iter().all(|domain| domain.name != name) {
                return Ok(true);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(false)
    }
}

fn no_answer() -> HypervisorError {
    let text = "the hypervisor does not answer; look at libvirtd, or restart it (guests run on)";
    HypervisorError::Unreachable(text.to_owned())
}

fn call_died(died: &JoinError) -> HypervisorError {
    HypervisorError::Failed(format!("a call of the hypervisor was broken off: {died}"))
}
