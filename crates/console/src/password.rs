//! Passwords: which ones are taken, and how they are kept (argon2id).

use crate::Error;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use types::{Secret, Timestamp};

/// 1.4 took no shorter ones.
const SHORTEST: usize = 5;
/// Nobody needs a longer one, and hashing takes its time.
const LONGEST: usize = 256;
/// After so long a password must be changed (1.4: 365 days).
pub(crate) const LASTS_MS: i64 = 365 * 24 * 3_600_000;
/// How many are hashed at a time: each takes 19 MB and a processor for some hundredths of a second.
const AT_A_TIME: usize = 2;

/// Why a password is not taken, for who chose it.
pub(crate) fn objection(
    password: &str,
    again: &str,
    user: &str,
    full_name: &str,
) -> Option<&'static str> {
    let lower = password.to_lowercase();
    let holds = |name: &str| !name.is_empty() && lower.contains(&name.to_lowercase());
    let is_short = password.chars().count() < SHORTEST;
    if is_short {
        Some("The password must have at least 5 characters.")
    } else if password.len() > LONGEST {
        Some("The password must have at most 256 bytes.")
    } else if holds(user) || holds(full_name) {
        Some("The password must not contain the user name or the real name.")
    } else if password != again {
        Some("Passwords do not match!")
    } else {
        None
    }
}

/// Hashes passwords, a few at a time.
#[derive(Debug)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    /// The hash of what nobody knows, so that it takes as long to refuse who is not known.
    nobody: Secret<String>,
}

impl Hasher {
    pub(crate) fn new() -> Result<Self, Error> {
        let nobody = hash(crate::secrets::session()?.expose())?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_A_TIME)), nobody })
    }

    /// A new password as it is kept.
    pub(crate) async fn keep(
        &self,
        password: &str,
        now: Timestamp,
    ) -> Result<state::Password, Error> {
        let password = Secret::new(password.to_owned());
        let hash = self.in_turn(move || hash(password.expose())).await??;
        Ok(state::Password { hash, ends: now.plus_millis(LASTS_MS) })
    }

    /// Whether it is this password. None is nobody's.
    pub(crate) async fn is_right(
        &self,
        kept: Option<&state::Password>,
        password: &str,
    ) -> Result<bool, Error> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        let hash = kept.map_or(&self.nobody, |kept| &kept.hash).clone();
        let password = Secret::new(password.to_owned());
        let right = self.in_turn(move || verify(hash.expose(), password.expose())).await?;
        Ok(right && kept.is_some())
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Error::Stopping)?;
        let work = move || {
            let _turn = turn;
            work()
        };
        spawn_blocking(work).await.map_err(|_| Error::Stopping)
    }
}

fn hash(password: &str) -> Result<Secret<String>, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| Secret::new(hash.to_string())).map_err(|error| Error::Hash(error.to_string()))
}

fn verify(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_1_4() {
        let says = |password: &str, again: &str| {
            objection(password, again, "alice", "Alice Liddell").unwrap_or("taken")
        };
        assert!(says("1234", "1234").contains("at least 5"));
        assert!(says("éééé", "éééé").contains("at least 5"), "characters, not bytes");
        assert!(says("my-ALICE-1", "my-ALICE-1").contains("user name"));
        assert!(says("xalice liddellx", "xalice liddellx").contains("name"));
        assert_eq!(says("white rabbit", "white rabbi"), "Passwords do not match!");
        assert!(says(&"x".repeat(257), "").contains("at most 256"));
        assert_eq!(says("white rabbit", "white rabbit"), "taken");
        assert_eq!(objection("12345", "12345", "bob", ""), None, "no name is in every password");
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let hasher = Hasher::new().unwrap();
        let kept = hasher.keep("white rabbit", Timestamp::default()).await.unwrap();
        assert!(kept.hash.expose().starts_with("$argon2id$v=19$"));
        assert!(hasher.is_right(Some(&kept), "white rabbit").await.unwrap());
        assert!(!hasher.is_right(Some(&kept), "White rabbit").await.unwrap());
        assert!(!hasher.is_right(None, "white rabbit").await.unwrap());
        let broken = state::Password { hash: Secret::new("x".into()), ..kept };
        assert!(!hasher.is_right(Some(&broken), "x").await.unwrap());
    }
}
