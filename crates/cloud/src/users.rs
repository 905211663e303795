//! Users: making, disabling, deleting them, and their access keys.

use crate::Cloud;
use crate::error::{Error, Result};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use state::{NewUser, User};
use types::{AccountId, Secret, UserName};
use walrus::{Account, Accounts, LookupError};

/// The user that exists from the first start.
const ADMIN: &str = "admin";
/// An access key is 16 random bytes in the alphabet of 1.4: 22 characters (FACTS 2.3).
const ACCESS_KEY_BYTES: usize = 16;
/// A secret key is 28 random bytes in that alphabet: 38 characters.
const SECRET_KEY_BYTES: usize = 28;

impl Cloud {
    /// Makes a user with a random access key.
    ///
    /// # Errors
    /// [`state::Error::UserExists`].
    pub async fn create_user(&self, name: UserName, admin: bool) -> Result<User> {
        let user = self.state.create_user(self.new_user(name, admin)?, self.now()).await?;
        tracing::info!(user = user.name.as_str(), account = %user.account, admin, "user made");
        Ok(user)
    }

    /// A user to be made, with a random access key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new_user(&self, name: UserName, admin: bool) -> Result<NewUser> {
        let (access_key, secret_key) = new_keys()?;
        Ok(NewUser { name, admin, access_key, secret_key })
    }

    /// Gives a user a new access key; the old one is refused from now on.
    ///
    /// # Errors
    /// [`state::Error::UserNotFound`].
    pub async fn new_access_key(&self, name: UserName) -> Result<User> {
        let (access_key, secret_key) = new_keys()?;
        Ok(self.state.replace_access_key(name, access_key, secret_key).await?)
    }

    /// Deletes a user who owns nothing any more.
    ///
    /// # Errors
    /// [`Error::UserOwnsBuckets`], [`state::Error::UserOwns`] say what is still owned.
    pub async fn delete_user(&self, name: UserName) -> Result<()> {
        let user = self.user(&name).await?;
        let buckets = self.walrus.buckets_of(user.account).await?;
        if !buckets.is_empty() {
            return Err(Error::UserOwnsBuckets { user: name, buckets: buckets.join(", ") });
        }
        self.state.delete_user(name).await?;
        // Rules that named the user are gone: clusters must hear of it.
        self.poke();
        Ok(())
    }

    pub(crate) async fn user(&self, name: &UserName) -> Result<User> {
        let found = self.state.user_by_name(name.as_str()).await?;
        Ok(found.ok_or_else(|| state::Error::UserNotFound(name.to_string()))?)
    }

    /// Makes the user `admin` at the first start.
    pub(crate) async fn ensure_administrator(&self) -> Result<()> {
        if self.state.users().await?.is_empty() {
            let name = ADMIN.parse().map_err(|_| state::Error::UserNotFound(ADMIN.to_owned()))?;
            self.create_user(name, true).await?;
        }
        Ok(())
    }
}

/// Walrus knows users by their access keys.
#[async_trait]
impl Accounts for Cloud {
    async fn by_access_key(&self, access_key: &str) -> Result<Option<Account>, LookupError> {
        let user = self.state.user_by_access_key(access_key).await?;
        Ok(user.map(|user| Account {
            id: user.account,
            name: user.name,
            secret: user.secret_key,
            is_admin: user.admin,
            enabled: user.enabled,
        }))
    }

    async fn name_of(&self, account: AccountId) -> Result<Option<UserName>, LookupError> {
        Ok(self.state.user_by_account(account).await?.map(|user| user.name))
    }
}

fn new_keys() -> Result<(String, Secret<String>)> {
    Ok((random_text::<ACCESS_KEY_BYTES>()?, Secret::new(random_text::<SECRET_KEY_BYTES>()?)))
}

/// Random bytes in URL-safe base64. Never with a dash in front, which a command line would take
/// for an option.
fn random_text<const BYTES: usize>() -> Result<String> {
    loop {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        if !text.starts_with('-') {
            return Ok(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_form_of_1_4() {
        for _ in 0..200 {
            let (access, secret) = new_keys().unwrap();
            assert_eq!((access.len(), secret.expose().len()), (22, 38));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            assert!(access.chars().all(plain) && secret.expose().chars().all(plain));
            assert!(!access.starts_with('-') && !secret.expose().starts_with('-'));
        }
    }
}
