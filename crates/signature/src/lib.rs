//! AWS request signatures, made and verified. No I/O, no clock, no store of keys.
//!
//! The server side works in two steps, because the secret is found by the access key that the
//! request claims: [`ec2::claim`] or [`s3::claim`] reads the claim, `verify` on it checks the
//! signature with the secret and the time that the caller gives. [`chunked`] decodes S3's
//! `aws-chunked` bodies and verifies their chunk signatures. [`client`] signs.
//!
//! Signature version 2 and 4 are served. Version 1 can be forged (its string has no separators)
//! and is refused unless the caller asks for it.

pub mod chunked;
pub mod client;
pub mod ec2;
mod encode;
mod error;
pub mod form;
mod head;
mod instant;
mod mac;
pub mod s3;
mod v1;
mod v2;
mod v4;

pub use encode::{decode_pairs, uri_decode, uri_encode};
pub use error::{Error, Place};
pub use head::Head;
pub use instant::parse_iso;
pub use mac::sha256_hex;
