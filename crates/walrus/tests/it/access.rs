//! Who may do what: every operation that is offered, for everybody who may ask.

use crate::client::{Answer, Call, anonymous, call, open_with};
use crate::forms::{Form, content_type};
use std::collections::BTreeSet;
use walrus::{Operation, Quotas, Settings, Walrus};

/// An operation, how it is asked for, and who gets what.
struct Row {
    operation: &'static str,
    action: &'static str,
    method: &'static str,
    /// With `{bucket}`, and `{upload}` for an upload that has one part.
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    expected: Expected,
}

/// The error codes, empty for success, for each who asks.
struct Expected {
    owner: &'static str,
    other: &'static str,
    anonymous: &'static str,
    /// The anonymous, where the bucket is public-read-write and the object public-read.
    public_acl: &'static str,
    /// The other one, where the policy allows him this action.
    policy_allow: &'static str,
    /// The owner, where the policy denies everybody this action.
    policy_deny: &'static str,
}

const DENIED: &str = "AccessDenied";

/// What the owner may do and nobody else, unless the policy says so.
const OWNERS: Expected = Expected {
    owner: "",
    other: DENIED,
    anonymous: DENIED,
    public_acl: DENIED,
    policy_allow: "",
    policy_deny: DENIED,
};
/// The same, open to everybody in a public bucket.
const PUBLIC: Expected = Expected { public_acl: "", ..OWNERS };
/// A bucket's policy is its owner's, and cannot lock him out.
const POLICY: Expected = Expected { policy_allow: "MethodNotAllowed", policy_deny: "", ..OWNERS };

/// What no bucket has: who may ask is told so.
const fn none(code: &'static str) -> Expected {
    Expected { owner: code, policy_allow: code, ..OWNERS }
}

const GET: Row = Row {
    operation: "",
    action: "",
    method: "GET",
    path: "/{bucket}",
    headers: &[],
    body: "",
    expected: OWNERS,
};
const PUT: Row = Row { method: "PUT", ..GET };
const DELETE: Row = Row { method: "DELETE", ..GET };
const POST: Row = Row { method: "POST", ..GET };

const TAGS: &str = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
const LIFECYCLE: &str = "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status>    <Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>";
const VERSIONING: &str =
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const CORS: &str = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>\
                    <AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
const BLOCK: &str = "<PublicAccessBlockConfiguration/>";
const OWNERSHIP: &str = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred\
                         </ObjectOwnership></Rule></OwnershipControls>";
const NEW_POLICY: &str = r#"{"Statement": {"Effect": "Deny", "Principal": "*",
    "Action": "s3:PutObject", "Resource": "arn:aws:s3:::{bucket}/x"}}"#;
const PARTS: &str = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
                     <ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part></CompleteMultipartUpload>";
