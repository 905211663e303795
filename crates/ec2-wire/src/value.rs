//! Single values: how the text of one parameter becomes a type that cannot be wrong.

use crate::error::shown;
use crate::{Code, Error, Field, Kind, Place, Tree};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ipnet::Ipv4Net;
use std::fmt;
use std::net::Ipv4Addr;
use types::{
    AccountId, AllocationId, AssociationId, GatewayId, GroupId, GroupName, ImageId, InstanceId,
    InterfaceId, KeyName, KeyPairId, MalformedId, RouteTableId, RuleId, SubnetId, TagKey, UserName,
    VpcId,
};

/// A type that one parameter's text is parsed into.
pub trait Value: Sized {
    /// What it may hold.
    const KIND: Kind;

    /// Parses text that is not empty.
    ///
    /// # Errors
    /// `InvalidParameterValue`, or the code that EC2 has for this type's malformed values.
    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error>;
}

/// Text of at most `MOST` characters without control characters (XML could not carry them back).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MOST: usize>(String);

impl<const MOST: usize> Text<MOST> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> From<Text<MOST>> for String {
    fn from(text: Text<MOST>) -> String {
        text.0
    }
}

impl<const MOST: usize> fmt::Display for Text<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MOST: usize> Value for Text<MOST> {
    const KIND: Kind = Kind::Text(MOST);

    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
        if text.chars().count() > MOST {
            let rule = format!("It has at most {MOST} characters.");
            return Err(Error::invalid(place, text, rule));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::invalid(place, "…", "It has no control characters."));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Text that a request may give empty, which is not the same as leaving it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MayBeEmpty<const MOST: usize>(pub Option<String>);

impl<const MOST: usize> Field for MayBeEmpty<MOST> {
    const KIND: Kind = Kind::Text(MOST);
    const REQUIRED: bool = false;

    fn read(tree: Option<&Tree>, place: &Place<'_>) -> Result<Self, Error> {
        Ok(Self(match tree.and_then(Tree::value) {
            None => None,
            Some("") => Some(String::new()),
            Some(text) => Some(Text::<MOST>::parse(text, place)?.into()),
        }))
    }
}

/// Bytes that are sent in base64, at most `MOST` of them. Line breaks and missing `=` are taken,
/// as old clients send them, and a blank for the `+` that a client forgot to encode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base64<const MOST: usize>(pub Vec<u8>);

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl<const MOST: usize> Value for Base64<MOST> {
    const KIND: Kind = Kind::Base64(MOST);

    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
        let line = text.trim().replace(' ', "+").replace(|c: char| c.is_ascii_whitespace(), "");
        let bytes = FORGIVING
            .decode(line)
            .map_err(|_| Error::invalid(place, text, "It must be encoded in base64."))?;
        if bytes.len() > MOST {
            let rule = format!("It is limited to {MOST} bytes, {} were given.", bytes.len());
            return Err(Error::invalid(place, "…", rule));
        }
        Ok(Self(bytes))
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;

    fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(Error::invalid(place, text, "It must be true or false.")),
        }
    }
}

macro_rules! integer {
    ($type:ty) => {
        impl Value for $type {
            const KIND: Kind = Kind::Integer(<$type>::MIN as i64, <$type>::MAX as i64);

            fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
                let rule = || format!("It must be a number from {} to {}.", Self::MIN, Self::MAX);
                text.trim().parse().map_err(|_| Error::invalid(place, text, rule()))
            }
        }
    };
}
integer!(u32);
integer!(i32);

macro_rules! id {
    ($type:ty, $form:literal, $malformed:expr) => {
        impl Value for $type {
            const KIND: Kind = Kind::Form($form);

            fn parse(text: &str, _place: &Place<'_>) -> Result<Self, Error> {
                text.parse().map_err(|error: MalformedId| {
                    let (text, form) = (shown(&error.text), error.form);
                    let message = format!("Invalid id: \"{text}\" (expecting \"{form}\")");
                    Error::new($malformed, message)
                })
            }
        }
    };
}
id!(InstanceId, "i-XXXXXXXX", Code::InvalidInstanceIdMalformed);
id!(ImageId, "emi-XXXXXXXX, eki-XXXXXXXX or eri-XXXXXXXX", Code::InvalidAmiIdMalformed);
id!(GroupId, "sg-XXXXXXXX", Code::InvalidGroupIdMalformed);
id!(AllocationId, "eipalloc-XXXXXXXX", Code::InvalidAllocationIdMalformed);
id!(AssociationId, "eipassoc-XXXXXXXX", Code::InvalidAssociationIdMalformed);
id!(VpcId, "vpc-XXXXXXXX", Code::InvalidVpcIdMalformed);
id!(SubnetId, "subnet-XXXXXXXX", Code::InvalidSubnetIdMalformed);
id!(InterfaceId, "eni-XXXXXXXX", Code::InvalidNetworkInterfaceIdMalformed);
id!(RouteTableId, "rtb-XXXXXXXX", Code::InvalidRouteTableIdMalformed);
id!(GatewayId, "igw-XXXXXXXX", Code::InvalidInternetGatewayIdMalformed);
id!(KeyPairId, "key-XXXXXXXX", Code::InvalidKeyPairNotFound);
id!(RuleId, "sgr-XXXXXXXX", Code::InvalidSecurityGroupRuleIdMalformed);

macro_rules! form {
    ($type:ty, $form:literal) => {
        impl Value for $type {
            const KIND: Kind = Kind::Form($form);

            fn parse(text: &str, place: &Place<'_>) -> Result<Self, Error> {
                let rule = concat!("It must be ", $form, ".");
                text.parse().map_err(|_| Error::invalid(place, text, rule))
            }
        }
    };
}
form!(KeyName, "1 to 255 printable ASCII characters");
form!(GroupName, "1 to 255 printable ASCII characters");
form!(UserName, "a user's name");
form!(TagKey, "a key of at most 128 characters that does not begin with aws:");
form!(Ipv4Addr, "an IPv4 address");
form!(AccountId, "an account number of 12 digits");

impl Value for Ipv4Net {
    const KIND: Kind = Kind::Form("an IPv4 network such as 10.1.0.0/16");

    /// A single address is a network of one, as EC2 takes it from old tools.
    fn parse(text: &str, _place: &Place<'_>) -> Result<Self, Error> {
        let net = match text.parse::<Self>() {
            Ok(net) => Some(net.trunc()),
            Err(_) => text.parse::<Ipv4Addr>().ok().map(Self::from),
        };
        net.ok_or_else(|| {
            let message = format!("CIDR block {} is malformed", shown(text));
            Error::new(Code::InvalidParameterValue, message)
        })
    }
}

/// Defines an enumeration whose values are words of EC2, as a [`Value`].
///
/// ```
/// ec2_wire::words! {
///     /// Which addresses an instance gets.
///     #[derive(Debug, Clone, Copy)]
///     pub enum AddressingType {
///         /// A public one too.
///         Public = "public",
///         /// Only a private one.
///         Private = "private",
///     }
/// }
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$doc])* $variant),* }

        impl $name {
            /// EC2's word for it.
            #[allow(dead_code, reason = "some are only read")]
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl $crate::Value for $name {
            const KIND: $crate::Kind = $crate::Kind::Words(&[$($word),*]);

            fn parse(
                text: &str,
                place: &$crate::Place<'_>,
            ) -> ::std::result::Result<Self, $crate::Error> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => {
                        let rule = concat!("It must be one of:", $(" ", $word),*, ".");
                        Err($crate::Error::invalid(place, text, rule))
                    }
                }
            }
        }
    };
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
