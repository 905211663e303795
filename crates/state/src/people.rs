//! The people behind the users: what they told of themselves, how far their accounts have come,
//! and their passwords.

use crate::codes::{self, Code, Purpose};
use crate::database::{Connection, Row, State};
use crate::deeds::Deed;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::users::{self, NewUser, User};
use types::{AccountId, Secret, Timestamp, UserName};

/// What a person tells of themselves. All but the name and the address may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name.
    pub full_name: String,
    /// The address for mail.
    pub email: String,
    /// A telephone number.
    pub telephone: String,
    /// Who leads the project.
    pub project_leader: String,
    /// Where the person belongs.
    pub affiliation: String,
    /// What the account is wanted for.
    pub project_description: String,
}

/// A password as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// The PHC string of its hash.
    pub hash: Secret<String>,
    /// From then on it must be changed before anything else is done.
    pub ends: Timestamp,
}

/// How far an account has come (1.4's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Somebody has applied for it.
    Unapproved,
    /// Approved, and not confirmed by who reads its mail.
    Unconfirmed,
    /// In use.
    Active,
    /// Its keys, certificates and password are refused.
    Disabled,
}

impl Stage {
    /// 1.4's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unapproved => "unapproved",
            Self::Unconfirmed => "unconfirmed",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// A user with the person behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: User,
    /// How far the account has come.
    pub stage: Stage,
    /// What is known of the person; empty for users that the administrator's tool made.
    pub profile: Profile,
    /// None: cannot log in.
    pub password: Option<Password>,
}

/// An account that is applied for, or made by an administrator.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The user.
    pub user: NewUser,
    /// The person.
    pub profile: Profile,
    /// The password that was chosen.
    pub password: Password,
    /// With which the account is confirmed. None while it is not approved.
    pub confirmation: Option<Code>,
}

/// How many applications may wait: strangers make them.
const MOST_UNAPPROVED: i64 = 500;

/// The statement that reads people, with the given condition.
macro_rules! select_people {
    ($condition:literal) => {
        concat!(
            "SELECT users.account, name, admin, enabled * approved * confirmed AS accepted,
                 enabled, approved, confirmed, access_key, secret_key, created_ms,
                 full_name, email, telephone, project_leader, affiliation, project_description,
                 password, password_ends_ms
             FROM users LEFT JOIN people ON people.account = users.account ",
            $condition
        )
    };
}

