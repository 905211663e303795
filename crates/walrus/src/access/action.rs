//! S3's actions: what a policy allows or denies, and which permission of an ACL covers it.

use super::Permission;

/// Whose permission an action needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// It is about a bucket.
    Bucket,
    /// It is about a key, and the bucket's owner decides: writing and deleting.
    Key,
    /// It is about an object, and the object's owner decides: reading it and its ACL.
    Object,
}

macro_rules! actions {
    ($($name:ident $level:ident $($permission:ident)?;)*) => {
        /// An action that an operation of Walrus needs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $($name,)*
        }

        impl Action {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in a policy.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("s3:", stringify!($name)),)*
                }
            }

            pub(crate) fn level(self) -> Level {
                match self {
                    $(Self::$name => Level::$level,)*
                }
            }

            /// The permission in the ACL of the bucket (of the object at [`Level::Object`]) that
            /// covers it (S3 user guide, mapping of ACL permissions).
            pub(crate) fn permission(self) -> Option<Permission> {
                match self {
                    $(Self::$name => None$(.or(Some(Permission::$permission)))?,)*
                }
            }
        }

        const OFFERED: &[(&str, bool)] =
            &[$((stringify!($name), matches!(Level::$level, Level::Bucket)),)*];
    };
}

actions! {
    CreateBucket Bucket;
    DeleteBucket Bucket;
    ListAllMyBuckets Bucket;
    ListBucket Bucket Read;
    ListBucketMultipartUploads Bucket Read;
    GetBucketAcl Bucket ReadAcp;
    PutBucketAcl Bucket WriteAcp;
    GetBucketLocation Bucket;
    GetAccelerateConfiguration Bucket;
    GetBucketCORS Bucket;
    PutBucketCORS Bucket;
    GetBucketLogging Bucket;
    GetBucketNotification Bucket;
    GetBucketObjectLockConfiguration Bucket;
    GetBucketRequestPayment Bucket;
    GetBucketTagging Bucket;
    PutBucketTagging Bucket;
    GetBucketWebsite Bucket;
    GetEncryptionConfiguration Bucket;
    GetReplicationConfiguration Bucket;
    GetBucketPolicy Bucket;
    PutBucketPolicy Bucket;
    DeleteBucketPolicy Bucket;
    GetBucketPolicyStatus Bucket;
    GetBucketPublicAccessBlock Bucket;
    PutBucketPublicAccessBlock Bucket;
    GetBucketOwnershipControls Bucket;
    PutBucketOwnershipControls Bucket;
    ListBucketVersions Bucket Read;
    GetBucketVersioning Bucket;
    PutBucketVersioning Bucket;
    GetLifecycleConfiguration Bucket;
    PutLifecycleConfiguration Bucket;
    PutObject Key Write;
    DeleteObject Key Write;
    DeleteObjectVersion Key;
    AbortMultipartUpload Key;
    ListMultipartUploadParts Key;
    GetObject Object Read;
    GetObjectAcl Object ReadAcp;
    PutObjectAcl Object WriteAcp;
    GetObjectTagging Object;
    PutObjectTagging Object;
    DeleteObjectTagging Object;
    GetObjectVersionTagging Object;
    PutObjectVersionTagging Object;
    DeleteObjectVersionTagging Object;
    GetObjectAttributes Object Read;
    GetObjectVersionAttributes Object Read;
    GetObjectVersion Object Read;
    GetObjectVersionAcl Object ReadAcp;
    PutObjectVersionAcl Object WriteAcp;
}

impl Action {
    /// The action of the same operation on a version that is named.
    pub(crate) fn of_version(self) -> Self {
        match self {
            Self::GetObject => Self::GetObjectVersion,
            Self::GetObjectAcl => Self::GetObjectVersionAcl,
            Self::GetObjectAttributes => Self::GetObjectVersionAttributes,
            Self::PutObjectAcl => Self::PutObjectVersionAcl,
            Self::DeleteObject => Self::DeleteObjectVersion,
            Self::GetObjectTagging => Self::GetObjectVersionTagging,
            Self::PutObjectTagging => Self::PutObjectVersionTagging,
            Self::DeleteObjectTagging => Self::DeleteObjectVersionTagging,
            other => other,
        }
    }

    /// Whether it is for the bytes of an object.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::GetObject | Self::GetObjectVersion)
    }

    /// Whether it handles the bucket's policy.
    pub(crate) fn is_of_policy(self) -> bool {
        matches!(self, Self::GetBucketPolicy | Self::PutBucketPolicy | Self::DeleteBucketPolicy)
    }

    /// Whether who began an upload may do it too: look at its parts, give it up.
    pub(crate) fn is_of_initiator(self) -> bool {
        matches!(self, Self::AbortMultipartUpload | Self::ListMultipartUploadParts)
    }
}

/// Actions of S3 that no operation of Walrus needs yet; a policy may name them all the same.
const OTHERS_OF_BUCKETS: &[&str] = &[
    "DeleteBucketWebsite",
    "GetAnalyticsConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetMetricsConfiguration",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketRequestPayment",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
];

const OTHERS_OF_OBJECTS: &[&str] = &[
    "BypassGovernanceRetention",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTorrent",
    "GetObjectVersionForReplication",
    "GetObjectVersionTorrent",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
];

/// The names of all actions of S3 that are about buckets, or about keys and objects.
pub(crate) fn names(of_buckets: bool) -> impl Iterator<Item = &'static str> {
    let others = if of_buckets { OTHERS_OF_BUCKETS } else { OTHERS_OF_OBJECTS };
    let offered = OFFERED.iter().filter(move |(_, buckets)| *buckets == of_buckets);
    offered.map(|(name, _)| *name).chain(others.iter().copied())
}