const KEYS: &str = "<Delete><Object><Key>key</Key></Object></Delete>";
const COPY: (&str, &str) = ("x-amz-copy-source", "/source/key");
/// Which S3 gives to those only who may read the object too.
const ATTRIBUTES: (&str, &str) = ("x-amz-object-attributes", "ObjectSize");
const CANNED: (&str, &str) = ("x-amz-acl", "private");

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { operation: "ListBuckets", action: "s3:ListBucket", path: "/",
          expected: Expected { other: "", policy_deny: "", ..OWNERS }, ..GET },
    Row { operation: "CreateBucket", action: "s3:PutBucketAcl",
          expected: Expected { other: "BucketAlreadyExists", policy_allow: "BucketAlreadyExists", ..OWNERS }, ..PUT },
    Row { operation: "DeleteBucket", action: "s3:DeleteBucket",
          expected: Expected { owner: "BucketNotEmpty", policy_allow: "BucketNotEmpty", ..OWNERS }, ..DELETE },
    Row { operation: "HeadBucket", action: "s3:ListBucket", method: "HEAD", expected: PUBLIC, ..GET },
    Row { operation: "ListObjects", action: "s3:ListBucket", expected: PUBLIC, ..GET },
    Row { operation: "ListObjectsV2", action: "s3:ListBucket", path: "/{bucket}?list-type=2", expected: PUBLIC, ..GET },
    Row { operation: "ListMultipartUploads", action: "s3:ListBucketMultipartUploads", path: "/{bucket}?uploads", expected: PUBLIC, ..GET },
    Row { operation: "ListObjectVersions", action: "s3:ListBucketVersions", path: "/{bucket}?versions", expected: PUBLIC, ..GET },
    Row { operation: "GetBucketVersioning", action: "s3:GetBucketVersioning", path: "/{bucket}?versioning", ..GET },
    Row { operation: "PutBucketVersioning", action: "s3:PutBucketVersioning", path: "/{bucket}?versioning", body: VERSIONING, ..PUT },
    Row { operation: "GetBucketLifecycleConfiguration", action: "s3:GetLifecycleConfiguration", path: "/{bucket}?lifecycle", ..GET },
    Row { operation: "PutBucketLifecycleConfiguration", action: "s3:PutLifecycleConfiguration", path: "/{bucket}?lifecycle", body: LIFECYCLE, ..PUT },
    Row { operation: "DeleteBucketLifecycle", action: "s3:PutLifecycleConfiguration", path: "/{bucket}?lifecycle", ..DELETE },
    Row { operation: "GetBucketLocation", action: "s3:GetBucketLocation", path: "/{bucket}?location", ..GET },
    Row { operation: "GetBucketAcl", action: "s3:GetBucketAcl", path: "/{bucket}?acl", ..GET },
    Row { operation: "PutBucketAcl", action: "s3:PutBucketAcl", path: "/{bucket}?acl", headers: &[CANNED], ..PUT },
    Row { operation: "GetBucketCors", action: "s3:GetBucketCORS", path: "/{bucket}?cors", ..GET },
    Row { operation: "PutBucketCors", action: "s3:PutBucketCORS", path: "/{bucket}?cors", body: CORS, ..PUT },
    Row { operation: "DeleteBucketCors", action: "s3:PutBucketCORS", path: "/{bucket}?cors", ..DELETE },
    Row { operation: "GetBucketAccelerateConfiguration", action: "s3:GetAccelerateConfiguration", path: "/{bucket}?accelerate", ..GET },
    Row { operation: "GetBucketLogging", action: "s3:GetBucketLogging", path: "/{bucket}?logging", ..GET },
    Row { operation: "GetBucketNotificationConfiguration", action: "s3:GetBucketNotification", path: "/{bucket}?notification", ..GET },
    Row { operation: "GetBucketRequestPayment", action: "s3:GetBucketRequestPayment", path: "/{bucket}?requestPayment", ..GET },
    Row { operation: "GetBucketEncryption", action: "s3:GetEncryptionConfiguration", path: "/{bucket}?encryption",
          expected: none("ServerSideEncryptionConfigurationNotFoundError"), ..GET },
    Row { operation: "GetBucketReplication", action: "s3:GetReplicationConfiguration", path: "/{bucket}?replication",
          expected: none("ReplicationConfigurationNotFoundError"), ..GET },
    Row { operation: "GetBucketWebsite", action: "s3:GetBucketWebsite", path: "/{bucket}?website",
          expected: none("NoSuchWebsiteConfiguration"), ..GET },
    Row { operation: "GetObjectLockConfiguration", action: "s3:GetBucketObjectLockConfiguration", path: "/{bucket}?object-lock",
          expected: none("ObjectLockConfigurationNotFoundError"), ..GET },
    Row { operation: "GetBucketTagging", action: "s3:GetBucketTagging", path: "/{bucket}?tagging", ..GET },
    Row { operation: "PutBucketTagging", action: "s3:PutBucketTagging", path: "/{bucket}?tagging", body: TAGS, ..PUT },
    Row { operation: "DeleteBucketTagging", action: "s3:PutBucketTagging", path: "/{bucket}?tagging", ..DELETE },
    Row { operation: "GetBucketPolicy", action: "s3:GetBucketPolicy", path: "/{bucket}?policy", expected: POLICY, ..GET },
    Row { operation: "PutBucketPolicy", action: "s3:PutBucketPolicy", path: "/{bucket}?policy", body: NEW_POLICY, expected: POLICY, ..PUT },
    Row { operation: "DeleteBucketPolicy", action: "s3:DeleteBucketPolicy", path: "/{bucket}?policy", expected: POLICY, ..DELETE },
    Row { operation: "GetBucketPolicyStatus", action: "s3:GetBucketPolicyStatus", path: "/{bucket}?policyStatus", ..GET },
    Row { operation: "GetPublicAccessBlock", action: "s3:GetBucketPublicAccessBlock", path: "/{bucket}?publicAccessBlock", ..GET },
    Row { operation: "PutPublicAccessBlock", action: "s3:PutBucketPublicAccessBlock", path: "/{bucket}?publicAccessBlock", body: BLOCK, ..PUT },
    Row { operation: "DeletePublicAccessBlock", action: "s3:PutBucketPublicAccessBlock", path: "/{bucket}?publicAccessBlock", ..DELETE },
    Row { operation: "GetBucketOwnershipControls", action: "s3:GetBucketOwnershipControls", path: "/{bucket}?ownershipControls", ..GET },
    Row { operation: "PutBucketOwnershipControls", action: "s3:PutBucketOwnershipControls", path: "/{bucket}?ownershipControls", body: OWNERSHIP, ..PUT },
    Row { operation: "DeleteBucketOwnershipControls", action: "s3:PutBucketOwnershipControls", path: "/{bucket}?ownershipControls", ..DELETE },
    Row { operation: "DeleteObjects", action: "s3:DeleteObject", path: "/{bucket}?delete", body: KEYS, expected: PUBLIC, ..POST },
    Row { operation: "GetObject", action: "s3:GetObject", path: "/{bucket}/key", expected: PUBLIC, ..GET },
    Row { operation: "HeadObject", action: "s3:GetObject", method: "HEAD", path: "/{bucket}/key", expected: PUBLIC, ..GET },
    Row { operation: "GetObjectAttributes", action: "s3:GetObjectAttributes", path: "/{bucket}/key?attributes", headers: &[ATTRIBUTES],
          expected: Expected { policy_allow: DENIED, ..PUBLIC }, ..GET },
    Row { operation: "GetObjectAttributes", action: "s3:GetObjectVersionAttributes", path: "/{bucket}/key?attributes&versionId=null", headers: &[ATTRIBUTES],
          expected: Expected { policy_allow: DENIED, ..PUBLIC }, ..GET },
    Row { operation: "GetObjectAcl", action: "s3:GetObjectAcl", path: "/{bucket}/key?acl", ..GET },
    Row { operation: "PutObjectAcl", action: "s3:PutObjectAcl", path: "/{bucket}/key?acl", headers: &[CANNED], ..PUT },
    Row { operation: "GetObjectTagging", action: "s3:GetObjectTagging", path: "/{bucket}/key?tagging", ..GET },
    Row { operation: "PutObjectTagging", action: "s3:PutObjectTagging", path: "/{bucket}/key?tagging", body: TAGS, ..PUT },
    Row { operation: "DeleteObjectTagging", action: "s3:DeleteObjectTagging", path: "/{bucket}/key?tagging", ..DELETE },
    Row { operation: "GetObjectTagging", action: "s3:GetObjectVersionTagging", path: "/{bucket}/key?tagging&versionId=null", ..GET },
    Row { operation: "PutObjectTagging", action: "s3:PutObjectVersionTagging", path: "/{bucket}/key?tagging&versionId=null", body: TAGS, ..PUT },
    Row { operation: "DeleteObjectTagging", action: "s3:DeleteObjectVersionTagging", path: "/{bucket}/key?tagging&versionId=null", ..DELETE },
    Row { operation: "GetObject", action: "s3:GetObjectVersion", path: "/{bucket}/key?versionId=null", expected: PUBLIC, ..GET },
    Row { operation: "HeadObject", action: "s3:GetObjectVersion", method: "HEAD", path: "/{bucket}/key?versionId=null", expected: PUBLIC, ..GET },
    Row { operation: "GetObjectAcl", action: "s3:GetObjectVersionAcl", path: "/{bucket}/key?acl&versionId=null", ..GET },
    Row { operation: "PutObjectAcl", action: "s3:PutObjectVersionAcl", path: "/{bucket}/key?acl&versionId=null", headers: &[CANNED], ..PUT },
    Row { operation: "DeleteObject", action: "s3:DeleteObjectVersion", path: "/{bucket}/key?versionId=null", ..DELETE },
    Row { operation: "PutObject", action: "s3:PutObject", path: "/{bucket}/key", body: "x", expected: PUBLIC, ..PUT },
    Row { operation: "PostObject", action: "s3:PutObject", expected: PUBLIC, ..POST },
    Row { operation: "CopyObject", action: "s3:PutObject", path: "/{bucket}/key", headers: &[COPY], expected: PUBLIC, ..PUT },
    Row { operation: "DeleteObject", action: "s3:DeleteObject", path: "/{bucket}/key", expected: PUBLIC, ..DELETE },
    Row { operation: "CreateMultipartUpload", action: "s3:PutObject", path: "/{bucket}/key?uploads", expected: PUBLIC, ..POST },
    Row { operation: "UploadPart", action: "s3:PutObject", path: "/{bucket}/key?partNumber=2&uploadId={upload}", body: "x", expected: PUBLIC, ..PUT },
    Row { operation: "UploadPartCopy", action: "s3:PutObject", path: "/{bucket}/key?partNumber=2&uploadId={upload}", headers: &[COPY], expected: PUBLIC, ..PUT },
    Row { operation: "CompleteMultipartUpload", action: "s3:PutObject", path: "/{bucket}/key?uploadId={upload}", body: PARTS, expected: PUBLIC, ..POST },
    Row { operation: "AbortMultipartUpload", action: "s3:AbortMultipartUpload", path: "/{bucket}/key?uploadId={upload}", ..DELETE },
    Row { operation: "ListParts", action: "s3:ListMultipartUploadParts", path: "/{bucket}/key?uploadId={upload}", ..GET },
];