impl State {
    /// The person behind the user of this name.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn person(&self, name: &UserName) -> Result<Option<Person>> {
        let statement = select_people!("WHERE name = $1");
        let row = sqlx::query(statement).bind(name.as_str()).fetch_optional(self.readers()).await?;
        row.as_ref().map(person).transpose()
    }

    /// Whoever has this name or, where nobody has, the one person with this address.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn person_by_name_or_email(&self, text: &str) -> Result<Option<Person>> {
        let statement = select_people!(
            "WHERE name = $1 OR lower(email) = lower($1) ORDER BY name <> $1 LIMIT 2"
        );
        let rows = sqlx::query(statement).bind(text).fetch_all(self.readers()).await?;
        let people: Vec<_> = rows.iter().map(person).collect::<Result<_>>()?;
        let by_name = people.first().is_some_and(|first| first.user.name.as_str() == text);
        Ok(if by_name || people.len() == 1 { people.into_iter().next() } else { None })
    }

    /// All people, by name: at most `most` of them after the name `after`.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn people(&self, after: &str, most: u32) -> Result<Vec<Person>> {
        let rows = sqlx::query(select_people!("WHERE name > $1 ORDER BY name LIMIT $2"))
            .bind(after)
            .bind(i64::from(most))
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(person).collect()
    }

    /// The administrators that mail can reach, by name.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn administrators(&self) -> Result<Vec<Person>> {
        let statement =
            select_people!("WHERE admin = 1 AND enabled = 1 AND email <> '' ORDER BY name");
        let rows = sqlx::query(statement).fetch_all(self.readers()).await?;
        rows.iter().map(person).collect()
    }

    /// Makes an account for somebody who applies for it (`approved` is false), or whom an
    /// administrator makes one. It is of no use before it is confirmed.
    ///
    /// # Errors
    /// [`Error::UserExists`], [`Error::CredentialExists`]; [`Error::LimitReached`] when too many
    /// applications wait.
    pub async fn add_person(&self, new: NewPerson, approved: bool, deed: Deed) -> Result<User> {
        self.write(move |db| Box::pin(add(db, new, approved, deed))).await
    }

    /// Approves an application; whoever reads its mail can confirm it with the code.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; [`Error::NotUnapproved`].
    pub async fn approve(&self, name: UserName, code: Code, deed: Deed) -> Result<()> {
        self.write(move |db| Box::pin(approve(db, name, code, deed))).await
    }

    /// Rejects an application, which is deleted.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; [`Error::NotUnapproved`].
    pub async fn reject(&self, name: UserName, deed: Deed) -> Result<()> {
        self.write(move |db| Box::pin(reject(db, name, deed))).await
    }

    /// Confirms the account, if the code is its own; answers whether it was.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn confirm(&self, account: AccountId, digest: String, deed: Deed) -> Result<bool> {
        self.write(move |db| Box::pin(confirm(db, account, digest, deed))).await
    }

    /// Puts the password in place that was sent with the code, and ends the person's sessions;
    /// answers whether the code was good.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn recover(&self, digest: String, ends: Timestamp, deed: Deed) -> Result<bool> {
        self.write(move |db| Box::pin(recover(db, digest, ends, deed))).await
    }

    /// Gives a user a password, and ends all sessions but the one of this digest.
    ///
    /// # Errors
    /// [`Error::UserNotFound`].
    pub async fn set_password(
        &self,
        account: AccountId,
        password: Password,
        session: Option<String>,
        deed: Deed,
    ) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                users::by_account(db, account).await?;
                store_password(db, account, &password, session).await?;
                deed.record(db).await
            })
        })
        .await
    }

    /// Changes what is known of a person.
    ///
    /// # Errors
    /// [`Error::UserNotFound`].
    pub async fn set_profile(
        &self,
        account: AccountId,
        profile: Profile,
        deed: Deed,
    ) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                users::by_account(db, account).await?;
                store_profile(db, account, &profile).await?;
                deed.record(db).await
            })
        })
        .await
    }
}

fn person(row: &Row) -> Result<Person> {
    let user = users::user(row)?;
    let stage = match (row.flag("approved")?, row.flag("enabled")?, row.flag("confirmed")?) {
        (false, ..) => Stage::Unapproved,
        (_, false, _) => Stage::Disabled,
        (_, _, false) => Stage::Unconfirmed,
        (true, true, true) => Stage::Active,
    };
    let text = |column| Ok::<_, Error>(row.maybe_text(column)?.unwrap_or_default());
    let profile = Profile {
        full_name: text("full_name")?,
        email: text("email")?,
        telephone: text("telephone")?,
        project_leader: text("project_leader")?,
        affiliation: text("affiliation")?,
        project_description: text("project_description")?,
    };
    let ends = row.maybe_time("password_ends_ms")?.unwrap_or_default();
    let hash = row.maybe_text("password")?.map(Secret::new);
    Ok(Person { user, stage, profile, password: hash.map(|hash| Password { hash, ends }) })
}

async fn add(db: &mut Connection, new: NewPerson, approved: bool, deed: Deed) -> Result<User> {
    if !approved {
        let statement = "SELECT COUNT(*) FROM users WHERE approved = 0";
        let waiting: i64 = sqlx::query_scalar(statement).fetch_one(&mut *db).await?;
        if waiting >= MOST_UNAPPROVED {
            return Err(Error::LimitReached {
                what: "applications for accounts",
                most: MOST_UNAPPROVED,
            });
        }
    }
    let user = users::create(db, new.user, deed.at).await?;
    sqlx::query("UPDATE users SET approved = $1, confirmed = 0 WHERE account = $2")
        .bind(i64::from(approved))
        .bind(user.account.to_string())
        .execute(&mut *db)
        .await?;
    store_profile(db, user.account, &new.profile).await?;
    store_password(db, user.account, &new.password, None).await?;
    if let Some(code) = new.confirmation {
        codes::store(db, user.account, Purpose::Confirm, code, None).await?;
    }
    deed.record(db).await?;
    users::by_account(db, user.account).await
}

