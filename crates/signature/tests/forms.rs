//! Upload forms as boto3's `generate_presigned_post` makes them, of both versions.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use signature::{Error, form};
use types::Timestamp;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2026-12-01T05:01:37Z, when they were signed.
const NOW: Timestamp = Timestamp::from_millis(1_796_101_297_000);
const DAY_MS: i64 = 24 * 3600 * 1000;

const V2: &[(&str, &str)] = &[
    ("acl", "private"),
    ("awsaccesskeyid", "AKIAIOSFODNN7EXAMPLE"),
    (
        "policy",
        "eyJleHBpcmF0aW9uIjogIjIwMjYtMTItMDhUMDU6MDE6MzdaIiwgImNvbmRpdGlvbnMiOiBbeyJhY2wiOiAicHJpdmF0ZSJ9LCBbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwgMSwgMTBdLCB7ImJ1Y2tldCI6ICJidWNrZXQifSwgWyJzdGFydHMtd2l0aCIsICIka2V5IiwgInVzZXIvIl1dfQ==",
    ),
    ("signature", "Ay9EmmJ1EIgw6NNAcSwdXeOcDuU="),
];
const V4: &[(&str, &str)] = &[
    ("acl", "private"),
    ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
    ("x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20261201/eucalyptus/s3/aws4_request"),
    ("x-amz-date", "20261201T050137Z"),
    (
        "policy",
        "eyJleHBpcmF0aW9uIjogIjIwMjYtMTItMDhUMDU6MDE6MzdaIiwgImNvbmRpdGlvbnMiOiBbeyJhY2wiOiAicHJpdmF0ZSJ9LCBbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwgMSwgMTBdLCB7ImJ1Y2tldCI6ICJidWNrZXQifSwgWyJzdGFydHMtd2l0aCIsICIka2V5IiwgInVzZXIvIl0sIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwgeyJ4LWFtei1jcmVkZW50aWFsIjogIkFLSUFJT1NGT0ROTjdFWEFNUExFLzIwMjYxMjAxL2V1Y2FseXB0dXMvczMvYXdzNF9yZXF1ZXN0In0sIHsieC1hbXotZGF0ZSI6ICIyMDI2MTIwMVQwNTAxMzdaIn1dfQ==",
    ),
    ("x-amz-signature", "8fa7b8ce71f234fc97fc0b653db4e9d18937e312109189413f470350b365fa53"),
];

/// The fields without the one of this name, with another in its place if there is one.
fn changed<'a>(
    fields: &[(&'a str, &'a str)],
    name: &str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let others = fields.iter().copied().filter(|(other, _)| *other != name);
    let new = fields.iter().find(|(other, _)| *other == name).map(|(name, _)| (*name, value));
    others.chain(new.filter(|(_, value)| !value.is_empty())).collect()
}

fn verify(fields: &[(&str, &str)], secret: &str, now: Timestamp) -> Result<(), Error> {
    let get = |name: &str| fields.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let claim = form::claim(get)?.unwrap();
    assert_eq!(claim.access_key(), "AKIAIOSFODNN7EXAMPLE");
    claim.verify(secret, now)
}

#[test]
fn a_signed_policy_is_good_with_its_secret_only() {
    for (fields, signature) in [(V2, "signature"), (V4, "x-amz-signature")] {
        assert_eq!(verify(fields, SECRET, NOW), Ok(()));
        let mismatch = |answer| matches!(answer, Err(Error::Mismatch { .. }));
        assert!(mismatch(verify(fields, "another", NOW)));
        assert!(mismatch(verify(&changed(fields, "policy", "e30="), SECRET, NOW)));
        assert!(mismatch(verify(&changed(fields, signature, "AAAA"), SECRET, NOW)));
    }
    // what version 2 says of its time is in the policy alone
    assert_eq!(verify(V2, SECRET, NOW.plus_millis(8 * DAY_MS)), Ok(()));
    assert_eq!(verify(V4, SECRET, NOW.plus_millis(7 * DAY_MS)), Ok(()));
    let late = verify(V4, SECRET, NOW.plus_millis(7 * DAY_MS + 1));
    assert!(matches!(late, Err(Error::Expired { .. })));
    let early = verify(V4, SECRET, NOW.plus_millis(-DAY_MS));
    assert!(matches!(early, Err(Error::Skewed { .. })));
}

#[test]
fn half_a_signature_is_no_anonymous_form() {
    for fields in [V2, V4] {
        for (name, _) in fields.iter().filter(|(name, _)| *name != "acl") {
            let error = verify(&changed(fields, name, ""), SECRET, NOW).unwrap_err();
            assert_eq!(error.s3(), ("InvalidArgument", 400), "{name}");
        }
    }
    let both: Vec<_> = V2.iter().chain(V4).copied().collect();
    assert_eq!(verify(&both, SECRET, NOW), Err(Error::TwoSignatures));
    let algorithm = changed(V4, "x-amz-algorithm", "AWS4-ECDSA-P256-SHA256");
    assert!(matches!(verify(&algorithm, SECRET, NOW), Err(Error::NotOffered { .. })));
    let date = changed(V4, "x-amz-date", "20261202T050137Z");
    assert_eq!(verify(&date, SECRET, NOW).unwrap_err().s3(), ("InvalidArgument", 400));
    assert_eq!(form::claim(|name| (name == "acl").then_some("private")), Ok(None));
}
