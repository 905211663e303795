//! A cloud that works by itself, in real time and on a real port, as the daemons do.

use super::SimCloud;
use netplan::Sighting;
use state::User;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use transport::{Identity, Limits, Listener, Role, image_routes, pki};

/// A cloud at work.
pub struct Live {
    /// Where it is served.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    work: JoinSet<()>,
    elsewhere: Runtime,
}

/// How much the threads of other machines stand back.
const NICE: i32 = 19;

impl SimCloud {
    /// The site's DHCP server lends an address to every instance that waits for one.
    pub fn lend_addresses(&self) {
        for machine in &self.machines {
            for (tap, mac) in machine.net.node().site.watched {
                let [.., a, b, c] = mac.0;
                machine.net.pass_by(&tap, Sighting::Leased([10, a, b, c].into()));
            }
        }
    }

    /// Starts all that the daemons start: every component's own loop and the listener. Its clock
    /// stands still, and requests are signed with the time that it shows.
    ///
    /// Cluster and node controllers are other processes, on other machines mostly: they have
    /// threads of their own that take no time from those of the cloud controller.
    ///
    /// # Panics
    /// When a component does not live.
    pub async fn go_live(&self) -> Live {
        let cloud = self.cloud_wire.target().expect("a cloud that lives");
        let keys = self.settings.layout.keys();
        pki::prepare(&keys, &["127.0.0.1".to_owned()], &[Role::Cloud]).expect("keys");
        let identity = Identity::load(&keys, &Role::Cloud).expect("an identity");
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let listener = Listener::bind(any, &identity, Limits::default()).await.expect("a port");
        let address = listener.address().expect("an address");

        let stop = watch::Sender::new(false);
        let elsewhere = elsewhere();
        let mut work = JoinSet::new();
        for machine in &self.machines {
            let (nc, stopped) = (machine.wire.target().expect("a node"), until(&stop));
            let run = async move {
                nc.run(stopped).await;
                nc.settle().await;
            };
            work.spawn_on(run, elsewhere.handle());
        }
        for site in &self.sites {
            let cc = site.wire.target().expect("a cluster controller");
            let stopped = until(&stop);
            work.spawn_on(async move { cc.run(stopped).await }, elsewhere.handle());
        }
        let (public, internal) = (cloud.router(), image_routes(Arc::<cloud::Cloud>::clone(&cloud)));
        work.spawn(listener.serve(Some(public), internal, until(&stop)));
        work.spawn(cloud.run(stop.subscribe()));
        Live { address, stop, work, elsewhere }
    }

    /// The users besides the administrator.
    pub fn users(&self) -> &[User] {
        &self.users
    }
}

impl Live {
    /// Ends the loops and the listener, once the nodes are done with what they have begun.
    pub async fn end(self) {
        self.stop.send_replace(true);
        self.work.join_all().await;
        self.elsewhere.shutdown_background();
    }
}

fn elsewhere() -> Runtime {
    let stand_back = || {
        // on Linux it counts for the calling thread
        let _ = rustix::process::nice(NICE);
    };
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().on_thread_start(stand_back);
    builder.build().expect("a runtime")
}

fn until(stop: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stop = stop.subscribe();
    async move {
        let _ = stop.wait_for(|stop| *stop).await;
    }
}
