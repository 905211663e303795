//! Errors as S3 shows them: a code, a status, a message, in XML without a namespace
//! (ec2-ami-tools looks for `/Error/Code`, and only in `application/xml`).

use crate::Body;
use crate::store::{self, Refusal};
use crate::xml::Xml;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use std::io;

/// A row of the table of error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    code: &'static str,
    status: u16,
    message: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $code:literal $status:literal $message:literal;)*) => {
        $(pub(crate) const $name: Kind =
            Kind { code: $code, status: $status, message: $message };)*
    };
}

kinds! {
    ACCESS_CONTROL_LIST_NOT_SUPPORTED = "AccessControlListNotSupported" 400
        "The bucket does not allow ACLs (its object ownership is BucketOwnerEnforced)";
    ACCESS_FORBIDDEN = "AccessForbidden" 403
        "No rule of the bucket lets a page of this origin ask";
    ACCESS_DENIED = "AccessDenied" 403 "Access Denied";
    BAD_DIGEST = "BadDigest" 400
        "The checksum that was sent does not match the body that was received";
    BAD_REQUEST = "BadRequest" 400 "Bad request";
    BUCKET_ALREADY_EXISTS = "BucketAlreadyExists" 409
        "Another user has a bucket of this name; bucket names are shared by all users";
    BUCKET_NOT_EMPTY = "BucketNotEmpty" 409 "The bucket is not empty; delete its objects first";
    ENTITY_TOO_LARGE = "EntityTooLarge" 400 "The object is larger than is allowed";
    ENTITY_TOO_SMALL = "EntityTooSmall" 400
        "Every part but the last one must have at least 5 MiB";
    ILLEGAL_VERSIONING_CONFIGURATION = "IllegalVersioningConfigurationException" 400
        "The configuration says neither Enabled nor Suspended";
    INCOMPLETE_BODY = "IncompleteBody" 400
        "The body does not have the length that the headers say";
    INTERNAL_ERROR = "InternalError" 500 "An internal error occurred; the log of the server says more";
    INVALID_ACCESS_KEY_ID = "InvalidAccessKeyId" 403
        "The access key does not exist, or its user is disabled";
    INVALID_ARGUMENT = "InvalidArgument" 400 "Invalid argument";
    INVALID_BUCKET_NAME = "InvalidBucketName" 400
        "A bucket name has 3 to 63 letters, digits, '.', '-' or '_', a letter or digit first and \
         last, and is not an address";
    INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP = "InvalidBucketAclWithObjectOwnership" 400
        "The bucket's ACL gives something to others; make it private before ACLs are switched off";
    INVALID_DIGEST = "InvalidDigest" 400
        "A checksum header is not the base64 of a checksum of its kind";
    INVALID_POLICY_DOCUMENT = "InvalidPolicyDocument" 400 "The policy of the form is not valid";
    INVALID_PART = "InvalidPart" 400
        "A part of the list was not uploaded, or has another ETag or checksum";
    INVALID_PART_NUMBER = "InvalidPartNumber" 416
        "The object does not have so many parts";
    INVALID_PART_ORDER = "InvalidPartOrder" 400
        "The parts must be listed in the order of their numbers, each once";
    INVALID_RANGE = "InvalidRange" 416 "The requested range lies outside of the object";
    INVALID_REQUEST = "InvalidRequest" 400 "Invalid request";
    INVALID_URI = "InvalidURI" 400
        "The path cannot be read: it is UTF-8, percent-encoded, without NUL and '..' segments";
    INVALID_TAG = "InvalidTag" 400 "A tag is not valid";
    KEY_TOO_LONG = "KeyTooLongError" 400 "A key has at most 1024 bytes";
    MALFORMED_ACL = "MalformedACLError" 400 "The ACL is not well-formed or not a whole one";
    MALFORMED_POLICY = "MalformedPolicy" 400 "The policy is not valid";
    MALFORMED_POST = "MalformedPOSTRequest" 400
        "The body of your POST request is not well-formed multipart/form-data";
    MALFORMED_XML = "MalformedXML" 400 "The XML of the body is not what this operation reads";
    METADATA_TOO_LARGE = "MetadataTooLarge" 400
        "The x-amz-meta- headers have more than 2048 bytes";
    MISSING_SECURITY_HEADER = "MissingSecurityHeader" 400
        "Name a canned ACL in x-amz-acl, grants in x-amz-grant- headers, or send an ACL";
    METHOD_NOT_ALLOWED = "MethodNotAllowed" 405 "The method is not allowed here";
    NO_SUCH_BUCKET = "NoSuchBucket" 404 "The bucket does not exist";
    NO_SUCH_BUCKET_POLICY = "NoSuchBucketPolicy" 404 "The bucket has no policy";
    NO_SUCH_CORS_CONFIGURATION = "NoSuchCORSConfiguration" 404
        "The bucket has no rules for other origins (CORS)";
    NO_SUCH_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError" 404
        "The bucket has no encryption set, and cannot have it here";
    NO_SUCH_KEY = "NoSuchKey" 404 "The key does not exist";
    NO_SUCH_OBJECT_LOCK = "ObjectLockConfigurationNotFoundError" 404
        "The bucket has no object lock, and cannot have it here";
    NO_SUCH_LIFECYCLE = "NoSuchLifecycleConfiguration" 404
        "The lifecycle configuration does not exist";
    NO_SUCH_OWNERSHIP_CONTROLS = "OwnershipControlsNotFoundError" 404
        "The bucket has no ownership controls";
    NO_SUCH_PUBLIC_ACCESS_BLOCK = "NoSuchPublicAccessBlockConfiguration" 404
        "The bucket has no public access block";
    NO_SUCH_REPLICATION = "ReplicationConfigurationNotFoundError" 404
        "The bucket has no replication, and cannot have it here";
    NO_SUCH_TAG_SET = "NoSuchTagSet" 404 "There are no tags here";
    NO_SUCH_UPLOAD = "NoSuchUpload" 404
        "There is no such upload; it may have been completed or aborted";
    NO_SUCH_VERSION = "NoSuchVersion" 404 "The key has no such version";
    NO_SUCH_WEBSITE = "NoSuchWebsiteConfiguration" 404
        "The bucket has no website, and cannot have it here";
    NOT_IMPLEMENTED = "NotImplemented" 501 "Walrus does not offer this";
    NOT_MODIFIED = "NotModified" 304 "Not modified";
    OPERATION_ABORTED = "OperationAborted" 409
        "The object was written over meanwhile; try again";
    PRECONDITION_FAILED = "PreconditionFailed" 412 "A condition of the request does not hold";
    REQUEST_TIMEOUT = "RequestTimeout" 400 "The body did not come within the time allowed";
    SHA256_MISMATCH = "XAmzContentSHA256Mismatch" 400
        "The x-amz-content-sha256 that was sent does not match the body that was received";
    SLOW_DOWN = "SlowDown" 503 "Too many uploads at once; try again";
    STORAGE_FULL = "StorageFull" 507
        "The disk of the store is full; delete objects or ask the administrator for space";
    UNEXPECTED_CONTENT = "UnexpectedContent" 400
        "An ACL is either in the headers or in the body";
    TOO_LONG_FORM = "MaxPostPreDataLengthExceededError" 400
        "Your POST request fields preceding the upload file were too large.";
    TOO_MANY_BUCKETS = "TooManyBuckets" 400 "The user has as many buckets as are allowed";
}

