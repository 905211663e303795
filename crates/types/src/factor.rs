//! By how much more is promised than there is.

use std::fmt;
use std::str::FromStr;

/// An over-commit factor: a decimal number from 1 to [`Factor::MOST`] with up to two decimals.
/// It counts in hundredths, so that the same configuration gives the same figures everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u32);

/// A text that is no factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a factor is a number from 1 to 100 with up to two decimals, such as 1.5")]
pub struct MalformedFactor;

impl Factor {
    /// Nothing more than there is.
    pub const ONE: Self = Self(100);
    /// More than this helps nobody: the instances would not get on.
    pub const MOST: Self = Self(100 * 100);

    /// `amount` times this, rounded down.
    pub const fn of(self, amount: u64) -> u64 {
        let product = amount as u128 * self.0 as u128 / 100;
        if product > u64::MAX as u128 { u64::MAX } else { product as u64 }
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}

impl FromStr for Factor {
    type Err = MalformedFactor;

    fn from_str(text: &str) -> Result<Self, MalformedFactor> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !is_number(whole, 3) || !is_number(rest, 2) {
            return Err(MalformedFactor);
        }
        let number = |part: &str| part.parse::<u32>().map_err(|_| MalformedFactor);
        let hundredths = if rest.len() == 1 { number(rest)? * 10 } else { number(rest)? };
        let factor = Self(number(whole)? * 100 + hundredths);
        if factor < Self::ONE || factor > Self::MOST { Err(MalformedFactor) } else { Ok(factor) }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_read_exactly() {
        for (text, of_1000) in
            [("1", 1000), ("1.0", 1000), ("1.5", 1500), ("2.25", 2250), ("100", 100_000)]
        {
            let factor: Factor = text.parse().unwrap();
            assert_eq!(factor.of(1000), of_1000, "{text}");
            assert_eq!(factor.to_string().parse(), Ok(factor));
        }
        assert_eq!("1.5".parse::<Factor>().unwrap().of(3), 4, "rounded down");
        assert_eq!(Factor::MOST.of(u64::MAX), u64::MAX);
        for text in
            ["", "0.99", "0", "-1", "+2", "1,5", "1.555", "100.01", "1000", "1e2", ".5", "2."]
        {
            assert_eq!(text.parse::<Factor>(), Err(MalformedFactor), "{text}");
        }
    }
}
