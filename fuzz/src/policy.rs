//! Bucket policies.

/// Takes the bytes for the body of PutBucketPolicy.
pub fn policy(bytes: &[u8]) {
    let Some(policy) = walrus::read_policy(bytes, "bucket") else { return };
    assert!(bytes.len() <= 20 * 1024);
    // what is open to somebody of whom nothing is known is public, and is shown as that
    assert!(policy.is_public || !policy.opens, "{}", String::from_utf8_lossy(bytes));
}