/// What is set beforehand in the bucket that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Private,
    PublicAcl,
    /// The policy says this of everybody, or of the other one.
    Policy(&'static str, &'static str),
}

async fn done(call: Call<'_>, walrus: &Walrus) -> Answer {
    let answer = call.send(walrus).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer
}

/// Makes a bucket with all that an operation may need, and says the id of its upload.
async fn furnish(walrus: &Walrus, bucket: &str, action: &str, setting: Setting) -> String {
    let at = |rest: &str| format!("/{bucket}{rest}");
    done(call("ALICE", "PUT", &at("")), walrus).await;
    done(call("ALICE", "PUT", &at("/key")).body("hello"), walrus).await;
    let begun = done(call("ALICE", "POST", &at("/key?uploads")), walrus).await;
    let upload = begun.elements("UploadId")[0].to_owned();
    let part = at(&format!("/key?partNumber=1&uploadId={upload}"));
    done(call("ALICE", "PUT", &part).body("hello"), walrus).await;
    for (word, document) in [
        ("cors", CORS),
        ("lifecycle", LIFECYCLE),
        ("tagging", TAGS),
        ("publicAccessBlock", BLOCK),
        ("ownershipControls", OWNERSHIP),
    ] {
        done(call("ALICE", "PUT", &at(&format!("?{word}"))).body(document), walrus).await;
    }
    let mut policy = NEW_POLICY.replace("{bucket}", bucket);
    match setting {
        Setting::Private => {}
        Setting::PublicAcl => {
            for (path, acl) in [("?acl", "public-read-write"), ("/key?acl", "public-read")] {
                done(call("ALICE", "PUT", &at(path)).header("x-amz-acl", acl), walrus).await;
            }
        }
        Setting::Policy(effect, principal) => {
            policy = format!(
                r#"{{"Statement": {{"Effect": "{effect}", "Principal": {principal},
                   "Action": "{action}", "Resource": ["arn:aws:s3:::{bucket}",
                   "arn:aws:s3:::{bucket}/*"]}}}}"#
            );
        }
    }
    done(call("ALICE", "PUT", &at("?policy")).body(policy), walrus).await;
    upload
}

