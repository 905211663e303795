//! The scrubber: reads all stored bytes again, a little at a time, and tells which are not what
//! they were when they came. A disk loses bits that nobody reads for years.

use crate::damage::Damage;
use crate::store::{Change, Error, Progress, Round, Store, Stored};
use crate::walrus::Walrus;
use std::time::Duration;

/// After so many objects or parts, or so many bytes, the progress is noted.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 256 << 20;
/// A round begins so long after the one before has begun, or when that one is through.
const EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A start is left alone for so long.
const AFTER_START: Duration = Duration::from_secs(10 * 60);
/// How long a failure of the store is left alone.
const REST: Duration = Duration::from_secs(60 * 60);

impl Walrus {
    /// Goes through all stored bytes for ever, once a week, without reading more than
    /// [`scrub_bytes_per_second`](crate::Settings::scrub_bytes_per_second). Returns when that is 0.
    pub async fn keep_scrubbing(&self) {
        tokio::time::sleep(AFTER_START).await;
        if self.settings.scrub_bytes_per_second == 0 {
            return;
        }
        loop {
            match self.scrub(BATCH).await {
                Ok(Round { begun: Some(begun), ended: Some(_), .. }) => {
                    let since = self.clock.now().millis().saturating_sub(begun.millis());
                    let since = Duration::from_millis(u64::try_from(since).unwrap_or(0));
                    tokio::time::sleep(EVERY.saturating_sub(since)).await;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "walrus cannot go on verifying what is stored");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Verifies the next objects and parts, at most about `most`, and notes how far it came. After
    /// the end of a round a new one begins.
    ///
    /// # Errors
    /// [`Error`] when the store fails; damaged bytes are counted and logged.
    pub async fn scrub(&self, most: usize) -> Result<Round, Error> {
        let mut progress = self.store.read(|store| store.scrub_progress()).await?;
        if progress.round.begun.is_none() || progress.round.ended.is_some() {
            let begun = Some(self.clock.now());
            progress =
                Progress { round: Round { begun, ..Round::default() }, ..Progress::default() };
        }
        let cursor = progress.cursor.clone();
        let batch = self.store.read(move |store| store.stored_after(&cursor, most)).await?;
        let end = progress.round.bytes.saturating_add(BATCH_BYTES);
        let is_last = batch.is_empty();
        for stored in batch {
            if progress.round.bytes >= end {
                break;
            }
            self.verify(stored, &mut progress).await?;
        }
        if is_last {
            progress.round.ended = Some(self.clock.now());
            let Round { contents, bytes, damaged, .. } = progress.round;
            tracing::info!(contents, bytes, damaged, "walrus has verified all that is stored");
        }
        let round = progress.round;
        // nothing of it can be refused
        let _ = self.store.change(Change::NoteScrub(Box::new(progress))).await?;
        Ok(round)
    }

    /// How far the scrubber is in its round, or what the last one has found.
    ///
    /// # Errors
    /// [`Error`] when the store fails.
    pub async fn scrubbed(&self) -> Result<Round, Error> {
        Ok(self.store.read(|store| store.scrub_progress()).await?.round)
    }

    async fn verify(&self, stored: Stored, progress: &mut Progress) -> Result<(), Error> {
        let (bytes, damage) = read_again(&self.store, &stored, |read| self.pause(read)).await?;
        progress.round.bytes += bytes;
        progress.round.contents += 1;
        let before = std::mem::replace(&mut progress.cursor, stored.after.clone());
        let Some(damage) = damage else { return Ok(()) };
        let found = stored.clone();
        // it may have been deleted or written over meanwhile
        if self.store.read(move |store| store.is_still(&before, &found)).await? {
            progress.round.damaged += 1;
            let subject = stored.subject;
            let (bucket, key, part) = (&subject.bucket, &subject.key, subject.part);
            let version = subject.version.as_deref();
            tracing::error!(bucket, key, version, part, %damage, "a stored object is damaged");
        }
        Ok(())
    }

    async fn pause(&self, read: u64) {
        let rate = self.settings.scrub_bytes_per_second;
        let nanos = u128::from(read) * 1_000_000_000 / u128::from(rate.max(1));
        tokio::time::sleep(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))).await;
    }
}

/// How many bytes were read, and what is wrong with them.
async fn read_again<F: Future<Output = ()>>(
    store: &Store,
    stored: &Stored,
    pause: impl Fn(u64) -> F,
) -> Result<(u64, Option<Damage>), Error> {
    let Some(expected) = stored.expected.clone() else { return Ok((0, Some(Damage::Record))) };
    let mut bytes = 0;
    let mut verification = match store.read(move |store| store.verification(expected)).await? {
        Ok(verification) => verification,
        Err(damage) => return Ok((0, Some(damage))),
    };
    loop {
        let (read, rest) = store
            .read(move |_| {
                let read = verification.read();
                Ok((read, verification))
            })
            .await?;
        match read {
            Ok(0) => return Ok((bytes, None)),
            Ok(read) => {
                bytes += read;
                verification = rest;
                pause(read).await;
            }
            Err(damage) => return Ok((bytes, Some(damage))),
        }
    }
}
