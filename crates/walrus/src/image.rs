//! The face that Walrus has for the cloud itself, which registers images from buckets.

use crate::access::{Action, Context, Decision, Owned, Rules, Wish, decide};
use crate::store::{Entry, Error, ListQuery, Source};
use crate::walrus::Walrus;
use std::io::{self, Read};
use types::AccountId;

/// An object as [`Walrus::list`] shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
    /// The hex MD5 of its bytes, without quotes.
    pub etag: String,
}

/// The bytes of an object, as they were when it was opened. Reading may block.
#[derive(Debug)]
pub struct ObjectReader {
    /// What is read.
    pub info: ObjectInfo,
    source: Source,
    at: u64,
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.info.size - self.at;
        let length = left.min(buffer.len() as u64) as usize;
        self.source.read_exact_at(&mut buffer[..length], self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Walrus {
    /// Who owns a bucket; `None` when there is no such bucket.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn bucket_owner(&self, bucket: &str) -> Result<Option<AccountId>, Error> {
        let bucket = bucket.to_owned();
        let found = self.store.read(move |store| store.bucket(&bucket)).await?;
        Ok(found.map(|bucket| bucket.owner))
    }

    /// The names of the buckets that an account owns.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn buckets_of(&self, owner: AccountId) -> Result<Vec<String>, Error> {
        let buckets = self.store.read(move |store| store.buckets_of(owner)).await?;
        Ok(buckets.into_iter().map(|(name, _)| name).collect())
    }

    /// Opens an object for the cloud on behalf of a user: `None` unless it is an object of
    /// that user, readable for that user, or readable by the cloud (ACL `aws-exec-read`).
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn open_object(
        &self,
        on_behalf_of: AccountId,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectReader>, Error> {
        let (name, wanted) = (bucket.to_owned(), (bucket.to_owned(), key.to_owned()));
        let found = self.store.read(move |store| store.open(&wanted.0, &wanted.1, None)).await?;
        let Some(found) = found else { return Ok(None) };
        let Some((object, source)) = found.object else { return Ok(None) };
        let rules = Rules::read(&found.documents, &name)?;
        let bucket = Owned { owner: found.bucket.owner, acl: &found.bucket.acl };
        let owned = Owned { owner: found.bucket.owner_of(object.owner), acl: &object.acl };
        let wish = Wish {
            caller: Some(on_behalf_of),
            action: Action::GetObject,
            bucket: &name,
            key: Some(key),
            // the cloud's own: no address, no header
            context: &Context::default().with_tags(&object.tags),
        };
        let is_readable = match decide(&wish, bucket, &rules, Some(owned)) {
            Decision::Allowed => true,
            Decision::NotAllowed => rules.has_acls() && object.acl.grants_ec2(),
            Decision::Denied => false,
        };
        if !is_readable {
            return Ok(None);
        }
        let info = ObjectInfo { key: key.to_owned(), size: object.size, etag: object.etag };
        Ok(Some(ObjectReader { info, source, at: 0 }))
    }

    /// The objects of a user's own bucket whose keys start with a prefix, in order, at most
    /// `limit` of them after the key `after`; `None` when there is no such bucket.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn list(
        &self,
        owner: AccountId,
        bucket: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Option<Vec<ObjectInfo>>, Error> {
        let name = bucket.to_owned();
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        let query = ListQuery { prefix, after, limit, ..ListQuery::default() };
        let listing = self.store.read(move |store| {
            let bucket = store.bucket(&name)?.filter(|bucket| bucket.owner == owner);
            bucket.map(|bucket| store.list(bucket.id, &query)).transpose()
        });
        let info = |entry| match entry {
            Entry::Object(key, object) => {
                Some(ObjectInfo { key, size: object.size, etag: object.etag })
            }
            Entry::Group(_) => None,
        };
        Ok(listing.await?.map(|listing| listing.entries.into_iter().filter_map(info).collect()))
    }
}
