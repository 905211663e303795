//! What starts the metadata service and sees that it runs.

use super::server::{Doors, MetadataError, QUIT, serve};
use async_trait::async_trait;
use netplan::{METADATA_ADDRESS, SITE_MARK};
use socket2::{Domain, Protocol, Socket, Type};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// How long the service may take to answer on its control socket.
const ANSWER: Duration = Duration::from_secs(2);

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 128;

/// A service that was started this recently is not started again.
const BACK_OFF: Duration = Duration::from_secs(5);

/// What the node controller calls in every pass.
#[async_trait]
pub trait MetadataKeeper: Send + Sync {
    /// Sees that the metadata service runs.
    ///
    /// # Errors
    /// With what keeps it from running and what would help.
    async fn ensure(&self) -> Result<(), String>;
}

/// For the simulated world, which asks [`answer`](super::answer()) itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unattended;

#[async_trait]
impl MetadataKeeper for Unattended {
    async fn ensure(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Runs the metadata service as a process that outlives this one.
pub struct DetachedMetadata {
    /// The program.
    pub program: PathBuf,
    /// What makes it call [`run`] with the same control socket and build.
    pub arguments: Vec<OsString>,
    /// The control socket.
    pub control: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// This program's [`build_id`]. A service that another build started is replaced.
    pub build: String,
    started: Mutex<Option<(Instant, Child)>>,
}

/// Names one build of the program, so that an upgrade is noticed.
pub fn build_id(program: &Path) -> String {
    let about = fs::metadata(program).and_then(|about| Ok((about.modified()?, about.len())));
    let (modified, bytes) = about.unwrap_or((UNIX_EPOCH, 0));
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{}-{modified:x}-{bytes:x}", env!("CARGO_PKG_VERSION"))
}

impl DetachedMetadata {
    /// A keeper that has not started anything yet.
    pub fn new(
        program: PathBuf,
        arguments: Vec<OsString>,
        control: PathBuf,
        log: PathBuf,
        build: String,
    ) -> Self {
        Self { program, arguments, control, log, build, started: Mutex::default() }
    }

    /// Starts the program in a session of its own (see [`run`]), with the log as its output.
    fn start(&self) -> io::Result<Child> {
        let log = OpenOptions::new().append(true).create(true).open(&self.log)?;
        Command::new(&self.program)
            .args(&self.arguments)
            .env_remove("EUCALYPTUS_CRASH_AT")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }

    fn describe(&self, status: impl std::fmt::Display) -> String {
        format!("the metadata service {status}; see {}", self.log.display())
    }
}

#[async_trait]
impl MetadataKeeper for DetachedMetadata {
    async fn ensure(&self) -> Result<(), String> {
        let mut started = self.started.lock().await;
        match running_build(&self.control).await {
            Some(build) if build == self.build => return Ok(()),
            Some(_) => quit(&self.control).await,
            None => {}
        }
        if let Some((at, child)) = started.as_mut()
            && at.elapsed() < BACK_OFF
        {
            return match child.try_wait() {
                Ok(None) => Ok(()),
                Ok(Some(status)) => Err(self.describe(format!("ended at once, {status}"))),
                Err(error) => Err(self.describe(error)),
            };
        }
        let child = self.start().map_err(|e| self.describe(format!("cannot be started: {e}")))?;
        *started = Some((Instant::now(), child));
        Ok(())
    }
}

/// The build that started the service behind a control socket; none when nothing answers.
async fn running_build(control: &Path) -> Option<String> {
    let ask = async {
        let stream = UnixStream::connect(control).await.ok()?;
        let mut line = String::new();
        BufReader::new(stream.take(200)).read_line(&mut line).await.ok()?;
        Some(line.trim_end().to_owned())
    };
    tokio::time::timeout(ANSWER, ask).await.ok().flatten()
}

/// Tells the service to end, and waits until it has let go of its socket.
async fn quit(control: &Path) {
    let told = async {
        let mut stream = UnixStream::connect(control).await?;
        stream.write_all(format!("{QUIT}\n").as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await
    };
    if let Ok(Err(error)) = tokio::time::timeout(ANSWER, told).await {
        tracing::warn!(%error, "the metadata service of another build does not quit");
    }
}

/// The whole life of the metadata service's process: leaves the session of the node controller,
/// so that no signal meant for that reaches it, listens, and serves until it is told to quit.
///
/// # Errors
/// When it cannot listen.
pub async fn run(
    guests: SocketAddr,
    control: &Path,
    instance_path: PathBuf,
    build: &str,
) -> Result<(), MetadataError> {
    // Refused to a process that leads a session already, which is what is wanted.
    let _ = rustix::process::setsid();
    let failed = |place: String| move |cause| MetadataError { place, cause };
    let port = guests.port();
    let guests =
        TcpListener::bind(guests).await.map_err(failed(format!("{guests} (METADATA_PORT)")))?;
    // The port is ours, so whoever made the socket is gone.
    let _ = fs::remove_file(control);
    let bound = UnixListener::bind(control).and_then(|socket| {
        fs::set_permissions(control, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(socket)
    });
    let socket = bound.map_err(failed(control.display().to_string()))?;
    let place = format!("{METADATA_ADDRESS}:{port} (METADATA_PORT)");
    let site = door_to_site(port).map_err(failed(place))?;
    serve(Doors { group: guests, site }, socket, instance_path, build).await;
    Ok(())
}

/// The socket for what was marked at taps on the site's network. The address is not the host's
/// own, so nothing else gets here, and the answers are marked too, so that they find their way.
fn door_to_site(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_ip_transparent_v4(true)?;
    socket.set_mark(SITE_MARK)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((METADATA_ADDRESS, port)).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests;
