//! `GetBucketAcl`, `PutBucketAcl`, `GetObjectAcl`, `PutObjectAcl`: canned ACLs only.

use super::{Answer, empty, no_such_bucket, own_bucket, xml};
use crate::fault::{Fault, INVALID_REQUEST, NO_SUCH_KEY};
use crate::ingest;
use crate::request::{Incoming, Request, not_offered};
use crate::store::{Acl, Bucket, Change, Object};
use crate::walrus::Walrus;
use crate::xml::Xml;

/// The canonical user to whom Amazon's `aws-exec-read` grants READ. ec2-upload-bundle takes a
/// bucket for ready when it sees the name.
const EC2_READER: (&str, &str) =
    ("6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c", "za-team");

pub(super) async fn get_bucket(walrus: &Walrus, request: &Request, name: String) -> Answer {
    let bucket = own_bucket(walrus, request, &name).await?;
    Ok(xml(document(&bucket, bucket.acl)))
}

pub(super) async fn get_object(
    walrus: &Walrus,
    request: &Request,
    name: String,
    key: String,
) -> Answer {
    let (bucket, object) = own_object(walrus, request, name, key).await?;
    Ok(xml(document(&bucket, object.acl)))
}

pub(super) async fn put_bucket(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    name: String,
) -> Answer {
    let id = own_bucket(walrus, &request, &name).await?.id;
    let acl = canned(&mut request, body).await?;
    walrus.store.change(Change::SetBucketAcl { name, id, acl }).await??;
    Ok(empty())
}

pub(super) async fn put_object(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    bucket: String,
    key: String,
) -> Answer {
    let (found, _) = own_object(walrus, &request, bucket.clone(), key.clone()).await?;
    let acl = canned(&mut request, body).await?;
    let change = Change::SetObjectAcl { bucket, id: found.id, key, acl };
    walrus.store.change(change).await??;
    Ok(empty())
}

async fn own_object(
    walrus: &Walrus,
    request: &Request,
    name: String,
    key: String,
) -> Result<(Bucket, Object), Fault> {
    let missing = no_such_bucket(&name);
    let found = walrus.store.read(move |store| store.find(&name, &key)).await?.ok_or(missing)?;
    request.must_own(&found.bucket)?;
    Ok((found.bucket, found.object.ok_or(NO_SUCH_KEY)?))
}

/// The canned ACL that is asked for; grants in the body are not offered.
async fn canned(request: &mut Request, body: &mut Incoming) -> Result<Acl, Fault> {
    if !ingest::small(request, body, 64 * 1024).await?.is_empty() {
        return Err(not_offered("an ACL of grants in the body"));
    }
    if request.header("x-amz-acl").is_none() {
        return Err(INVALID_REQUEST.because("name a canned ACL in the header x-amz-acl"));
    }
    request.acl()
}

fn document(bucket: &Bucket, acl: Acl) -> Xml {
    let (id, name) = (bucket.owner.to_string(), bucket.owner_name.as_str());
    let mut answer = Xml::root("AccessControlPolicy");
    answer.open("Owner").text("ID", &id).text("DisplayName", name).close("Owner");
    answer.open("AccessControlList");
    grant(&mut answer, (&id, name), "FULL_CONTROL");
    if acl == Acl::AwsExecRead {
        grant(&mut answer, EC2_READER, "READ");
    }
    answer.close("AccessControlList").close("AccessControlPolicy");
    answer
}

fn grant(answer: &mut Xml, (id, name): (&str, &str), permission: &str) {
    answer.open("Grant");
    answer.open(
        "Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:type=\"CanonicalUser\"",
    );
    answer.text("ID", id).text("DisplayName", name).close("Grantee");
    answer.text("Permission", permission).close("Grant");
}
