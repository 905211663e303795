//! Reading columns into types that cannot be wrong.

use crate::database::Row;
use crate::error::{Error, Result};
use sqlx::Row as _;
use std::fmt::Display;
use std::str::FromStr;
use types::{Figures, Secret, Timestamp};

/// Typed access to a row's columns.
pub(crate) trait Fields {
    /// A text column.
    fn text(&self, column: &'static str) -> Result<String>;
    /// A text column that may be NULL.
    fn maybe_text(&self, column: &'static str) -> Result<Option<String>>;
    /// A number column that may be NULL.
    fn maybe_number(&self, column: &'static str) -> Result<Option<i64>>;
    /// A number column in the wanted type's range.
    fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T>;

    /// A text column parsed.
    fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T> {
        parse(column, &self.text(column)?)
    }

    /// A text column parsed, where it is not NULL.
    fn maybe<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>> {
        self.maybe_text(column)?.map(|text| parse(column, &text)).transpose()
    }

    /// A flag stored as 0 or 1.
    fn flag(&self, column: &'static str) -> Result<bool> {
        Ok(self.number::<i64>(column)? != 0)
    }

    /// A time.
    fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.number(column).map(Timestamp::from_millis)
    }

    /// A time that may be NULL.
    fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.maybe_number(column)?.map(Timestamp::from_millis))
    }

    /// A secret text.
    fn secret(&self, column: &'static str) -> Result<Secret<String>> {
        self.text(column).map(Secret::new)
    }

    /// A JSON list of texts.
    fn texts(&self, column: &'static str) -> Result<Vec<String>> {
        serde_json::from_str(&self.text(column)?).map_err(|problem| corrupt(column, problem))
    }

    /// The columns cores, memory_mb and disk_gb.
    fn figures(&self) -> Result<Figures> {
        Ok(Figures {
            cores: self.number("cores")?,
            memory_mb: self.number("memory_mb")?,
            disk_gb: self.number("disk_gb")?,
        })
    }
}

impl Fields for Row {
    fn text(&self, column: &'static str) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn maybe_text(&self, column: &'static str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn maybe_number(&self, column: &'static str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T> {
        let number: i64 = self.try_get(column)?;
        T::try_from(number).map_err(|_| corrupt(column, format!("{number} is out of range")))
    }
}

fn parse<T: FromStr<Err: Display>>(column: &'static str, text: &str) -> Result<T> {
    text.parse().map_err(|problem| corrupt(column, problem))
}

/// The error for a stored value that this crate would never have written.
pub(crate) fn corrupt(column: &'static str, problem: impl Display) -> Error {
    Error::Corrupt { column, problem: problem.to_string() }
}

/// A list of texts as one JSON column.
pub(crate) fn json(texts: &[String]) -> String {
    serde_json::Value::from(texts.to_vec()).to_string()
}

/// An unsigned number for a column; a number too large for one is stored as the largest.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
