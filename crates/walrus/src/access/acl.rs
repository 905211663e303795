//! Access control lists: who beside the owner may do what with a bucket or an object.

use serde::{Deserialize, Serialize};
use types::AccountId;

/// What a grant permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Permission {
    Read,
    Write,
    ReadAcp,
    WriteAcp,
    FullControl,
}

impl Permission {
    pub(crate) const ALL: [Self; 5] =
        [Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp, Self::FullControl];

    /// Its name in XML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
            Self::FullControl => "FULL_CONTROL",
        }
    }

    fn covers(self, wanted: Self) -> bool {
        self == wanted || self == Self::FullControl
    }
}

/// Who is given a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grantee {
    /// The owner of what has the ACL.
    Owner,
    Account(AccountId),
    /// The cloud itself, to make an image of it.
    Ec2,
    AllUsers,
    AuthenticatedUsers,
}

impl Grantee {
    /// Whether it is a group of people whom nobody chose.
    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }

    fn is(self, caller: Option<AccountId>, owner: AccountId) -> bool {
        match self {
            Self::Owner => caller == Some(owner),
            Self::Account(account) => caller == Some(account),
            Self::AllUsers => true,
            Self::AuthenticatedUsers => caller.is_some(),
            Self::Ec2 => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) grantee: Grantee,
    pub(crate) permission: Permission,
}

/// The grants of a bucket or an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub(crate) struct Acl(pub(crate) Vec<Grant>);

/// An ACL in the store. The first version had the two words only.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Record {
    Canned(Canned),
    Grants(Vec<Grant>),
}

/// S3's canned ACLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Canned {
    Private,
    PublicRead,
    PublicReadWrite,
    AuthenticatedRead,
    AwsExecRead,
    BucketOwnerRead,
    BucketOwnerFullControl,
}

impl Canned {
    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "private" => Self::Private,
            "public-read" => Self::PublicRead,
            "public-read-write" => Self::PublicReadWrite,
            "authenticated-read" => Self::AuthenticatedRead,
            "aws-exec-read" => Self::AwsExecRead,
            "bucket-owner-read" => Self::BucketOwnerRead,
            "bucket-owner-full-control" => Self::BucketOwnerFullControl,
            _ => return None,
        })
    }

    /// Its grants, for an object in a bucket of another owner than the object's. For any other
    /// object, and for a bucket, what it says of the bucket's owner says nothing.
    pub(crate) fn acl(self, bucket_owner: Option<AccountId>) -> Acl {
        use Permission::{FullControl, Read, Write};
        let also: &[(Grantee, Permission)] = match (self, bucket_owner) {
            (Self::PublicRead, _) => &[(Grantee::AllUsers, Read)],
            (Self::PublicReadWrite, _) => &[(Grantee::AllUsers, Read), (Grantee::AllUsers, Write)],
            (Self::AuthenticatedRead, _) => &[(Grantee::AuthenticatedUsers, Read)],
            (Self::AwsExecRead, _) => &[(Grantee::Ec2, Read)],
            (Self::BucketOwnerRead, Some(owner)) => &[(Grantee::Account(owner), Read)],
            (Self::BucketOwnerFullControl, Some(owner)) => {
                &[(Grantee::Account(owner), FullControl)]
            }
            _ => &[],
        };
        let first = (Grantee::Owner, FullControl);
        let grants = std::iter::once(&first).chain(also);
        Acl(grants.map(|&(grantee, permission)| Grant { grantee, permission }).collect())
    }
}

impl From<Record> for Acl {
    fn from(record: Record) -> Self {
        match record {
            Record::Canned(canned) => canned.acl(None),
            Record::Grants(grants) => Self(grants),
        }
    }
}

impl From<Acl> for Record {
    fn from(acl: Acl) -> Self {
        let same = |canned: &Canned| canned.acl(None) == acl;
        match [Canned::Private, Canned::AwsExecRead].into_iter().find(same) {
            Some(canned) => Self::Canned(canned),
            None => Self::Grants(acl.0),
        }
    }
}

impl Acl {
    /// Whether it lets the caller, none being anonymous, do what the owner's is.
    pub(crate) fn grants(
        &self,
        caller: Option<AccountId>,
        owner: AccountId,
        wanted: Permission,
        ignores_groups: bool,
    ) -> bool {
        self.0.iter().any(|grant| {
            grant.permission.covers(wanted)
                && grant.grantee.is(caller, owner)
                && !(ignores_groups && grant.grantee.is_public())
        })
    }

    /// Whether the cloud may read it to make an image of it.
    pub(crate) fn grants_ec2(&self) -> bool {
        let reads = |grant: &Grant| grant.permission.covers(Permission::Read);
        self.0.iter().any(|grant| grant.grantee == Grantee::Ec2 && reads(grant))
    }

    /// Whether it gives anything to a group.
    pub(crate) fn is_public(&self) -> bool {
        self.0.iter().any(|grant| grant.grantee.is_public())
    }

    /// Whether it gives anything to anybody but the owner.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.iter().any(|grant| grant.grantee != Grantee::Owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_wrote_is_read_and_written_alike() {
        for (text, canned) in
            [("\"private\"", Canned::Private), ("\"aws-exec-read\"", Canned::AwsExecRead)]
        {
            let acl: Acl = serde_json::from_str(text).unwrap();
            assert_eq!(acl, canned.acl(None));
            assert_eq!(serde_json::to_string(&acl).unwrap(), text);
        }
        let owner = "000000000007".parse().unwrap();
        for name in ["public-read-write", "bucket-owner-read", "authenticated-read"] {
            let acl = Canned::named(name).unwrap().acl(Some(owner));
            let text = serde_json::to_string(&acl).unwrap();
            assert_eq!(serde_json::from_str::<Acl>(&text).unwrap(), acl, "{text}");
        }
        assert!(serde_json::from_str::<Acl>("\"open\"").is_err(), "no unknown word opens a bucket");
    }
}
