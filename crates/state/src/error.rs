//! Why a transaction was refused or failed.

use crate::addresses::AddressRef;
use crate::tags::Taggable;
use std::net::Ipv4Addr;
use std::sync::Arc;
use types::{ClusterName, GroupName, ImageId, InstanceId, KeyName, RuleId, UserName, VnetMode};

/// The result of every function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a transaction was refused or failed. Nothing of it was kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The configured database is of a kind that this version cannot use.
    #[error(
        "a database of kind \"{kind}\" is not supported: this version keeps its state in SQLite; \
         use sqlite:PATH"
    )]
    UnsupportedDatabase {
        /// The scheme of the URL; the rest may hold a password.
        kind: String,
    },
    /// The database was written by a later version.
    #[error(
        "the database has schema version {found} and this version knows {known}: run the newer \
         version that made it, or restore the backup from before the upgrade"
    )]
    NewerSchema {
        /// What the database has.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// More writes wait than the queue holds.
    #[error("too many changes are waiting to be stored; try again in a moment")]
    Overloaded,
    /// The database failed.
    #[error("the database failed: {0}; check free space and permissions of its directory")]
    Database(Arc<sqlx::Error>),
    /// A stored value is not what this crate writes.
    #[error("the database holds an invalid value in column {column}: {problem}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
    /// The operating system gave no randomness for an id.
    #[error("no randomness from the operating system: {0}")]
    Randomness(String),

    /// There is no such user.
    #[error("there is no user \"{0}\"")]
    UserNotFound(String),
    /// The name is taken.
    #[error("there is already a user \"{0}\"")]
    UserExists(UserName),
    /// The account is not one that waits for approval.
    #[error("\"{0}\" does not wait for approval (any more)")]
    NotUnapproved(UserName),
    /// The user still owns things.
    #[error("user \"{user}\" still owns {owned}; remove these first")]
    UserOwns {
        /// The user.
        user: UserName,
        /// What they own, counted ("2 live instances, 1 image").
        owned: String,
    },
    /// The last enabled administrator cannot be disabled or deleted.
    #[error("user \"{0}\" is the last enabled administrator and cannot be disabled or deleted")]
    LastAdministrator(UserName),
    /// The access key or certificate is in use already.
    #[error("that access key or certificate belongs to a user already")]
    CredentialExists,
    /// No user has the certificate.
    #[error("no user has a certificate with the fingerprint \"{0}\"")]
    CertificateNotFound(String),

    /// There is no such image, or the caller may not know of it.
    #[error("the image \"{0}\" does not exist")]
    ImageNotFound(ImageId),
    /// An id of one kind of image stands where another kind is wanted.
    #[error("\"{id}\" is not the id of a {wanted} image")]
    ImageKindWrong {
        /// The id.
        id: ImageId,
        /// The kind that is wanted: machine, kernel or ramdisk.
        wanted: &'static str,
    },
    /// An image that boots by itself is to be given a kernel or a ramdisk.
    #[error(
        "the image is a disk that boots by itself: it takes no kernel and no ramdisk, but {named} \
         is named; leave it out"
    )]
    BootsByItself {
        /// The kernel or ramdisk.
        named: ImageId,
    },
    /// Neither the request, nor the image, nor the settings name a kernel.
    #[error(
        "Unable to determine required kernel image: name one at launch, register the image \
         with one, or set the default kernel"
    )]
    KernelMissing,
    /// The caller sees the thing but may not change it.
    #[error(
        "only the owner of image \"{0}\" or an administrator can see and change its attributes or \
         deregister it"
    )]
    ImageNotOwned(ImageId),
    /// The owner has a registered image of the name.
    #[error("AMI name {name} is already in use by AMI {id}")]
    ImageNameTaken {
        /// The name.
        name: String,
        /// The image that has it.
        id: ImageId,
    },
    /// A launch permission is for nobody: there is no such user.
    #[error("image attribute: invalid user id: \"{0}\"")]
    LauncherUnknown(String),
    /// A launch permission that is to be taken is not there.
    #[error("image attribute: cannot remove a nonexistent permission: \"{0}\"")]
    LauncherAbsent(String),

    /// There is no such VM type.
    #[error("instance type does not exist: {0}")]
    VmTypeNotFound(String),
    /// A VM type's name or figures are not valid.
    #[error(transparent)]
    VmTypeInvalid(#[from] types::InvalidVmType),
    /// A VM type is named more than once.
    #[error("the VM type {0} is named twice")]
    VmTypeTwice(String),
    /// There would be no VM type.
    #[error("there must be at least one VM type")]
    NoVmTypes,
    /// There is no such cluster.
    #[error("the availability zone \"{0}\" does not exist")]
    ClusterNotFound(ClusterName),
    /// No cluster takes launches.
    #[error("no availability zone takes launches now; try again in a moment")]
    NoCluster,
    /// The cluster that was asked for takes no launches.
    #[error(
        "the availability zone \"{0}\" cannot be reached now; launch in another one, or try again \
         in a moment"
    )]
    ClusterUnreachable(ClusterName),
    /// The cluster follows the configuration of the cloud controller's machine.
    #[error(
        "the cluster \"{0}\" is that of this machine and follows its eucalyptus.conf (CLUSTER_NAME, \
         CC_PORT, START_CC); change it there, then: eucalyptus restart"
    )]
    ClusterIsHere(ClusterName),
    /// Another cluster has that controller.
    #[error("{endpoint} is the controller of cluster \"{cluster}\"; deregister that one first")]
    EndpointTaken {
        /// `host:port`.
        endpoint: String,
        /// The cluster that has it.
        cluster: ClusterName,
    },
    /// The cluster has instances.
    #[error(
        "the cluster \"{cluster}\" has {count} instances ({}{}); terminate them first. If its \
         machines will never come back: --deregister-cluster {cluster} --force",
        instances.join(" "), if instances.len() < *count { " …" } else { "" }
    )]
    ClusterInUse {
        /// The cluster.
        cluster: ClusterName,
        /// How many instances it has.
        count: usize,
        /// The first of them.
        instances: Vec<String>,
    },
    /// A cluster cannot be given up as lost while it answers.
    #[error("the cluster \"{0}\" answers, so its instances are not lost; terminate them first")]
    ClusterAnswers(ClusterName),
    /// The nodes have no room for as many as are wanted at least.
    #[error("not enough capacity: {wanted} of {vm_type} wanted, {available} available in {place}")]
    NoCapacity {
        /// The VM type.
        vm_type: String,
        /// The least number that was asked for.
        wanted: u32,
        /// How many would fit in the cluster that has most room.
        available: u64,
        /// The zone that was asked for, or "any zone".
        place: String,
    },
    /// The group's network has not enough free addresses.
    #[error(
        "not enough addresses: {wanted} wanted, {available} free in the network of group \
         \"{group}\" (VNET_ADDRSPERNET sets its size)"
    )]
    AddressesExhausted {
        /// The group.
        group: GroupName,
        /// The least number that was asked for.
        wanted: u32,
        /// How many are free.
        available: usize,
    },
    /// Not enough pairs of VNET_MACMAP are free.
    #[error(
        "not enough addresses in cluster \"{cluster}\": {wanted} wanted, {available} of the {pairs} \
         pairs of VNET_MACMAP free; terminate instances, or ask the administrator for more pairs"
    )]
    PairsExhausted {
        /// The cluster.
        cluster: ClusterName,
        /// The least number that was asked for.
        wanted: u32,
        /// How many are free.
        available: usize,
        /// How many there are.
        pairs: usize,
    },
    /// Every network of the cluster's subnet, or every tag, is in use.
    #[error(
        "no network of cluster \"{cluster}\" is free: {in_use} are in use, {in_cloud} in all \
         clusters: a group gets one with its first instance; terminate the instances of a group, \
         or enlarge VNET_SUBNET"
    )]
    NetworksExhausted {
        /// The cluster.
        cluster: ClusterName,
        /// How many of its networks are in use.
        in_use: usize,
        /// How many are in use in all clusters: each has a tag of its own.
        in_cloud: usize,
    },
    /// A client token was used again with other parameters.
    #[error("the client token was used before with different parameters")]
    TokenMismatch,
    /// A client token was used again and what it launched has ended.
    #[error("the instances that were launched with this client token have been terminated")]
    TokenTerminated,

    /// There is no such instance, or the caller may not know of it.
    #[error("the instance \"{0}\" does not exist")]
    InstanceNotFound(InstanceId),
    /// The state of the instance does not allow it.
    #[error("the instance \"{id}\" is {state}")]
    InstanceNotRunning {
        /// The instance.
        id: InstanceId,
        /// Its state.
        state: &'static str,
    },
    /// What is to be changed can be changed only while the instance is stopped.
    #[error("the instance \"{id}\" is {state}; its {attribute} can be changed while it is stopped")]
    InstanceNotStopped {
        /// The instance.
        id: InstanceId,
        /// Its state.
        state: &'static str,
        /// What is to be changed.
        attribute: &'static str,
    },
    /// The instance is protected from being terminated.
    #[error(
        "the instance \"{0}\" may not be terminated: set its attribute disableApiTermination to \
         false first"
    )]
    InstanceProtected(InstanceId),

    /// There is no such key pair.
    #[error("the key pair \"{0}\" does not exist")]
    KeyPairNotFound(KeyName),
    /// The name is taken.
    #[error("the key pair \"{0}\" already exists")]
    KeyPairExists(KeyName),

    /// An account or a group has as much of something as it may have.
    #[error("the limit of {most} for {what} is reached")]
    LimitReached {
        /// What is limited.
        what: &'static str,
        /// The limit.
        most: i64,
    },

    /// The account has as many addresses as it may have.
    #[error("the limit of {0} addresses is reached; release one, or ask the administrator")]
    AddressLimit(u32),
    /// No address of the pool is free.
    #[error(
        "no public address is free: all of VNET_PUBLICIPS are in use, or it is not set; release \
         an address, or ask the administrator for more"
    )]
    NoAddress,
    /// There is no such address, allocation or association, or it is not the caller's.
    #[error("the address \"{0}\" does not exist")]
    AddressNotFound(AddressRef),
    /// The address leads to an instance.
    #[error("the address \"{0}\" is associated with an instance; disassociate it first")]
    AddressInUse(Ipv4Addr),
    /// The address leads to instances of another cluster only.
    #[error("the address \"{ip}\" is of the availability zone \"{cluster}\", the instance is not")]
    AddressElsewhere {
        /// The address.
        ip: Ipv4Addr,
        /// Its cluster.
        cluster: ClusterName,
    },

    /// The network mode has no elastic addresses.
    #[error(
        "the network mode of {place} is {mode}, which has no elastic addresses: instances are on \
         the site's own network, and each has the one address that it shows"
    )]
    NoElasticAddresses {
        /// The zone, or the whole cloud.
        place: String,
        /// Its mode.
        mode: VnetMode,
    },

    /// There is no such thing, or it is not the caller's to tag.
    #[error("the id \"{0}\" does not exist")]
    NotTaggable(Taggable),
    /// More tags on one thing than it may have.
    #[error("the limit of {most} tags for \"{id}\" is reached")]
    TooManyTags {
        /// The thing.
        id: String,
        /// The limit.
        most: i64,
    },

    /// There is no such security group.
    #[error("the security group \"{0}\" does not exist")]
    GroupNotFound(String),
    /// The name is taken.
    #[error("the security group \"{0}\" already exists")]
    GroupExists(GroupName),
    /// The name of the group that every account has.
    #[error("the security group \"{0}\" is reserved: it is made by itself and cannot be deleted")]
    GroupReserved(GroupName),
    /// Instances or rules refer to the group.
    #[error("the security group \"{group}\" is in use by {user}")]
    GroupInUse {
        /// The group.
        group: GroupName,
        /// What uses it.
        user: String,
    },
    /// The rule is there already.
    #[error("the specified rule already exists")]
    RuleExists,
    /// There is no such rule.
    #[error("the specified rule does not exist in this security group")]
    RuleNotFound,
    /// The security group has no rule of this id in this direction.
    #[error("the security group rule ID \"{0}\" does not exist")]
    RuleIdNotFound(RuleId),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<getrandom::Error> for Error {
    fn from(error: getrandom::Error) -> Self {
        Self::Randomness(error.to_string())
    }
}
