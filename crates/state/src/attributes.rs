//! Attributes of instances that their owners can change.

use crate::clusters::bump;
use crate::database::{Connection, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::instances::visible;
use crate::settings::{self, Settings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use types::{AccountId, Boot, ImageId, InstanceId, Timestamp};

/// What is known of an instance beyond what lists of instances show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDetails {
    /// Its user data in base64.
    pub user_data: String,
    /// The kernel that a launch of its image without a kernel gets.
    pub default_kernel: Option<ImageId>,
    /// The ramdisk that a launch of its image without a ramdisk gets.
    pub default_ramdisk: Option<ImageId>,
    /// The product codes of its image, sorted.
    pub product_codes: Vec<String>,
}

impl State {
    /// The details of an instance. `account` limits it to what that account owns; none is for
    /// administrators.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`].
    pub async fn instance_details(
        &self,
        account: Option<AccountId>,
        id: InstanceId,
        now: Timestamp,
    ) -> Result<InstanceDetails> {
        let mut snapshot = self.snapshot().await?;
        visible(&mut snapshot, account, id, now).await?;
        details(&mut snapshot, id).await
    }

    /// Protects an instance from being terminated, or ends that.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`].
    pub async fn protect_instance(
        &self,
        account: Option<AccountId>,
        id: InstanceId,
        protected: bool,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                visible(db, account, id, now).await?;
                sqlx::query("UPDATE instances SET protected = $1 WHERE id = $2")
                    .bind(i64::from(protected))
                    .bind(id.to_string())
                    .execute(db)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Notes whether these instances are to be monitored. All or none.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`].
    pub async fn monitor_instances(
        &self,
        account: Option<AccountId>,
        ids: Vec<InstanceId>,
        monitoring: bool,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                for id in ids {
                    visible(db, account, id, now).await?;
                    sqlx::query("UPDATE instances SET monitoring = $1 WHERE id = $2")
                        .bind(i64::from(monitoring))
                        .bind(id.to_string())
                        .execute(&mut *db)
                        .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Gives a stopped instance other user data, decoded here, which it sees from its next start
    /// on.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InstanceNotStopped`].
    pub async fn set_user_data(
        &self,
        account: Option<AccountId>,
        id: InstanceId,
        user_data: Vec<u8>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(set_user_data(db, account, id, user_data, now))).await
    }
}

async fn details(db: &mut Connection, id: InstanceId) -> Result<InstanceDetails> {
    let defaults = settings::read(db).await?;
    let row = sqlx::query(
        "SELECT COALESCE(instances.user_data, reservations.user_data) AS data,
             images.kernel AS own_kernel, images.ramdisk AS own_ramdisk, images.boot
         FROM instances JOIN reservations ON reservations.id = instances.reservation
         JOIN images ON images.id = instances.image WHERE instances.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(&mut *db)
    .await?;
    let codes = sqlx::query(
        "SELECT code FROM product_codes
         WHERE image = (SELECT image FROM instances WHERE id = $1) ORDER BY code",
    )
    .bind(id.to_string())
    .fetch_all(db)
    .await?;
    let defaults = match row.parsed::<Boot>("boot")? {
        Boot::Kernel => defaults,
        Boot::Bios | Boot::Uefi => Settings::default(),
    };
    Ok(InstanceDetails {
        user_data: row.text("data")?,
        default_kernel: row.maybe("own_kernel")?.or(defaults.default_kernel),
        default_ramdisk: row.maybe("own_ramdisk")?.or(defaults.default_ramdisk),
        product_codes: codes.iter().map(|row| row.text("code")).collect::<Result<_>>()?,
    })
}

/// Refuses to terminate a protected instance. One that is going away already may be asked to once
/// more.
pub(crate) async fn check_unprotected(db: &mut Connection, id: InstanceId) -> Result<()> {
    let row = sqlx::query(
        "SELECT id FROM instances
         WHERE id = $1 AND protected = 1 AND goal = 'run' AND state <> 'terminated'",
    )
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    match row {
        Some(_) => Err(Error::InstanceProtected(id)),
        None => Ok(()),
    }
}

async fn set_user_data(
    db: &mut Connection,
    account: Option<AccountId>,
    id: InstanceId,
    user_data: Vec<u8>,
    now: Timestamp,
) -> Result<()> {
    let changed = sqlx::query(
        "UPDATE instances SET user_data = $1
         WHERE id = $2 AND (account = $3 OR $3 IS NULL) AND state = 'stopped' RETURNING cluster",
    )
    .bind(BASE64.encode(user_data))
    .bind(id.to_string())
    .bind(account.map(|account| account.to_string()))
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = changed else {
        let (_, state) = visible(db, account, id, now).await?;
        let attribute = "user data";
        return Err(Error::InstanceNotStopped { id, state: state.as_str(), attribute });
    };
    bump(db, &row.parsed("cluster")?).await.map(drop)
}
