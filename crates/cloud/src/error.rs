//! Why the cloud refused or failed.

use bundle::BundleError;
use std::io;
use std::path::PathBuf;
use types::UserName;

/// The result of the cloud's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the cloud refused or failed. The message says what would help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state refused or failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// Walrus could not be opened or failed.
    #[error("walrus: {0}")]
    Walrus(#[from] walrus::Error),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A key file is not usable.
    #[error("{}: {problem}; restore it from a backup of var/eucalyptus/keys", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A key pair or certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The credentials could not be packed.
    #[error("cannot pack the credentials: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
    /// A task of the cloud's own ended before its time.
    #[error("an internal task ended before its time: {0}")]
    Task(#[from] tokio::task::JoinError),

    /// A request to the administrator's interface that is not what it should be.
    #[error("the request is not understood: {0}")]
    Malformed(serde_json::Error),
    /// A certificate that no user could sign with.
    #[error("the file is of no use: {0}")]
    UserCertificate(#[from] ws_security::UnusableCertificate),
    /// What cannot be the address of Walrus.
    #[error(
        "this cannot be where Walrus is: {0}; write, for example, \
         http://192.0.2.1:8773/services/Walrus"
    )]
    WalrusUrl(&'static str),
    /// What cannot be where a cluster controller is.
    #[error(
        "\"{0}\" is not HOST or HOST:PORT, the name or address of the machine that runs the cluster \
         controller"
    )]
    Endpoint(String),
    /// The keys of a component could not be made or read.
    #[error("component keys: {0}")]
    ComponentKeys(#[from] transport::TransportError),
    /// No keys were issued under this name.
    #[error(
        "no keys were issued for \"{0}\"; name a node or a cluster that has some, or \"all\"; \
         euca_sync_key issues and copies them"
    )]
    NoKeys(String),
    /// The cloud controller's keys are nobody else's.
    #[error("the cloud controller's keys stay on its machine")]
    KeysStay,
    /// The user still has buckets.
    #[error("user \"{user}\" still owns buckets in Walrus: {buckets}; remove these first")]
    UserOwnsBuckets {
        /// The user.
        user: UserName,
        /// Their names.
        buckets: String,
    },

    /// An image location that is not BUCKET/MANIFEST.
    #[error(
        "Image registration failed: invalid image location \"{0}\": it must be BUCKET/MANIFEST"
    )]
    ImageLocation(String),
    /// The bucket is somebody else's.
    #[error("Image registration failed: you must own the bucket containing the image")]
    NotBucketOwner,
    /// There is no such manifest, or it is not the cloud's to read.
    #[error(
        "Image registration failed: the manifest referenced is invalid or unavailable: there is \
         no \"{0}\" in Walrus that this user owns or that is readable for EC2 (aws-exec-read); \
         upload the bundle first"
    )]
    ManifestMissing(String),
    /// The manifest is there and cannot be read.
    #[error("Image registration failed: the manifest cannot be read: {source}")]
    ManifestUnreadable {
        /// What the operating system said.
        source: io::Error,
    },
    /// The bundle is not as its maker made it, or was made for another cloud.
    #[error("Image registration failed: {0}")]
    Bundle(#[from] BundleError),
    /// Its disk is of a kind that is not taken.
    #[error("Image registration failed: {0}")]
    Disk(#[from] diskimage::Refused),
    /// A boot mode is asked for of an image that is no disk.
    #[error(
        "Image registration failed: the image has no partition table that it could boot from, so \
         there is no boot mode to choose; leave BootMode out, and a kernel is loaded for it"
    )]
    NoBootMode,
    /// Kernels and ramdisks run on the node's terms, so only administrators register them.
    #[error("Image registration failed: only administrators may register a kernel or a ramdisk")]
    KernelByUser,
    /// The manifest names a kernel or a ramdisk that is not registered.
    #[error(
        "Image registration failed: referenced {kind} id is invalid: {id}; bundle the image again \
         with a registered one, or without"
    )]
    ReferencedImage {
        /// What is referenced: kernel or ramdisk.
        kind: &'static str,
        /// What the manifest says.
        id: String,
    },
    /// The request and the manifest name different architectures.
    #[error(
        "Image registration failed: the image was bundled for {bundled}, not for {asked}; bundle \
         it again for that architecture"
    )]
    ArchitectureDiffers {
        /// What the request says.
        asked: String,
        /// What the manifest says.
        bundled: String,
    },
    /// A kernel or a ramdisk is to have a kernel or a ramdisk.
    #[error("Image registration failed: only machine images have a kernel and a ramdisk")]
    NotMachine,
    /// Too many images are being registered.
    #[error("too many images are being registered now; try again in a minute")]
    RegistrationsBusy,
    /// There are no bytes for a digest.
    #[error("there is no image with digest {0}")]
    NoSuchDigest(protocol::Digest),
}