/// A form is signed by its fields.
async fn posted(path: &str, who: Option<&str>, walrus: &Walrus) -> Answer {
    let form = Form::new(&[("key", "key")]);
    let form = match who {
        Some(who) => form.signed_v4(who, &[]),
        None => form,
    };
    let post = anonymous("POST", path).header("content-type", &content_type());
    post.body(form.body()).send(walrus).await
}

/// The error code; of an answer without a body its status instead.
fn code(answer: &Answer) -> String {
    match (answer.code(), answer.status.as_u16()) {
        ("", 200..=299) => String::new(),
        ("", 403) => DENIED.to_owned(),
        ("", status) => status.to_string(),
        (code, _) => code.to_owned(),
    }
}

#[tokio::test]
async fn every_operation_answers_everybody_as_s3_does() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let settings = Settings { quotas: Quotas::default(), ..Settings::default() };
    let walrus = open_with(dir.path(), settings);
    done(call("ALICE", "PUT", "/source"), &walrus).await;
    let put = call("ALICE", "PUT", "/source/key").header("x-amz-acl", "public-read");
    done(put.body("hello"), &walrus).await;
    let bob = format!(r#"{{"AWS": "{}"}}"#, crate::client::account("BOB"));
    let bob: &'static str = bob.leak();
    let mut wrong = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let expected = &row.expected;
        let private = Setting::Private;
        for (column, who, setting, expected) in [
            ("owner", Some("ALICE"), private, expected.owner),
            ("other", Some("BOB"), private, expected.other),
            ("anonymous", None, private, expected.anonymous),
            ("public ACL", None, Setting::PublicAcl, expected.public_acl),
            ("policy allow", Some("BOB"), Setting::Policy("Allow", bob), expected.policy_allow),
            ("policy deny", Some("ALICE"), Setting::Policy("Deny", "\"*\""), expected.policy_deny),
        ] {
            let bucket = format!("b{number}-{}", column.replace(' ', "-").to_lowercase());
            let upload = furnish(&walrus, &bucket, row.action, setting).await;
            let fill = |text: &str| text.replace("{bucket}", &bucket).replace("{upload}", &upload);
            let path = fill(row.path);
            let mut request = match who {
                Some(who) => call(who, row.method, &path),
                None => anonymous(row.method, &path),
            };
            for (name, value) in row.headers {
                request = request.header(name, value);
            }
            let answer = if row.operation == "PostObject" {
                posted(&path, who, &walrus).await
            } else {
                request.body(fill(row.body)).send(&walrus).await
            };
            if code(&answer) != expected {
                let found = code(&answer);
                wrong.push(format!("{}, {column}: {found:?}, not {expected:?}", row.operation));
            }
            if let Some(operation) = answer.operation {
                assert_eq!(operation.name(), row.operation, "the row asks for something else");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_operation_has_a_row() {
    let rows: BTreeSet<_> = ROWS.iter().map(|row| row.operation).collect();
    assert_eq!(rows, Operation::NAMES.iter().copied().collect());
}
