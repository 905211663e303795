//! Users and their access keys.

use crate::database::{Connection, Row, State};
use crate::deeds::Deed;
use crate::error::{Error, Result};
use crate::fields::Fields;
use types::{AccountId, Secret, Timestamp, UserName};

/// A user of the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The 12-digit number that is shown as owner. It is never given to another user.
    pub account: AccountId,
    /// The name.
    pub name: UserName,
    /// Whether the user administers the cloud.
    pub admin: bool,
    /// Whether the user's keys and certificates are accepted: the account is approved, confirmed
    /// and not disabled.
    pub enabled: bool,
    /// The access key id (1.4: query id).
    pub access_key: String,
    /// The secret that signs requests.
    pub secret_key: Secret<String>,
    /// When the user was made.
    pub created: Timestamp,
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// Whether the user administers the cloud.
    pub admin: bool,
    /// A fresh random access key id.
    pub access_key: String,
    /// A fresh random secret.
    pub secret_key: Secret<String>,
}

/// The statement that reads users, with the given condition.
macro_rules! select_users {
    ($condition:literal) => {
        concat!(
            "SELECT account, name, admin, enabled * approved * confirmed AS accepted, access_key,
                 secret_key, created_ms FROM users ",
            $condition
        )
    };
}

impl State {
    /// Makes a user with a number of its own: that of 1.4 when it was never given, else the next
    /// that was not (DESIGN, "Units and ids").
    ///
    /// # Errors
    /// [`Error::UserExists`], [`Error::CredentialExists`].
    pub async fn create_user(&self, new: NewUser, now: Timestamp) -> Result<User> {
        self.write(move |db| Box::pin(create(db, new, now))).await
    }

    /// The user whom this access key identifies, enabled or not.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn user_by_access_key(&self, access_key: &str) -> Result<Option<User>> {
        self.user(select_users!("WHERE access_key = $1"), access_key).await
    }

    /// The user with this name.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<User>> {
        self.user(select_users!("WHERE name = $1"), name).await
    }

    /// The user with this number.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn user_by_account(&self, account: AccountId) -> Result<Option<User>> {
        self.user(select_users!("WHERE account = $1"), &account.to_string()).await
    }

    /// All users, by name.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows = sqlx::query(select_users!("ORDER BY name"))
            .fetch_all(&mut *self.snapshot().await?)
            .await?;
        rows.iter().map(user).collect()
    }

    /// Accepts or refuses the user's credentials from now on. When they are refused, sessions end.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::LastAdministrator`].
    pub async fn set_user_enabled(&self, name: UserName, enabled: bool) -> Result<User> {
        self.write(move |db| Box::pin(set_enabled(db, name, enabled))).await
    }

    /// Makes the user an administrator, or an ordinary user.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::LastAdministrator`].
    pub async fn set_administrator(&self, name: UserName, admin: bool, deed: Deed) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                set_admin(db, name, admin).await?;
                deed.record(db).await
            })
        })
        .await
    }

    /// Gives the user a new access key and secret; the old ones are refused from now on.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::CredentialExists`].
    pub async fn replace_access_key(
        &self,
        name: UserName,
        access_key: String,
        secret_key: Secret<String>,
    ) -> Result<User> {
        self.write(move |db| Box::pin(replace_key(db, name, access_key, secret_key))).await
    }

    /// Deletes a user who owns nothing any more, with certificates, default group, launch
    /// permissions and the rules of others that name the user.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::UserOwns`], [`Error::LastAdministrator`].
    pub async fn delete_user(&self, name: UserName) -> Result<()> {
        self.write(move |db| Box::pin(delete(db, name))).await
    }

    async fn user(&self, statement: &'static str, value: &str) -> Result<Option<User>> {
        let row = sqlx::query(statement).bind(value).fetch_optional(self.readers()).await?;
        row.as_ref().map(user).transpose()
    }
}

/// The user with this number, within a transaction.
pub(crate) async fn by_account(db: &mut Connection, account: AccountId) -> Result<User> {
    sqlx::query(select_users!("WHERE account = $1"))
        .bind(account.to_string())
        .fetch_optional(db)
        .await?
        .as_ref()
        .map_or_else(|| Err(Error::UserNotFound(account.to_string())), user)
}

