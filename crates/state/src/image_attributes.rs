//! Launch permissions, product codes and descriptions of images.

use crate::database::{Connection, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::images::{Image, changeable};
use crate::users::{User, by_word};
use std::collections::HashMap;
use types::{AccountId, ImageId, InstanceId};

/// The most product codes of one image.
const MOST_PRODUCT_CODES: i64 = 16;

/// Whom a launch permission is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launcher {
    /// Everybody: the group `all`.
    All,
    /// A user, by account number or name.
    User(String),
}

/// A change of an image's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageChange {
    /// Launch permissions to give and to take. One that is there may be given again.
    LaunchPermission {
        /// Who may launch it from now on.
        add: Vec<Launcher>,
        /// Who may not any more.
        remove: Vec<Launcher>,
    },
    /// Product codes to add; nothing takes them away.
    ProductCodes(Vec<String>),
    /// What it is, for people; none clears it.
    Description(Option<String>),
    /// Only everybody may launch it, no user by name.
    ResetLaunchPermission,
}

impl State {
    /// Changes an image's attributes, all or nothing.
    ///
    /// # Errors
    /// As [`deregister_image`](Self::deregister_image); [`Error::LauncherUnknown`] for a user
    /// that does not exist, [`Error::LauncherAbsent`] for a permission to take that is not
    /// there, [`Error::LimitReached`] for too many product codes.
    pub async fn change_image(&self, id: ImageId, user: User, change: ImageChange) -> Result<()> {
        self.write(move |db| Box::pin(apply(db, id, user, change))).await
    }

    /// An image that `user` may change, and the accounts that may launch it by number, in order.
    ///
    /// # Errors
    /// As [`deregister_image`](Self::deregister_image).
    pub async fn image_attributes(
        &self,
        id: ImageId,
        user: &User,
    ) -> Result<(Image, Vec<AccountId>)> {
        let mut db = self.snapshot().await?;
        let image = changeable(&mut db, id, user).await?;
        let rows =
            sqlx::query("SELECT account FROM launch_permissions WHERE image = $1 ORDER BY account")
                .bind(id.to_string())
                .fetch_all(&mut *db)
                .await?;
        let launchers = rows.iter().map(|row| row.parsed("account")).collect::<Result<_>>()?;
        Ok((image, launchers))
    }

    /// The accounts that were permitted by number to launch images that `user` may change.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn launch_permissions(
        &self,
        user: &User,
    ) -> Result<HashMap<ImageId, Vec<AccountId>>> {
        let rows = sqlx::query(
            "SELECT launch_permissions.image, launch_permissions.account FROM launch_permissions
             JOIN images ON images.id = launch_permissions.image
             WHERE images.account = $1 OR $2 = 1",
        )
        .bind(user.account.to_string())
        .bind(i64::from(user.admin))
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        let mut permissions: HashMap<_, Vec<_>> = HashMap::new();
        for row in &rows {
            permissions.entry(row.parsed("image")?).or_default().push(row.parsed("account")?);
        }
        Ok(permissions)
    }

    /// The owner of an instance whose image has this product code and belongs to `user`, or to
    /// anybody where `user` is an administrator.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn product_instance_owner(
        &self,
        user: &User,
        code: &str,
        instance: InstanceId,
    ) -> Result<Option<AccountId>> {
        let row = sqlx::query(
            "SELECT instances.account FROM instances
             JOIN images ON images.id = instances.image
             JOIN product_codes ON product_codes.image = images.id
             WHERE instances.id = $1 AND product_codes.code = $2
             AND (images.account = $3 OR $4 = 1)",
        )
        .bind(instance.to_string())
        .bind(code)
        .bind(user.account.to_string())
        .bind(i64::from(user.admin))
        .fetch_optional(&mut *self.snapshot().await?)
        .await?;
        row.map(|row| row.parsed("account")).transpose()
    }
}

async fn apply(db: &mut Connection, id: ImageId, user: User, change: ImageChange) -> Result<()> {
    changeable(db, id, &user).await?;
    match change {
        ImageChange::LaunchPermission { add, remove } => {
            for launcher in &add {
                permit(db, id, launcher).await?;
            }
            for launcher in &remove {
                forbid(db, id, launcher).await?;
            }
        }
        ImageChange::ProductCodes(codes) => add_product_codes(db, id, &codes).await?,
        ImageChange::Description(text) => {
            sqlx::query("UPDATE images SET description = $1 WHERE id = $2")
                .bind(text)
                .bind(id.to_string())
                .execute(db)
                .await?;
        }
        ImageChange::ResetLaunchPermission => {
            sqlx::query("DELETE FROM launch_permissions WHERE image = $1")
                .bind(id.to_string())
                .execute(&mut *db)
                .await?;
            set_public(db, id, true).await?;
        }
    }
    Ok(())
}

