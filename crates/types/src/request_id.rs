//! The name of one call, from its client to the last line that is logged about it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The id of a call, as its answer carries it and as the logs of all components do: a UUID. Only
/// this cloud makes them, so none can smuggle anything into a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId([u8; 16]);

/// A text that is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request id is a UUID such as 123e4567-e89b-42d3-a456-426614174000")]
pub struct MalformedRequestId;

/// Where the groups of digits begin and end.
const GROUPS: [(usize, usize); 5] = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];

impl RequestId {
    /// The id of these bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A new one. Should the system have no randomness, zeros still are an id.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        let _ = getrandom::fill(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RequestId {
    type Err = MalformedRequestId;

    fn from_str(text: &str) -> Result<Self, MalformedRequestId> {
        let groups: Vec<&str> = text.split('-').collect();
        let as_long = |(group, (from, to)): (&&str, (usize, usize))| group.len() == to - from;
        if groups.len() != GROUPS.len() || !groups.iter().zip(GROUPS).all(as_long) {
            return Err(MalformedRequestId);
        }
        // a sign, which numbers may have, is no digit of an id
        let digits = groups.concat();
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(MalformedRequestId);
        }
        let number = u128::from_str_radix(&digits, 16).map_err(|_| MalformedRequestId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl TryFrom<String> for RequestId {
    type Error = MalformedRequestId;
    fn try_from(text: String) -> Result<Self, MalformedRequestId> {
        text.parse()
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_and_nothing_else() {
        let id = RequestId::random();
        let text = id.to_string();
        assert_eq!((text.len(), text.parse()), (36, Ok(id)));
        assert_ne!(id, RequestId::random());
        for text in [
            "",
            "123e4567e89b42d3a456426614174000",
            "123e4567-e89b-42d3-a456-42661417400g",
            "123e4567-e89b-42d3-a456-4266141740001",
            "+23e4567-e89b-42d3-a456-426614174000",
            "123e4567-e89b-42d3-a456-42661417400\u{e9}",
            "x\n",
        ] {
            assert_eq!(text.parse::<RequestId>(), Err(MalformedRequestId), "{text:?}");
        }
    }
}