/// The user with this number or name, within a transaction.
pub(crate) async fn by_word(db: &mut Connection, word: &str) -> Result<User> {
    if let Ok(account) = word.parse() {
        return by_account(db, account).await;
    }
    match word.parse() {
        Ok(name) => by_name(db, &name).await,
        Err(_) => Err(Error::UserNotFound(word.to_owned())),
    }
}

async fn by_name(db: &mut Connection, name: &UserName) -> Result<User> {
    sqlx::query(select_users!("WHERE name = $1"))
        .bind(name.as_str())
        .fetch_optional(db)
        .await?
        .as_ref()
        .map_or_else(|| Err(Error::UserNotFound(name.to_string())), user)
}

pub(crate) fn user(row: &Row) -> Result<User> {
    Ok(User {
        account: row.parsed("account")?,
        name: row.parsed("name")?,
        admin: row.flag("admin")?,
        enabled: row.flag("accepted")?,
        access_key: row.text("access_key")?,
        secret_key: row.secret("secret_key")?,
        created: row.time("created_ms")?,
    })
}

pub(crate) async fn create(db: &mut Connection, new: NewUser, now: Timestamp) -> Result<User> {
    match by_name(db, &new.name).await {
        Ok(_) => return Err(Error::UserExists(new.name)),
        Err(Error::UserNotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let account = take_number(db, &new.name).await?;
    sqlx::query(
        "INSERT INTO users (account, name, admin, enabled, access_key, secret_key, created_ms)
         VALUES ($1, $2, $3, 1, $4, $5, $6)",
    )
    .bind(account.to_string())
    .bind(new.name.as_str())
    .bind(i64::from(new.admin))
    .bind(&new.access_key)
    .bind(new.secret_key.expose())
    .bind(now.millis())
    .execute(&mut *db)
    .await
    .map_err(|error| taken(error, Error::CredentialExists))?;
    by_account(db, account).await
}

/// Takes the first number from the preferred one on that was never given.
async fn take_number(db: &mut Connection, name: &UserName) -> Result<AccountId> {
    let mut account = AccountId::preferred(name);
    loop {
        let inserted = sqlx::query(
            "INSERT INTO account_numbers (account) VALUES ($1) ON CONFLICT (account) DO NOTHING",
        )
        .bind(account.to_string())
        .execute(&mut *db)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(account);
        }
        account = account.next();
    }
}

async fn set_enabled(db: &mut Connection, name: UserName, enabled: bool) -> Result<User> {
    let user = by_name(db, &name).await?;
    if !enabled {
        keep_an_administrator(db, &user).await?;
    }
    sqlx::query("UPDATE users SET enabled = $1 WHERE account = $2")
        .bind(i64::from(enabled))
        .bind(user.account.to_string())
        .execute(&mut *db)
        .await?;
    if !enabled {
        sqlx::query("DELETE FROM sessions WHERE account = $1")
            .bind(user.account.to_string())
            .execute(&mut *db)
            .await?;
    }
    by_account(db, user.account).await
}

async fn set_admin(db: &mut Connection, name: UserName, admin: bool) -> Result<()> {
    let user = by_name(db, &name).await?;
    if !admin {
        keep_an_administrator(db, &user).await?;
    }
    sqlx::query("UPDATE users SET admin = $1 WHERE account = $2")
        .bind(i64::from(admin))
        .bind(user.account.to_string())
        .execute(db)
        .await?;
    Ok(())
}

async fn keep_an_administrator(db: &mut Connection, user: &User) -> Result<()> {
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM users
             WHERE admin = 1 AND enabled * approved * confirmed = 1 AND account <> $1",
    )
    .bind(user.account.to_string())
    .fetch_one(db)
    .await?;
    if user.admin && others == 0 {
        return Err(Error::LastAdministrator(user.name.clone()));
    }
    Ok(())
}