impl Kind {
    /// The fault of this kind with a message of its own.
    pub(crate) fn because(self, message: impl Into<String>) -> Fault {
        Fault { message: message.into(), ..Fault::from(self) }
    }
}

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct Fault {
    code: &'static str,
    status: u16,
    message: String,
    details: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Fault {
    pub(crate) fn code(&self) -> &str {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Adds an element to the XML.
    pub(crate) fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.details.push((element, text.into()));
        self
    }

    /// Adds a header to the response.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The response. The caller takes the body away where the method is HEAD.
    pub(crate) fn into_response(self, resource: &str, request_id: &str) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut xml = Xml::new();
        xml.open("Error").text("Code", self.code).text("Message", &self.message);
        for (element, text) in &self.details {
            xml.text(element, text);
        }
        xml.text("Resource", resource).text("RequestId", request_id);
        xml.text("HostId", "walrus").close("Error");
        let body = if self.status == 304 { Body::empty() } else { xml.into() };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        headers.extend(self.headers);
        response
    }
}

impl From<Kind> for Fault {
    fn from(Kind { code, status, message }: Kind) -> Self {
        let message = message.to_owned();
        Self { code, status, message, details: Vec::new(), headers: Vec::new() }
    }
}

impl From<signature::Error> for Fault {
    fn from(error: signature::Error) -> Self {
        let (code, status) = error.s3();
        let fault = Self { code, status, ..INVALID_REQUEST.because(error.to_string()) };
        match error {
            signature::Error::Mismatch { string_to_sign } => {
                fault.with("StringToSign", string_to_sign)
            }
            signature::Error::Skewed { sent, now } => fault
                .with("RequestTime", sent.to_string())
                .with("ServerTime", now.to_string())
                .with("MaxAllowedSkewMilliseconds", "900000"),
            _ => fault,
        }
    }
}

impl From<signature::chunked::Error> for Fault {
    fn from(error: signature::chunked::Error) -> Self {
        let (code, status) = error.s3();
        Self { code, status, ..INVALID_REQUEST.because(error.to_string()) }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::from(match refusal {
            Refusal::BucketFull(most) => {
                let why = format!("the bucket may hold {most} bytes, and would hold more");
                return ENTITY_TOO_LARGE.because(why);
            }
            Refusal::UserFull(most) => {
                let why = format!(
                    "all buckets of this bucket's owner may hold {most} bytes, and would hold more"
                );
                return ENTITY_TOO_LARGE.because(why);
            }
            Refusal::NoSuchBucket => NO_SUCH_BUCKET,
            Refusal::NoSuchKey => NO_SUCH_KEY,
            Refusal::NoSuchVersion => NO_SUCH_VERSION,
            Refusal::BucketAlreadyExists => BUCKET_ALREADY_EXISTS,
            Refusal::BucketNotEmpty => BUCKET_NOT_EMPTY,
            Refusal::TooManyBuckets => TOO_MANY_BUCKETS,
            Refusal::PreconditionFailed => PRECONDITION_FAILED,
            Refusal::NoSuchUpload => NO_SUCH_UPLOAD,
            Refusal::InvalidPart => INVALID_PART,
            Refusal::SourceChanged => OPERATION_ABORTED,
        })
    }
}

impl From<store::Error> for Fault {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Blob(error) => Self::from(error),
            error => {
                tracing::error!(%error, "walrus cannot serve a request");
                INTERNAL_ERROR.into()
            }
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return STORAGE_FULL.into();
        }
        tracing::error!(%error, "walrus cannot read or write a blob");
        INTERNAL_ERROR.into()
    }
}
