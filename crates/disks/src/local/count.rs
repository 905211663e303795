//! What of the cache is counted (docs/metrics.md).

use metrics::{Book, Counter};

/// The handles of the cache.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) book: Book,
    lookups: Counter,
    fetched: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let book = Book::default();
        Self {
            lookups: book.counter(
                "image_cache_lookups",
                "Images that launches asked for: hit when nothing had to be fetched, else miss",
                &["result"],
            ),
            fetched: book.counter(
                "image_cache_fetched_bytes",
                "Bytes of the images that were fetched",
                &[],
            ),
            book,
        }
    }
}

impl Counts {
    pub(super) fn hit(&self) {
        self.lookups.add(&["hit"], 1);
    }

    pub(super) fn miss(&self, fetched_bytes: u64) {
        self.lookups.add(&["miss"], 1);
        self.fetched.add(&[], fetched_bytes);
    }
}
