//! Who may ask: the accounts that the cloud knows.

use async_trait::async_trait;
use types::{AccountId, Secret, UserName};

/// A user, found by an access key.
#[derive(Debug, Clone)]
pub struct Account {
    /// The account number, which owns buckets.
    pub id: AccountId,
    /// The name that listings and ACLs show.
    pub name: UserName,
    /// The secret of the access key.
    pub secret: Secret<String>,
    /// An administrator may have any number of buckets; their content is as closed to him as to
    /// anybody else.
    pub is_admin: bool,
    /// A disabled user's requests are refused.
    pub enabled: bool,
}

/// Why accounts cannot be looked up.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// Where accounts are looked up; the cloud implements it.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The account with this access key.
    ///
    /// # Errors
    /// When the accounts cannot be read; the client is told to try again.
    async fn by_access_key(&self, access_key: &str) -> Result<Option<Account>, LookupError>;

    /// The name of the account with this number, which is its canonical user id too.
    ///
    /// # Errors
    /// As of [`by_access_key`](Self::by_access_key).
    async fn name_of(&self, account: AccountId) -> Result<Option<UserName>, LookupError>;
}