/// Sets whether everybody may launch it. Answers whether that was different before.
async fn set_public(db: &mut Connection, id: ImageId, public: bool) -> Result<bool> {
    let changed = sqlx::query("UPDATE images SET public = $1 WHERE id = $2 AND public <> $1")
        .bind(i64::from(public))
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(changed.rows_affected() == 1)
}

async fn permit(db: &mut Connection, id: ImageId, launcher: &Launcher) -> Result<()> {
    let Launcher::User(word) = launcher else {
        return set_public(db, id, true).await.map(drop);
    };
    sqlx::query(
        "INSERT INTO launch_permissions (image, account) VALUES ($1, $2)
         ON CONFLICT (image, account) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(known(db, word).await?.to_string())
    .execute(db)
    .await?;
    Ok(())
}

async fn forbid(db: &mut Connection, id: ImageId, launcher: &Launcher) -> Result<()> {
    let Launcher::User(word) = launcher else {
        return match set_public(db, id, false).await? {
            true => Ok(()),
            false => Err(Error::LauncherAbsent("all".to_owned())),
        };
    };
    let deleted = sqlx::query("DELETE FROM launch_permissions WHERE image = $1 AND account = $2")
        .bind(id.to_string())
        .bind(known(db, word).await?.to_string())
        .execute(db)
        .await?;
    match deleted.rows_affected() {
        0 => Err(Error::LauncherAbsent(word.clone())),
        _ => Ok(()),
    }
}

async fn known(db: &mut Connection, word: &str) -> Result<AccountId> {
    match by_word(db, word).await {
        Ok(user) => Ok(user.account),
        Err(Error::UserNotFound(_)) => Err(Error::LauncherUnknown(word.to_owned())),
        Err(error) => Err(error),
    }
}

/// Adds product codes to an image, those that it has already left out.
pub(crate) async fn add_product_codes(
    db: &mut Connection,
    id: ImageId,
    codes: &[String],
) -> Result<()> {
    for code in codes {
        sqlx::query(
            "INSERT INTO product_codes (image, code) VALUES ($1, $2)
             ON CONFLICT (image, code) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(code)
        .execute(&mut *db)
        .await?;
    }
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM product_codes WHERE image = $1")
        .bind(id.to_string())
        .fetch_one(db)
        .await?;
    if count > MOST_PRODUCT_CODES {
        let what = "product codes of an image";
        return Err(Error::LimitReached { what, most: MOST_PRODUCT_CODES });
    }
    Ok(())
}

/// The product codes of one image, in order.
pub(crate) async fn product_codes(db: &mut Connection, id: ImageId) -> Result<Vec<String>> {
    let rows = sqlx::query("SELECT code FROM product_codes WHERE image = $1 ORDER BY code")
        .bind(id.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| row.text("code")).collect()
}

/// The product codes of all registered images that `user` may see, with one query.
pub(crate) async fn product_codes_of_images(
    db: &mut Connection,
    user: &User,
) -> Result<HashMap<ImageId, Vec<String>>> {
    let rows = sqlx::query(
        "SELECT image, code FROM product_codes JOIN images ON images.id = product_codes.image
         WHERE registered = 1 AND ($2 = 1 OR public = 1 OR images.account = $1 OR images.id IN
             (SELECT image FROM launch_permissions WHERE account = $1))
         ORDER BY image, code",
    )
    .bind(user.account.to_string())
    .bind(i64::from(user.admin))
    .fetch_all(db)
    .await?;
    by_image(&rows)
}

/// The product codes of the images of an account's instances, or with no account of all
/// instances, with one query.
pub(crate) async fn product_codes_of_instances(
    db: &mut Connection,
    account: Option<AccountId>,
) -> Result<HashMap<ImageId, Vec<String>>> {
    let rows = sqlx::query(
        "SELECT image, code FROM product_codes
         WHERE image IN (SELECT image FROM instances WHERE account = $1 OR $1 IS NULL)
         ORDER BY image, code",
    )
    .bind(account.map(|account| account.to_string()))
    .fetch_all(db)
    .await?;
    by_image(&rows)
}

fn by_image(rows: &[crate::database::Row]) -> Result<HashMap<ImageId, Vec<String>>> {
    let mut codes: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        codes.entry(row.parsed("image")?).or_default().push(row.text("code")?);
    }
    Ok(codes)
}
