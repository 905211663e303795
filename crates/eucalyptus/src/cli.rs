//! `eucalyptus COMMAND`.

use crate::component::Component;
use crate::{daemon, fsck, supervise, tools, unit};
use clap::{Parser, Subcommand};
use conf::{Conf, Layout, Loaded};
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Eucalyptus, a private cloud that speaks EC2 and S3.
///
/// The tools of the guides are this program under other names: `eucalyptus euca_conf …` and
/// `eucalyptus euca-run-instances …` work, and so do links with those names.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// The installation's root directory
    #[arg(long, env = "EUCALYPTUS", default_value = Layout::DEFAULT_ROOT, global = true)]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the components that eucalyptus.conf wants on this machine
    Start,
    /// Stop them; instances, their networks and metadata go on
    Stop,
    /// Stop, then start
    Restart,
    /// Say which components run
    Status,
    /// Run the cloud controller with Walrus in the foreground
    Cloud(Run),
    /// Run the cluster controller in the foreground
    Cc(Run),
    /// Run the node controller in the foreground
    Nc(Run),
    /// Serve instance metadata (started by the node controller)
    #[command(hide = true)]
    Metadata(Metadata),
    /// Look after what Walrus has stored
    #[command(subcommand)]
    Walrus(WalrusCommand),
    /// Print the XML of instances' domains as a template, to be changed and kept as
    /// etc/eucalyptus/libvirt.xml
    #[command(name = "gen_libvirt_xml")]
    GenLibvirtXml,
    /// Print the systemd unit of the components, to be kept as
    /// /etc/systemd/system/eucalyptus@.service
    #[command(name = "gen_systemd_unit")]
    GenSystemdUnit,
    /// Print the names under which this program is a tool, one a line
    Names,
}

#[derive(Subcommand)]
enum WalrusCommand {
    /// Read everything that Walrus has stored and say what is damaged or does not fit together
    ///
    /// The cloud controller must be stopped. Each line says what is wrong and what to do about it;
    /// the last one counts. It is 0 that is returned when nothing was wrong, 1 when all was mended,
    /// 4 when something is left as it is, and 8 when the store could not be checked.
    Fsck {
        /// Mend what can be mended without a loss: files and bytes that nothing refers to, counts.
        /// Damaged objects stay as they are
        #[arg(long)]
        repair: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct Metadata {
    /// Where instances' requests arrive
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Where the node controller asks whether the service runs
    #[arg(long)]
    pub(crate) control: PathBuf,
    /// INSTANCE_PATH
    #[arg(long)]
    pub(crate) instance_path: PathBuf,
    /// The build that started the service
    #[arg(long)]
    pub(crate) build: String,
    /// Where to log; standard output when it is missing
    #[arg(long)]
    pub(crate) log: Option<PathBuf>,
    /// LOGMAXSIZE
    #[arg(long, default_value_t = 104_857_600)]
    pub(crate) log_max_size: u64,
    /// LOGROLLNUMBER
    #[arg(long, default_value_t = 10)]
    pub(crate) log_roll_number: u32,
}

#[derive(clap::Args)]
struct Run {
    /// Leave the terminal's session and log to the component's file
    #[arg(long)]
    detached: bool,
}

pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(told) => {
            // help and version are asked for: they succeed and go to standard output
            let _ = told.print();
            return if told.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    cli.execute().unwrap_or_else(|reason| {
        let _ = writeln!(io::stderr(), "eucalyptus: {reason}");
        ExitCode::FAILURE
    })
}

impl Cli {
    fn execute(self) -> Result<ExitCode, daemon::Failure> {
        // Not locked: a daemon in the foreground logs there from all its threads.
        let mut out = io::stdout();
        let layout = Layout::new(&self.root);
        Ok(match self.command {
            Command::Start => {
                let conf = load(&layout, &mut out)?;
                supervise::start(&conf.layout, &wanted(&conf), &mut out)?
            }
            Command::Stop => supervise::stop(&layout, &mut out)?,
            Command::Restart => {
                let conf = load(&layout, &mut out)?;
                supervise::stop(&conf.layout, &mut out)?;
                supervise::start(&conf.layout, &wanted(&conf), &mut out)?
            }
            Command::Status => {
                let conf = load(&layout, &mut out)?;
                supervise::status(&conf.layout, &wanted(&conf), &mut out)?
            }
            Command::Cloud(run) => daemon::run(Component::Cloud, &layout, run.detached)?,
            Command::Cc(run) => daemon::run(Component::Cc, &layout, run.detached)?,
            Command::Nc(run) => daemon::run(Component::Nc, &layout, run.detached)?,
            Command::Metadata(of) => daemon::metadata(of)?,
            Command::Walrus(WalrusCommand::Fsck { repair }) => {
                fsck::run(&layout.bukkits(), repair, &mut out)?
            }
            Command::GenLibvirtXml => {
                let Loaded { conf, .. } = conf::load(&layout.conf_file())?;
                out.write_all(daemon::template(&conf)?.as_bytes())?;
                ExitCode::SUCCESS
            }
            Command::GenSystemdUnit => {
                let unit = unit::unit(&layout).ok_or_else(|| {
                    let root = layout.root().display();
                    format!("{root} has characters that systemd units cannot name; move it")
                })?;
                out.write_all(unit.as_bytes())?;
                ExitCode::SUCCESS
            }
            Command::Names => {
                tools::names().iter().try_for_each(|name| writeln!(out, "{name}"))?;
                ExitCode::SUCCESS
            }
        })
    }
}

/// Reads the configuration and makes the installation's directories.
fn load(layout: &Layout, out: &mut dyn Write) -> Result<Conf, daemon::Failure> {
    let Loaded { conf, warnings } = conf::load(&layout.conf_file())?;
    for warning in warnings {
        writeln!(out, "warning: {warning}")?;
    }
    daemon::make_directories(&conf.layout)?;
    Ok(conf)
}

/// The components that the configuration wants here.
fn wanted(conf: &Conf) -> Vec<Component> {
    let on = |component: &Component| match component {
        Component::Cloud => conf.start.cloud,
        Component::Cc => conf.start.cc,
        Component::Nc => conf.start.nc,
    };
    Component::ALL.into_iter().filter(on).collect()
}
