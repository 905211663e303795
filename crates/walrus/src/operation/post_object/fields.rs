//! The fields of a form, and its file as a body that is read as it comes.

use super::multipart::{Error, File, Multipart, boundary, nothing};
use crate::fault::{
    Fault, INCOMPLETE_BODY, INVALID_ARGUMENT, MALFORMED_POST, PRECONDITION_FAILED, REQUEST_TIMEOUT,
    TOO_LONG_FORM,
};
use crate::ingest::IDLE;
use crate::request::{Incoming, shown};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// S3's limit on the names and values in front of the file.
const MOST_BYTES: usize = 20 * 1024;
const MOST_FIELDS: usize = 200;

/// The fields in front of the file, by their names in lower case, with the file's name in place of
/// `${filename}`.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), Fault> {
        let name = name.to_ascii_lowercase();
        if self.0.len() >= MOST_FIELDS {
            return Err(TOO_LONG_FORM.into());
        }
        match self.0.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(INVALID_ARGUMENT.because("the form has a field twice")),
        }
    }

    /// Puts the name of the file where the form wants it. What is signed is not changed.
    fn name_file(&mut self, name: &str) {
        // a browser of old sends the whole path
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        for (field, value) in &mut self.0 {
            if field != "policy" {
                *value = value.replace("${filename}", name);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// Takes the body of a request that has these headers, for the time that [`take_back`] ends.
pub(super) fn lend(headers: &HeaderMap, body: &mut Incoming) -> Result<Multipart, Fault> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let boundary = boundary(kind).ok_or_else(|| {
        PRECONDITION_FAILED.because("Bucket POST must be of the enclosure-type multipart/form-data")
    })?;
    Ok(Multipart::new(std::mem::replace(body, nothing()), &boundary))
}

/// Gives back what is left of the body, once the file is not in use any more.
pub(super) fn take_back(form: Arc<Mutex<Multipart>>, body: &mut Incoming) {
    if let Some(form) = Arc::into_inner(form) {
        *body = form.into_inner().unwrap_or_else(PoisonError::into_inner).into_body();
    }
}

/// The file of a form whose fields have been read.
pub(super) fn file(form: &Arc<Mutex<Multipart>>) -> Incoming {
    File(Arc::clone(form)).boxed_unsync()
}

/// Reads the fields in front of the file, within the time that a body has for each of its pieces.
pub(super) async fn read(form: &mut Multipart) -> Result<Fields, Fault> {
    let mut fields = Fields::default();
    let mut left = MOST_BYTES;
    loop {
        let part = in_time(form.next()).await?.ok_or_else(|| {
            INVALID_ARGUMENT.because("POST requires exactly one file upload per request.")
        })?;
        if part.name.eq_ignore_ascii_case("file") {
            fields.name_file(part.file_name.as_deref().unwrap_or(""));
            return Ok(fields);
        }
        left = left.checked_sub(part.name.len()).ok_or(TOO_LONG_FORM)?;
        let value = in_time(form.content(left)).await?;
        left -= value.len();
        let not_text =
            || INVALID_ARGUMENT.because(format!("the field {} is not UTF-8", shown(&part.name)));
        let value = String::from_utf8(value.to_vec()).map_err(|_| not_text())?;
        fields.add(&part.name, value)?;
    }
}

async fn in_time<T>(read: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
    let read = tokio::time::timeout(IDLE, read).await.map_err(|_| REQUEST_TIMEOUT)?;
    read.map_err(|error| match error {
        Error::TooLong => TOO_LONG_FORM.into(),
        Error::Lost => INCOMPLETE_BODY.into(),
        Error::Cut | Error::NoName | Error::NoPart => MALFORMED_POST.because(format!(
            "The body of your POST request is not well-formed multipart/form-data: {error}"
        )),
    })
}