async fn replace_key(
    db: &mut Connection,
    name: UserName,
    access_key: String,
    secret_key: Secret<String>,
) -> Result<User> {
    let user = by_name(db, &name).await?;
    sqlx::query("UPDATE users SET access_key = $1, secret_key = $2 WHERE account = $3")
        .bind(&access_key)
        .bind(secret_key.expose())
        .bind(user.account.to_string())
        .execute(db)
        .await
        .map_err(|error| taken(error, Error::CredentialExists))?;
    Ok(User { access_key, secret_key, ..user })
}

async fn delete(db: &mut Connection, name: UserName) -> Result<()> {
    let user = by_name(db, &name).await?;
    keep_an_administrator(db, &user).await?;
    let owned = owned(db, user.account).await?;
    if !owned.is_empty() {
        return Err(Error::UserOwns { user: name, owned: owned.join(", ") });
    }
    forget(db, user.account).await
}

/// What an account owns, counted, one text per kind.
async fn owned(db: &mut Connection, account: AccountId) -> Result<Vec<String>> {
    const KINDS: [(&str, &str); 5] = [
        (
            "live instance",
            "SELECT COUNT(*) FROM instances WHERE account = $1 AND state <> 'terminated'",
        ),
        ("image", "SELECT COUNT(*) FROM images WHERE account = $1 AND registered = 1"),
        ("key pair", "SELECT COUNT(*) FROM key_pairs WHERE account = $1"),
        ("public IP", "SELECT COUNT(*) FROM addresses WHERE account = $1"),
        (
            "security group",
            "SELECT COUNT(*) FROM security_groups WHERE account = $1 AND name <> 'default'",
        ),
    ];
    let mut owned = Vec::new();
    for (kind, statement) in KINDS {
        let count: i64 =
            sqlx::query_scalar(statement).bind(account.to_string()).fetch_one(&mut *db).await?;
        match count {
            0 => {}
            1 => owned.push(format!("1 {kind}")),
            _ => owned.push(format!("{count} {kind}s")),
        }
    }
    Ok(owned)
}

/// Removes what is left of an account that owns nothing: records of terminated instances, images
/// that only those used, the default group, rules that name it, permissions, certificates.
pub(crate) async fn forget(db: &mut Connection, account: AccountId) -> Result<()> {
    const STATEMENTS: [&str; 16] = [
        "DELETE FROM sessions WHERE account = $1",
        "DELETE FROM codes WHERE account = $1",
        "DELETE FROM people WHERE account = $1",
        "DELETE FROM tags WHERE resource IN (SELECT id FROM group_rules WHERE peer_account = $1)",
        "DELETE FROM tags WHERE resource IN (SELECT id FROM instances WHERE account = $1)",
        "DELETE FROM instances WHERE account = $1",
        "DELETE FROM reservation_groups WHERE reservation IN
             (SELECT id FROM reservations WHERE account = $1)",
        "DELETE FROM reservations WHERE account = $1",
        "UPDATE clusters SET generation = generation + 1 WHERE name IN
             (SELECT networks.cluster FROM networks
              JOIN group_rules ON group_rules.group_id = networks.group_id
              WHERE group_rules.peer_account = $1)",
        "DELETE FROM group_rules WHERE peer_account = $1 OR group_id IN
             (SELECT id FROM security_groups WHERE account = $1)",
        "DELETE FROM security_groups WHERE account = $1",
        "DELETE FROM launch_permissions WHERE account = $1 OR image IN
             (SELECT id FROM images WHERE account = $1)",
        "UPDATE images SET account = (SELECT MIN(account) FROM users WHERE admin = 1
             AND account <> $1) WHERE account = $1",
        "DELETE FROM certificates WHERE account = $1",
        "DELETE FROM tags WHERE account = $1",
        "DELETE FROM users WHERE account = $1",
    ];
    for statement in STATEMENTS {
        sqlx::query(statement).bind(account.to_string()).execute(&mut *db).await?;
    }
    Ok(())
}

/// `meaning` for an insert that met a unique index, the database's error otherwise.
pub(crate) fn taken(error: sqlx::Error, meaning: Error) -> Error {
    match &error {
        sqlx::Error::Database(cause) if cause.is_unique_violation() => meaning,
        _ => error.into(),
    }
}
