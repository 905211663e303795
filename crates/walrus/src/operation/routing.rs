//! Which operation a request asks for, and the action that it needs.

use super::unset;
use crate::access::Action;
use crate::fault::{Fault, METHOD_NOT_ALLOWED};
use crate::request::{Request, Target};
use http::Method;

macro_rules! operations {
    ($($name:ident $action:ident;)*) => {
        /// The operations that Walrus offers, by S3's names: an extension of the answers to them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "S3 documents its operations")]
        pub enum Operation {
            $($name,)*
        }

        impl Operation {
            /// The names of all of them.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];

            /// Its name in S3's reference.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What its caller must be allowed to do, before it is run.
            pub(super) fn action(self) -> Action {
                match self {
                    $(Self::$name => Action::$action,)*
                }
            }
        }
    };
}

// PostObject is admitted for the key that its form names, DeleteObjects key by key, each for the
// same action; where a version is named, the
// action is that of versions
operations! {
    ListBuckets ListAllMyBuckets;
    CreateBucket CreateBucket;
    DeleteBucket DeleteBucket;
    HeadBucket ListBucket;
    ListObjects ListBucket;
    ListObjectsV2 ListBucket;
    ListMultipartUploads ListBucketMultipartUploads;
    ListObjectVersions ListBucketVersions;
    GetBucketVersioning GetBucketVersioning;
    PutBucketVersioning PutBucketVersioning;
    GetBucketLifecycleConfiguration GetLifecycleConfiguration;
    PutBucketLifecycleConfiguration PutLifecycleConfiguration;
    DeleteBucketLifecycle PutLifecycleConfiguration;
    GetBucketLocation GetBucketLocation;
    GetBucketAcl GetBucketAcl;
    PutBucketAcl PutBucketAcl;
    GetBucketCors GetBucketCORS;
    PutBucketCors PutBucketCORS;
    DeleteBucketCors PutBucketCORS;
    GetBucketAccelerateConfiguration GetAccelerateConfiguration;
    GetBucketEncryption GetEncryptionConfiguration;
    GetBucketLogging GetBucketLogging;
    GetBucketNotificationConfiguration GetBucketNotification;
    GetBucketReplication GetReplicationConfiguration;
    GetBucketRequestPayment GetBucketRequestPayment;
    GetBucketWebsite GetBucketWebsite;
    GetObjectLockConfiguration GetBucketObjectLockConfiguration;
    GetBucketTagging GetBucketTagging;
    PutBucketTagging PutBucketTagging;
    DeleteBucketTagging PutBucketTagging;
    GetBucketPolicy GetBucketPolicy;
    PutBucketPolicy PutBucketPolicy;
    DeleteBucketPolicy DeleteBucketPolicy;
    GetBucketPolicyStatus GetBucketPolicyStatus;
    GetPublicAccessBlock GetBucketPublicAccessBlock;
    PutPublicAccessBlock PutBucketPublicAccessBlock;
    DeletePublicAccessBlock PutBucketPublicAccessBlock;
    GetBucketOwnershipControls GetBucketOwnershipControls;
    PutBucketOwnershipControls PutBucketOwnershipControls;
    DeleteBucketOwnershipControls PutBucketOwnershipControls;
    DeleteObjects DeleteObject;
    GetObject GetObject;
    HeadObject GetObject;
    GetObjectAttributes GetObjectAttributes;
    GetObjectAcl GetObjectAcl;
    PutObjectAcl PutObjectAcl;
    GetObjectTagging GetObjectTagging;
    PutObjectTagging PutObjectTagging;
    DeleteObjectTagging DeleteObjectTagging;
    PutObject PutObject;
    PostObject PutObject;
    CopyObject PutObject;
    DeleteObject DeleteObject;
    CreateMultipartUpload PutObject;
    UploadPart PutObject;
    UploadPartCopy PutObject;
    CompleteMultipartUpload PutObject;
    AbortMultipartUpload AbortMultipartUpload;
    ListParts ListMultipartUploadParts;
}

impl Operation {
    /// The operation that a request asks for, all of whose words and headers are offered.
    pub(crate) fn asked(request: &Request, target: &Target) -> Result<Self, Fault> {
        let has = |word| request.word(word).is_some();
        match (request.method.clone(), target) {
            (Method::GET, Target::Service) => Ok(Self::ListBuckets),
            (method, Target::Bucket { .. }) => Self::on_bucket(&method, has),
            (method, Target::Object { .. }) => Self::on_object(&method, has, request.copies()),
            _ => Err(METHOD_NOT_ALLOWED.into()),
        }
    }

