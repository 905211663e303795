//! Looking into the tables that are ordered by keys, in a transaction of either kind.

use super::Error;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

/// A table whose places begin with a bucket's id and a key.
pub(super) type ByKey = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) trait Tables {
    /// The record at a place.
    fn at(&self, table: ByKey, place: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// The records at the first places that begin so.
    fn first(&self, table: ByKey, start: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Error>;
}

fn at(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    place: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    Ok(table.get(place)?.map(|record| record.value().to_vec()))
}

fn first(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    start: &[u8],
    most: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut records = Vec::new();
    for found in table.range(start..)?.take(most) {
        let (place, record) = found?;
        if !place.value().starts_with(start) {
            break;
        }
        records.push(record.value().to_vec());
    }
    Ok(records)
}

impl Tables for ReadTransaction {
    fn at(&self, table: ByKey, place: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        at(&self.open_table(table)?, place)
    }

    fn first(&self, table: ByKey, start: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Error> {
        first(&self.open_table(table)?, start, most)
    }
}

impl Tables for WriteTransaction {
    fn at(&self, table: ByKey, place: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        at(&self.open_table(table)?, place)
    }

    fn first(&self, table: ByKey, start: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Error> {
        first(&self.open_table(table)?, start, most)
    }
}
