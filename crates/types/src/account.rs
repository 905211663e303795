//! Account numbers: the 12 digits by which owners are shown.

use crate::UserName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A user's 12-digit number, unique in the cloud.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(u64);

impl AccountId {
    const LIMIT: u64 = 1_000_000_000_000;

    /// The number that Eucalyptus 1.4 gave to this name: Adler-32 of its bytes.
    ///
    /// Two names can have the same one, so the caller takes [`next`](Self::next) until it is free.
    pub fn preferred(name: &UserName) -> Self {
        let (mut a, mut b) = (1u64, 0u64);
        for byte in name.as_str().bytes() {
            a = (a + u64::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        Self((b << 16) | a)
    }

    /// The following number, wrapping at the end of the range.
    #[must_use]
    pub const fn next(self) -> Self {
        Self((self.0 + 1) % Self::LIMIT)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account number has 12 digits")]
pub struct MalformedAccount;

impl FromStr for AccountId {
    type Err = MalformedAccount;
    fn from_str(text: &str) -> Result<Self, MalformedAccount> {
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MalformedAccount);
        }
        text.parse().map(Self).map_err(|_| MalformedAccount)
    }
}

impl TryFrom<String> for AccountId {
    type Error = MalformedAccount;
    fn try_from(text: String) -> Result<Self, MalformedAccount> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> String {
        AccountId::preferred(&name.parse().unwrap()).to_string()
    }

    #[test]
    fn preferred_number_is_that_of_1_4() {
        assert_eq!(number("admin"), "000100729354");
        assert_eq!(number("koala-robustness"), "000911869582");
        assert_eq!(number("user020"), number("user101"), "the known collision");
    }
}
