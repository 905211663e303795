//! What the three daemons have in common: configuration, log, pid file, runtime, signals.

mod cc;
mod cloud;
mod nc;
mod watching;

use crate::cli::Metadata;
use crate::component::Component;
use crate::log;
use crate::logfile::LogFile;
use crate::pidfile::PidFile;
use conf::{Conf, Layout, Loaded, LogFiles, LogLevel, SchedPolicy};
use placement::Policy;
use std::error::Error;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use transport::{Identity, Role, TransportError};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
/// Called when the component answers; what it gives is held until the end.
type Ready = Box<dyn FnOnce() -> std::io::Result<PidFile> + Send>;

/// Time that a component gets to finish what it was asked.
const DRAIN: Duration = Duration::from_secs(8);

/// Runs a component until it is told to stop.
pub(crate) fn run(
    component: Component,
    layout: &Layout,
    detached: bool,
) -> Result<ExitCode, Failure> {
    let Loaded { conf, warnings } = conf::load(&layout.conf_file())?;
    make_directories(&conf.layout)?;
    if detached {
        match rustix::process::setsid() {
            // what systemd starts leads a session already
            Ok(_) | Err(rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let open = || LogFile::open(&component.log_file(&conf.layout), conf.log_files);
    log::start(conf.log_level, detached.then(open).transpose()?);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let pid_path = component.pid_file(&conf.layout);
    let Some(pid_file) = PidFile::take(&pid_path)? else {
        return Err(format!("{} runs already; see {}", component.name(), pid_path.display()).into());
    };
    match runtime()?.block_on(serve(component, conf, pid_file)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(reason) => {
            tracing::error!(target: log::FATAL, "{} ends: {reason}", component.name());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Serves metadata to the instances of this machine until it is told to stop.
pub(crate) fn metadata(of: Metadata) -> Result<ExitCode, Failure> {
    let open = |path: PathBuf| {
        let limits = LogFiles { max_bytes: of.log_max_size, kept: of.log_roll_number };
        LogFile::open(&path, limits)
    };
    log::start(LogLevel::Info, of.log.map(open).transpose()?);
    // one thread: it answers small files
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(nc::metadata(of.listen, &of.control, of.instance_path, &of.build))?;
    Ok(ExitCode::SUCCESS)
}

/// The built-in XML of this machine's instances, as a template to start from.
pub(crate) fn template(conf: &Conf) -> Result<String, Failure> {
    nc::template(conf)
}

/// Makes the directories of the installation, each with its mode.
pub(crate) fn make_directories(layout: &Layout) -> Result<(), Failure> {
    for (path, mode) in layout.directories() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .map_err(|e| format!("cannot make {}: {e}", path.display()))?;
    }
    Ok(())
}

async fn serve(component: Component, conf: Conf, mut pid_file: PidFile) -> Result<(), Failure> {
    let stop = Stop::on_signals()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "{} starts", component.name());
    let ready: Ready = Box::new(move || pid_file.ready().map(|()| pid_file));
    let ended = stop.clone().wanted();
    let served = async {
        match component {
            Component::Cloud => cloud::serve(conf, stop, ready).await,
            Component::Cc => cc::serve(conf, stop, ready).await,
            Component::Nc => nc::serve(conf, stop, ready).await,
        }
    };
    tokio::pin!(served);
    // a stop is honoured while keys are waited for, too; a component that serves drains first
    tokio::select! {
        result = &mut served => result?,
        () = async { ended.await; tokio::time::sleep(DRAIN).await } => {}
    }
    tracing::info!("{} has stopped", component.name());
    Ok(())
}

/// Two worker threads serve the largest cloud we know; more only cost memory.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Told when the process should end.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Becomes true at SIGTERM and SIGINT.
    fn on_signals() -> std::io::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            let _ = sender.send(true);
            // the sender stays: a receiver must not see a closed channel as a wish to stop
            std::future::pending::<()>().await;
        });
        Ok(Self(receiver))
    }

    /// The wish itself, for parts that look at it at several places.
    pub(crate) fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Done when the process should end.
    pub(crate) async fn wanted(mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// SCHEDPOLICY in the words of the scheduler.
const fn policy(policy: SchedPolicy) -> Policy {
    match policy {
        SchedPolicy::Greedy => Policy::Greedy,
        SchedPolicy::RoundRobin => Policy::RoundRobin,
        SchedPolicy::BestFit => Policy::BestFit,
    }
}

/// A socket of the administrator's tool. Only its owner, root, may connect.
fn admin_socket(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    // the mode is right from the first instant; nothing else makes files at this time
    let before = rustix::process::umask(rustix::fs::Mode::from(0o177));
    let socket = UnixListener::bind(path);
    rustix::process::umask(before);
    socket
}

/// Loads a component's keys, waiting while the cloud controller has not made them or a copy of them
/// is under way; newer ones are taken as they come.
async fn identity(
    conf: &Conf,
    role: impl Fn() -> Result<Role, TransportError>,
) -> Result<(Role, Identity), Failure> {
    let keys = conf.layout.keys();
    let mut told = false;
    loop {
        match role().and_then(|role| Identity::load(&keys, &role).map(|id| (role, id))) {
            Err(TransportError::File { path, source })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                if !told {
                    tracing::warn!(
                        "waiting for {}: the cloud controller makes it at its first start, \
                         euca_sync_key copies it to other machines",
                        path.display()
                    );
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error @ TransportError::Mismatch { .. }) => {
                if !told {
                    tracing::warn!("waiting for matching keys: {error}");
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            other => {
                let (role, identity) = other?;
                tokio::spawn(identity.clone().keep_fresh());
                return Ok((role, identity));
            }
        }
    }
}