async fn unapproved(db: &mut Connection, name: &UserName) -> Result<AccountId> {
    let row = sqlx::query("SELECT account, approved FROM users WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?
        .ok_or_else(|| Error::UserNotFound(name.to_string()))?;
    if row.flag("approved")? {
        return Err(Error::NotUnapproved(name.clone()));
    }
    row.parsed("account")
}

async fn approve(db: &mut Connection, name: UserName, code: Code, deed: Deed) -> Result<()> {
    let account = unapproved(db, &name).await?;
    sqlx::query("UPDATE users SET approved = 1 WHERE account = $1")
        .bind(account.to_string())
        .execute(&mut *db)
        .await?;
    codes::store(db, account, Purpose::Confirm, code, None).await?;
    deed.record(db).await
}

async fn reject(db: &mut Connection, name: UserName, deed: Deed) -> Result<()> {
    let account = unapproved(db, &name).await?;
    users::forget(db, account).await?;
    deed.record(db).await
}

async fn confirm(
    db: &mut Connection,
    account: AccountId,
    digest: String,
    deed: Deed,
) -> Result<bool> {
    let Some(code) = codes::take(db, &digest, Purpose::Confirm, deed.at, Some(account)).await?
    else {
        return Ok(false);
    };
    sqlx::query("UPDATE users SET confirmed = 1 WHERE account = $1")
        .bind(code.account.to_string())
        .execute(&mut *db)
        .await?;
    deed.record(db).await?;
    Ok(true)
}

async fn recover(
    db: &mut Connection,
    digest: String,
    ends: Timestamp,
    mut deed: Deed,
) -> Result<bool> {
    let Some(code) = codes::take(db, &digest, Purpose::Recover, deed.at, None).await? else {
        return Ok(false);
    };
    let Some(hash) = code.password else { return Ok(false) };
    deed.actor = users::by_account(db, code.account).await?.name.to_string();
    store_password(db, code.account, &Password { hash, ends }, None).await?;
    deed.record(db).await?;
    Ok(true)
}

async fn store_profile(db: &mut Connection, account: AccountId, profile: &Profile) -> Result<()> {
    row_for(db, account).await?;
    sqlx::query(
        "UPDATE people SET full_name = $1, email = $2, telephone = $3, project_leader = $4,
             affiliation = $5, project_description = $6 WHERE account = $7",
    )
    .bind(&profile.full_name)
    .bind(&profile.email)
    .bind(&profile.telephone)
    .bind(&profile.project_leader)
    .bind(&profile.affiliation)
    .bind(&profile.project_description)
    .bind(account.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// A new password ends what was begun with the old one: sessions, and codes that would replace it.
async fn store_password(
    db: &mut Connection,
    account: AccountId,
    password: &Password,
    session: Option<String>,
) -> Result<()> {
    row_for(db, account).await?;
    sqlx::query("UPDATE people SET password = $1, password_ends_ms = $2 WHERE account = $3")
        .bind(password.hash.expose())
        .bind(password.ends.millis())
        .bind(account.to_string())
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM codes WHERE account = $1 AND purpose = $2")
        .bind(account.to_string())
        .bind(Purpose::Recover.as_str())
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM sessions WHERE account = $1 AND digest <> $2")
        .bind(account.to_string())
        .bind(session.unwrap_or_default())
        .execute(db)
        .await?;
    Ok(())
}

/// Makes sure that the account has a row to update.
async fn row_for(db: &mut Connection, account: AccountId) -> Result<()> {
    sqlx::query(
        "INSERT INTO people (account, full_name, email, telephone, project_leader, affiliation,
             project_description, password_ends_ms)
         VALUES ($1, '', '', '', '', '', '', 0) ON CONFLICT (account) DO NOTHING",
    )
    .bind(account.to_string())
    .execute(db)
    .await?;
    Ok(())
}
