//! `GetBucketVersioning`, `PutBucketVersioning`.

use super::{Answer, empty, xml};
use crate::access::Place;
use crate::fault::{Fault, ILLEGAL_VERSIONING_CONFIGURATION, MALFORMED_XML};
use crate::ingest;
use crate::request::{Incoming, Request, not_offered};
use crate::store::{Change, Versioning};
use crate::walrus::Walrus;
use crate::xml::{self, Xml};

const MOST_BYTES: usize = 16 * 1024;

pub(super) fn get(place: &Place) -> Answer {
    let mut answer = Xml::root("VersioningConfiguration");
    match place.bucket.versioning {
        Versioning::Never => {}
        Versioning::Enabled => drop(answer.value("Status", "Enabled")),
        Versioning::Suspended => drop(answer.value("Status", "Suspended")),
    }
    answer.close("VersioningConfiguration");
    Ok(xml(answer))
}

pub(super) async fn put(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let body = ingest::small(&mut request, body, MOST_BYTES).await?;
    let versioning = read(&body)?;
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::SetVersioning { name, id, versioning }).await??;
    Ok(empty())
}

fn read(body: &[u8]) -> Result<Versioning, Fault> {
    let document = xml::parse(body, "VersioningConfiguration")?;
    document.only(&["Status", "MfaDelete"])?;
    match document.text_of("MfaDelete")?.map(str::trim) {
        None | Some("Disabled") => {}
        Some("Enabled") => return Err(not_offered("MfaDelete")),
        Some(_) => return Err(MALFORMED_XML.because("MfaDelete is Enabled or Disabled")),
    }
    match document.text_of("Status")?.map(str::trim) {
        Some("Enabled") => Ok(Versioning::Enabled),
        Some("Suspended") => Ok(Versioning::Suspended),
        Some(_) => Err(MALFORMED_XML.because("Status is Enabled or Suspended")),
        None => Err(ILLEGAL_VERSIONING_CONFIGURATION.into()),
    }
}
