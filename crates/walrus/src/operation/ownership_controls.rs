//! `GetBucketOwnershipControls`, `PutBucketOwnershipControls`, `DeleteBucketOwnershipControls`.

use super::{Answer, empty, no_content, xml};
use crate::access::{Ownership, Place};
use crate::fault::{
    Fault, INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP, MALFORMED_XML, NO_SUCH_OWNERSHIP_CONTROLS,
};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Change, Configuration, Error};
use crate::walrus::Walrus;
use crate::xml::{self, Xml};

const KIND: Configuration = Configuration::OwnershipControls;
const MOST_BYTES: usize = 16 * 1024;

pub(super) async fn get(walrus: &Walrus, place: Place) -> Answer {
    let id = place.bucket.id;
    let read = walrus.store.read(move |store| store.configuration(id, KIND));
    read.await?.ok_or(NO_SUCH_OWNERSHIP_CONTROLS)?;
    let named = Ownership::ALL.iter().find(|(ownership, _)| *ownership == place.rules.ownership);
    let mut answer = Xml::root("OwnershipControls");
    answer.open("Rule").text("ObjectOwnership", named.map_or("", |(_, name)| name));
    answer.close("Rule").close("OwnershipControls");
    Ok(xml(answer))
}

pub(super) async fn put(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let body = ingest::small(&mut request, body, MOST_BYTES).await?;
    let ownership = read(&body)?;
    if ownership == Ownership::BucketOwnerEnforced && place.bucket.acl.is_shared() {
        return Err(INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP.into());
    }
    let document =
        serde_json::to_vec(&ownership).map_err(|error| Error::Corrupt(error.to_string()))?;
    let (name, id, document) = (place.name, place.bucket.id, Some(document));
    walrus.store.change(Change::Configure { name, id, kind: KIND, document }).await??;
    Ok(empty())
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::Configure { name, id, kind: KIND, document: None }).await??;
    Ok(no_content())
}

fn read(body: &[u8]) -> Result<Ownership, Fault> {
    let document = xml::parse(body, "OwnershipControls")?;
    document.only(&["Rule"])?;
    let rule = document.child("Rule")?;
    rule.only(&["ObjectOwnership"])?;
    let wanted = rule.required("ObjectOwnership")?.trim();
    let known = Ownership::ALL.iter().find(|(_, name)| *name == wanted);
    known.map(|(ownership, _)| *ownership).ok_or_else(|| {
        let names = Ownership::ALL.map(|(_, name)| name).join(", ");
        MALFORMED_XML.because(format!("ObjectOwnership is one of {names}"))
    })
}
