//! API versions: the dates that name EC2's namespaces.

use crate::error::shown;
use crate::{Code, Error};
use std::fmt;

/// The API version that a request asks for, such as `2016-11-15`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    year: u16,
    month: u8,
    day: u8,
}

impl Version {
    /// The first public version of EC2.
    pub const FIRST: Self = Self::new(2006, 6, 26);
    /// The version of a request that names none: that of the tools which Eucalyptus 1.4 names,
    /// and the one in which 1.4 answered every Query request.
    pub const DEFAULT: Self = Self::new(2008, 12, 1);

    /// The version of this date.
    pub const fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// Reads `YYYY-MM-DD`. Any date is taken: clients newer than this cloud are answered in
    /// their own namespace.
    ///
    /// # Errors
    /// `NoSuchVersion` for text of another form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::from_date(text).ok_or_else(|| {
            let text = shown(text);
            let message = format!("the Version \"{text}\" is not a date of the form YYYY-MM-DD");
            Error::new(Code::NoSuchVersion, message)
        })
    }

    fn from_date(text: &str) -> Option<Self> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || ![year, month, day].into_iter().all(digits) {
            return None;
        }
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return None;
        }
        let version = Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let real = (1..=12).contains(&version.month) && (1..=31).contains(&version.day);
        real.then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_order_and_round_trip() {
        let version = Version::parse("2016-11-15").unwrap();
        assert_eq!(version.to_string(), "2016-11-15");
        assert!(Version::FIRST < Version::DEFAULT && Version::DEFAULT < version);
    }

    #[test]
    fn what_is_not_a_date_is_no_version() {
        let bad = ["", "2016", "2016-11-15-1", "16-11-15", "2016-13-01", "2016-1-01", "+016-11-15"];
        for text in bad.into_iter().chain(["2016-11-15\"><x", "2016-11-00", "2016-11-١٥"]) {
            assert_eq!(Version::parse(text).unwrap_err().code(), Code::NoSuchVersion, "{text}");
        }
    }
}