    fn on_bucket(method: &Method, has: impl Fn(&'static str) -> bool) -> Result<Self, Fault> {
        let unset = unset::WORDS.iter().find(|(word, _)| has(word));
        if let (&Method::GET, Some((_, operation))) = (method, unset) {
            return Ok(*operation);
        }
        Ok(match *method {
            Method::GET if has("acl") => Self::GetBucketAcl,
            Method::GET if has("cors") => Self::GetBucketCors,
            Method::GET if has("lifecycle") => Self::GetBucketLifecycleConfiguration,
            Method::GET if has("location") => Self::GetBucketLocation,
            Method::GET if has("ownershipControls") => Self::GetBucketOwnershipControls,
            Method::GET if has("policy") => Self::GetBucketPolicy,
            Method::GET if has("policyStatus") => Self::GetBucketPolicyStatus,
            Method::GET if has("publicAccessBlock") => Self::GetPublicAccessBlock,
            Method::GET if has("tagging") => Self::GetBucketTagging,
            Method::GET if has("uploads") => Self::ListMultipartUploads,
            Method::GET if has("versioning") => Self::GetBucketVersioning,
            Method::GET if has("versions") => Self::ListObjectVersions,
            Method::GET if has("list-type") => Self::ListObjectsV2,
            Method::GET => Self::ListObjects,
            Method::HEAD => Self::HeadBucket,
            Method::PUT if has("acl") => Self::PutBucketAcl,
            Method::PUT if has("cors") => Self::PutBucketCors,
            Method::PUT if has("lifecycle") => Self::PutBucketLifecycleConfiguration,
            Method::PUT if has("ownershipControls") => Self::PutBucketOwnershipControls,
            Method::PUT if has("policy") => Self::PutBucketPolicy,
            Method::PUT if has("publicAccessBlock") => Self::PutPublicAccessBlock,
            Method::PUT if has("tagging") => Self::PutBucketTagging,
            Method::PUT if has("versioning") => Self::PutBucketVersioning,
            Method::PUT => Self::CreateBucket,
            Method::DELETE if has("cors") => Self::DeleteBucketCors,
            Method::DELETE if has("lifecycle") => Self::DeleteBucketLifecycle,
            Method::DELETE if has("ownershipControls") => Self::DeleteBucketOwnershipControls,
            Method::DELETE if has("policy") => Self::DeleteBucketPolicy,
            Method::DELETE if has("publicAccessBlock") => Self::DeletePublicAccessBlock,
            Method::DELETE if has("tagging") => Self::DeleteBucketTagging,
            Method::DELETE => Self::DeleteBucket,
            Method::POST if has("delete") => Self::DeleteObjects,
            Method::POST => Self::PostObject,
            _ => return Err(METHOD_NOT_ALLOWED.into()),
        })
    }

    fn on_object(
        method: &Method,
        has: impl Fn(&'static str) -> bool,
        copies: bool,
    ) -> Result<Self, Fault> {
        Ok(match *method {
            Method::GET if has("acl") => Self::GetObjectAcl,
            Method::GET if has("attributes") => Self::GetObjectAttributes,
            Method::GET if has("tagging") => Self::GetObjectTagging,
            Method::GET if has("uploadId") => Self::ListParts,
            Method::GET => Self::GetObject,
            Method::HEAD => Self::HeadObject,
            Method::PUT if has("acl") => Self::PutObjectAcl,
            Method::PUT if has("tagging") => Self::PutObjectTagging,
            Method::PUT if has("uploadId") && copies => Self::UploadPartCopy,
            Method::PUT if has("uploadId") => Self::UploadPart,
            Method::PUT if copies => Self::CopyObject,
            Method::PUT => Self::PutObject,
            Method::POST if has("uploadId") => Self::CompleteMultipartUpload,
            Method::POST if has("uploads") => Self::CreateMultipartUpload,
            Method::DELETE if has("tagging") => Self::DeleteObjectTagging,
            Method::DELETE if has("uploadId") => Self::AbortMultipartUpload,
            Method::DELETE => Self::DeleteObject,
            _ => return Err(METHOD_NOT_ALLOWED.into()),
        })
    }
}
