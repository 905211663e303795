//! The configurations of a bucket that no bucket has here. Terraform and others read all of them;
//! these are S3's answers for a bucket that has none, and they cannot be set.

use super::{Answer, Operation, xml};
use crate::fault::{
    METHOD_NOT_ALLOWED, NO_SUCH_ENCRYPTION, NO_SUCH_OBJECT_LOCK, NO_SUCH_REPLICATION,
    NO_SUCH_WEBSITE,
};
use crate::xml::Xml;

/// The query words that name them.
pub(super) const WORDS: [(&str, Operation); 8] = [
    ("accelerate", Operation::GetBucketAccelerateConfiguration),
    ("encryption", Operation::GetBucketEncryption),
    ("logging", Operation::GetBucketLogging),
    ("notification", Operation::GetBucketNotificationConfiguration),
    ("object-lock", Operation::GetObjectLockConfiguration),
    ("replication", Operation::GetBucketReplication),
    ("requestPayment", Operation::GetBucketRequestPayment),
    ("website", Operation::GetBucketWebsite),
];

pub(super) fn get(operation: Operation) -> Answer {
    let nothing_in = |root: &str| {
        let mut answer = Xml::root(root);
        answer.close(root);
        Ok(xml(answer))
    };
    match operation {
        Operation::GetBucketAccelerateConfiguration => nothing_in("AccelerateConfiguration"),
        Operation::GetBucketLogging => nothing_in("BucketLoggingStatus"),
        Operation::GetBucketNotificationConfiguration => nothing_in("NotificationConfiguration"),
        Operation::GetBucketRequestPayment => {
            let mut answer = Xml::root("RequestPaymentConfiguration");
            answer.text("Payer", "BucketOwner").close("RequestPaymentConfiguration");
            Ok(xml(answer))
        }
        Operation::GetBucketEncryption => Err(NO_SUCH_ENCRYPTION.into()),
        Operation::GetObjectLockConfiguration => Err(NO_SUCH_OBJECT_LOCK.into()),
        Operation::GetBucketReplication => Err(NO_SUCH_REPLICATION.into()),
        Operation::GetBucketWebsite => Err(NO_SUCH_WEBSITE.into()),
        _ => Err(METHOD_NOT_ALLOWED.into()),
    }
}
