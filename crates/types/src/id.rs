//! Ids of EC2 resources: a prefix and eight hex digits in upper case (`i-4EA305C1`).

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

/// Text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an id of the form {form}")]
pub struct MalformedId {
    /// What was given, shortened to a length that can be shown.
    pub text: String,
    /// The form that was expected, such as `i-XXXXXXXX`.
    pub form: &'static str,
}

fn parse_hex(text: &str, prefix: &str, form: &'static str) -> Result<u32, MalformedId> {
    let malformed = || MalformedId { text: text.chars().take(40).collect(), form };
    let digits = text.strip_prefix(prefix).ok_or_else(malformed)?;
    let upper = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    if digits.len() != 8 || !digits.bytes().all(upper) {
        return Err(malformed());
    }
    u32::from_str_radix(digits, 16).map_err(|_| malformed())
}

thread_local! {
    /// The state of the simulated generator, where this thread has one.
    static SIMULATED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on the ids that this thread makes follow from `seed`; with none they are random again.
/// Only the simulated world calls it, so that what it did can be repeated.
pub fn simulate_ids(seed: Option<u64>) {
    SIMULATED.set(seed);
}

fn random_u32() -> Result<u32, getrandom::Error> {
    let Some(state) = SIMULATED.get() else { return getrandom::u32() };
    // A step of a linear congruential generator (Knuth's MMIX); its upper half is used.
    let next =
        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    SIMULATED.set(Some(next));
    Ok((next >> 32) as u32)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u32);

        impl $name {
            /// The id with these 32 bits.
            pub const fn from_bits(bits: u32) -> Self {
                Self(bits)
            }

            /// The 32 bits behind the hex digits.
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// A random id; the caller checks that it is unused.
            ///
            /// # Errors
            /// When the operating system gives no randomness.
            pub fn random() -> Result<Self, getrandom::Error> {
                random_u32().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:08X}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                parse_hex(text, $prefix, concat!($prefix, "XXXXXXXX")).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedId;
            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

id!(
    /// An instance, `i-XXXXXXXX`.
    InstanceId, "i-"
);
id!(
    /// The instances of one RunInstances call, `r-XXXXXXXX`.
    ReservationId, "r-"
);
id!(
    /// A security group, `sg-XXXXXXXX`.
    GroupId, "sg-"
);
id!(
    /// A rule of a security group, `sgr-XXXXXXXX`.
    RuleId, "sgr-"
);
id!(
    /// A key pair, `key-XXXXXXXX`.
    KeyPairId, "key-"
);
id!(
    /// A public address while it is a user's, `eipalloc-XXXXXXXX`.
    AllocationId, "eipalloc-"
);
id!(
    /// A public address while it is an instance's, `eipassoc-XXXXXXXX`.
    AssociationId, "eipassoc-"
);
id!(
    /// A virtual private cloud, `vpc-XXXXXXXX`.
    VpcId, "vpc-"
);
id!(
    /// A subnet, `subnet-XXXXXXXX`.
    SubnetId, "subnet-"
);
id!(
    /// A network interface, `eni-XXXXXXXX`.
    InterfaceId, "eni-"
);
id!(
    /// A route table, `rtb-XXXXXXXX`.
    RouteTableId, "rtb-"
);
id!(
    /// An internet gateway, `igw-XXXXXXXX`.
    GatewayId, "igw-"
);

/// What a registered image is used as (User's Guide, "Managing Eucalyptus Images").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// A root filesystem or disk, `emi-`.
    Machine,
    /// A kernel, `eki-`.
    Kernel,
    /// A ramdisk, `eri-`.
    Ramdisk,
}

impl ImageKind {
    /// The prefix of ids of this kind, with its dash.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Machine => "emi-",
            Self::Kernel => "eki-",
            Self::Ramdisk => "eri-",
        }
    }

    /// The word that EC2 uses in `imageType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
        }
    }
}

/// A registered image: `emi-`, `eki-` or `eri-` and eight hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId {
    kind: ImageKind,
    bits: u32,
}

impl ImageId {
    /// The id of this kind with these 32 bits.
    pub const fn from_bits(kind: ImageKind, bits: u32) -> Self {
        Self { kind, bits }
    }

    /// A random id of this kind; the caller checks that it is unused.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn random(kind: ImageKind) -> Result<Self, getrandom::Error> {
        random_u32().map(|bits| Self { kind, bits })
    }

    /// What the image is used as.
    pub const fn kind(self) -> ImageKind {
        self.kind
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:08X}", self.kind.prefix(), self.bits)
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ImageId {
    type Err = MalformedId;
    fn from_str(text: &str) -> Result<Self, MalformedId> {
        const FORM: &str = "emi-XXXXXXXX, eki-XXXXXXXX or eri-XXXXXXXX";
        [ImageKind::Machine, ImageKind::Kernel, ImageKind::Ramdisk]
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or_else(|| MalformedId { text: text.chars().take(40).collect(), form: FORM })
            .and_then(|kind| parse_hex(text, kind.prefix(), FORM).map(|bits| Self { kind, bits }))
    }
}

impl TryFrom<String> for ImageId {
    type Error = MalformedId;
    fn try_from(text: String) -> Result<Self, MalformedId> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_refuse_everything_else() {
        assert_eq!("i-4EA305C1".parse::<InstanceId>().unwrap().to_string(), "i-4EA305C1");
        let emi: ImageId = "eki-0000000A".parse().unwrap();
        assert_eq!((emi.kind(), emi.to_string()), (ImageKind::Kernel, "eki-0000000A".into()));
        for bad in ["", "i-", "i-4ea305c1", "i-4EA305C", "i-4EA305C12", "r-4EA305C1", "i-+EA305C1"]
        {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad}");
        }
        for bad in ["ami-4EA305C1", "emi-4EA305CG", "emi4EA305C1"] {
            assert!(bad.parse::<ImageId>().is_err(), "{bad}");
        }
    }
}
