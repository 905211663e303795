//! What can go wrong, for the administrator.

use std::path::PathBuf;
use types::NodeName;

/// Why the tool failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// Nothing was asked; the usage is shown, as 1.4 did.
    #[error("nothing to do")]
    NoArguments,
    /// The command line cannot be understood.
    #[error("{0}; euca_conf --help shows what there is")]
    Usage(String),
    /// The command line of euca_sync_key cannot be understood.
    #[error("{0}; euca_sync_key --help shows what there is")]
    SyncUsage(String),
    /// The configuration cannot be read, written or used.
    #[error(transparent)]
    Conf(#[from] conf::ConfError),
    /// A variable is not in the file.
    #[error("{variable} is not set in {}", file.display())]
    NotSet { variable: String, file: PathBuf },
    /// The directory of -d is not there.
    #[error("-d {}: there is no such directory; make it first", .0.display())]
    NoDirectory(PathBuf),
    /// A directory of the installation cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    MakeDirectory { path: PathBuf, source: std::io::Error },
    /// The zip is there already.
    #[error("{} is there already; choose another name, or --force to overwrite it", .0.display())]
    ZipExists(PathBuf),
    /// The zip cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    WriteZip { path: PathBuf, source: std::io::Error },
    /// The file of a certificate cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    ReadCertificate { path: PathBuf, source: std::io::Error },
    /// The cloud controller does not listen.
    #[error(
        "the cloud controller does not run on this machine (nothing listens at {}); start it with: \
         eucalyptus start, or run this on the machine where it runs", .0.display()
    )]
    CloudAway(PathBuf),
    /// The socket is root's.
    #[error("only root may do this (no permission for {}); try sudo", .0.display())]
    NotRoot(PathBuf),
    /// The conversation with the cloud controller broke.
    #[error("the cloud controller did not answer properly: {0}; see cloud-output.log")]
    Conversation(String),
    /// The cluster controller does not say how its nodes are.
    #[error("the cluster controller cannot be asked: {0}")]
    Cluster(String),
    /// The host's network cannot be looked at.
    #[error("this machine's network cannot be looked at: {0}")]
    Network(#[from] hostnet::HostNetError),
    /// `--check network` has found something.
    #[error("{wrong} of {steps} steps found something wrong; mend the first one first")]
    NetworkWrong { wrong: usize, steps: usize },
    /// It is not known whether a node has instances.
    #[error(
        "whether instances are there is not known, so nothing was changed ({0}); --force \
         deregisters nevertheless"
    )]
    Unasked(Box<Self>),
    /// A node has instances.
    #[error(
        "node {name} has instances: {instances}; let it get no new ones (euca_conf --drain-nodes \
         {name}) and terminate these, or --force: the cluster controller then follows it until \
         they are gone"
    )]
    Occupied { name: NodeName, instances: String },
    /// A node is not in NODES.
    #[error("{name} is not in NODES of {}; euca_conf --list-nodes shows what is", file.display())]
    NoSuchNode { name: NodeName, file: PathBuf },
    /// NODES would be empty.
    #[error(
        "a cluster controller has at least one node; drain the last one (euca_conf --drain-nodes), \
         or register another one first"
    )]
    LastNode,
    /// The cloud controller said no.
    #[error("{0}")]
    Refused(String),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}
