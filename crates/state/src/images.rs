//! Registered images and who may launch them.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, column, corrupt};
use crate::image_attributes::{add_product_codes, product_codes, product_codes_of_images};
use crate::settings;
use crate::tags;
use crate::unused::unused;
use crate::users::User;
use protocol::Digest;
use types::{AccountId, Boot, ImageFormat, ImageId, ImageKind, Tags, Timestamp};

/// A registered image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id, which also says whether it is a machine image, a kernel or a ramdisk.
    pub id: ImageId,
    /// Its owner.
    pub account: AccountId,
    /// `bucket/manifest`, as registered.
    pub location: String,
    /// Its architecture, such as `x86_64`.
    pub architecture: String,
    /// SHA-256 of the decrypted bytes.
    pub digest: Digest,
    /// Length of the decrypted bytes.
    pub size: u64,
    /// The format of the decrypted bytes.
    pub format: ImageFormat,
    /// How a machine starts from it.
    pub boot: Boot,
    /// The kernel that it was bundled with.
    pub kernel: Option<ImageId>,
    /// The ramdisk that it was bundled with.
    pub ramdisk: Option<ImageId>,
    /// Whether everybody may launch it.
    pub public: bool,
    /// False once deregistered; such an image is only seen through instances that use it.
    pub registered: bool,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Its name, unique among its owner's registered images.
    pub name: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// Its product codes, in order.
    pub products: Vec<String>,
}

/// An image to be registered.
#[derive(Debug, Clone)]
pub struct NewImage {
    /// What it is used as.
    pub kind: ImageKind,
    /// Its owner.
    pub account: AccountId,
    /// `bucket/manifest`.
    pub location: String,
    /// Its architecture.
    pub architecture: String,
    /// SHA-256 of the decrypted bytes.
    pub digest: Digest,
    /// Length of the decrypted bytes.
    pub size: u64,
    /// The format of the decrypted bytes.
    pub format: ImageFormat,
    /// How a machine starts from it.
    pub boot: Boot,
    /// The kernel that it wants.
    pub kernel: Option<ImageId>,
    /// The ramdisk that it wants.
    pub ramdisk: Option<ImageId>,
    /// Whether everybody may launch it.
    pub public: bool,
    /// Its name.
    pub name: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// Its product codes.
    pub products: Vec<String>,
    /// The tags that its owner notes on it.
    pub tags: Tags,
}

/// The statement that reads images, with the given condition.
macro_rules! select_images {
    ($condition:literal) => {
        concat!(
            "SELECT id, account, location, architecture, digest, size_bytes, kernel, ramdisk,
             public, registered, registered_ms, name, description, format, boot FROM images ",
            $condition
        )
    };
}

impl State {
    /// Registers an image under a new id.
    ///
    /// # Errors
    /// [`Error::BootsByItself`] when it boots by itself and is to have a kernel or ramdisk,
    /// [`Error::ImageNotFound`] when its kernel or ramdisk is not registered or not launchable by
    /// its owner, [`Error::ImageKindWrong`] when they are no kernel or ramdisk,
    /// [`Error::ImageNameTaken`] when its owner has an image of the name,
    /// [`Error::LimitReached`] for too many product codes.
    pub async fn register_image(&self, new: NewImage, now: Timestamp) -> Result<Image> {
        self.write(move |db| Box::pin(register(db, new, now))).await
    }

    /// Ends the registration of an image. Instances that use it are not touched. Default kernel
    /// and ramdisk are unset when it was that.
    ///
    /// # Errors
    /// [`Error::ImageNotFound`] when `user` may not see it, [`Error::ImageNotOwned`] when `user`
    /// may see it but is neither owner nor administrator.
    pub async fn deregister_image(&self, id: ImageId, user: User) -> Result<Image> {
        self.write(move |db| Box::pin(deregister(db, id, user))).await
    }

    /// Every registered image that `user` may see: all for an administrator; for others their
    /// own, public ones, and those with a launch permission for them. By id.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn images_for(&self, user: &User) -> Result<Vec<Image>> {
        let mut db = self.snapshot().await?;
        let rows = sqlx::query(select_images!(
            "WHERE registered = 1 AND ($2 = 1 OR public = 1 OR account = $1 OR id IN
             (SELECT image FROM launch_permissions WHERE account = $1)) ORDER BY id"
        ))
        .bind(user.account.to_string())
        .bind(i64::from(user.admin))
        .fetch_all(&mut *db)
        .await?;
        let mut products = product_codes_of_images(&mut db, user).await?;
        let mut images: Vec<_> = rows.iter().map(image).collect::<Result<_>>()?;
        for image in &mut images {
            image.products = products.remove(&image.id).unwrap_or_default();
        }
        Ok(images)
    }

    /// The digests that a registered image or a live instance needs. Files of others may go.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn digests_in_use(&self) -> Result<Vec<Digest>> {
        let rows = sqlx::query(
            "SELECT DISTINCT digest FROM images WHERE registered = 1 OR id IN
                 (SELECT image FROM instances WHERE state <> 'terminated'
                  UNION SELECT kernel FROM instances WHERE state <> 'terminated'
                  UNION SELECT ramdisk FROM instances WHERE state <> 'terminated')",
        )
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(|row| row.parsed("digest")).collect()
    }
}

/// The registered image with this id, if `user` may launch it.
pub(crate) async fn launchable(db: &mut Connection, id: ImageId, user: &User) -> Result<Image> {
    let row = sqlx::query(select_images!(
        "WHERE id = $3 AND registered = 1 AND ($2 = 1 OR public = 1 OR account = $1 OR id IN
         (SELECT image FROM launch_permissions WHERE account = $1))"
    ))
    .bind(user.account.to_string())
    .bind(i64::from(user.admin))
    .bind(id.to_string())
    .fetch_optional(&mut *db)
    .await?;
    let image = row.as_ref().map_or(Err(Error::ImageNotFound(id)), image)?;
    Ok(Image { products: product_codes(db, id).await?, ..image })
}

/// As [`launchable`], for an image that must be of this kind.
pub(crate) async fn launchable_as(
    db: &mut Connection,
    kind: ImageKind,
    id: ImageId,
    user: &User,
) -> Result<Image> {
    if id.kind() != kind {
        return Err(Error::ImageKindWrong { id, wanted: kind.as_str() });
    }
    launchable(db, id, user).await
}

/// An image without its product codes, which are rows of their own.
fn image(row: &Row) -> Result<Image> {
    Ok(Image {
        id: row.parsed("id")?,
        account: row.parsed("account")?,
        location: row.text("location")?,
        architecture: row.text("architecture")?,
        digest: row.parsed("digest")?,
        size: row.number("size_bytes")?,
        format: row.parsed("format")?,
        boot: row.parsed("boot")?,
        kernel: row.maybe("kernel")?,
        ramdisk: row.maybe("ramdisk")?,
        public: row.flag("public")?,
        registered: row.flag("registered")?,
        registered_at: row.time("registered_ms")?,
        name: row.maybe_text("name")?,
        description: row.maybe_text("description")?,
        products: Vec::new(),
    })
}

async fn register(db: &mut Connection, new: NewImage, now: Timestamp) -> Result<Image> {
    if let Some(id) = new.kernel.or(new.ramdisk).filter(|_| new.boot.by_itself()) {
        return Err(Error::BootsByItself { named: id });
    }
    let owner = crate::users::by_account(db, new.account).await?;
    for (kind, id) in [(ImageKind::Kernel, new.kernel), (ImageKind::Ramdisk, new.ramdisk)] {
        if let Some(id) = id {
            launchable_as(db, kind, id, &owner).await?;
        }
    }
    if let Some(name) = &new.name {
        check_name_is_free(db, new.account, name).await?;
    }
    let id =
        unused(db, "SELECT id FROM images WHERE id = $1", || ImageId::random(new.kind)).await?;
    sqlx::query(
        "INSERT INTO images (id, account, location, architecture, digest, size_bytes, kernel,
             ramdisk, public, registered, registered_ms, name, description, format, boot)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14)",
    )
    .bind(id.to_string())
    .bind(new.account.to_string())
    .bind(&new.location)
    .bind(&new.architecture)
    .bind(new.digest.to_string())
    .bind(column(new.size))
    .bind(new.kernel.map(|id| id.to_string()))
    .bind(new.ramdisk.map(|id| id.to_string()))
    .bind(i64::from(new.public))
    .bind(now.millis())
    .bind(&new.name)
    .bind(&new.description)
    .bind(new.format.as_str())
    .bind(new.boot.as_str())
    .execute(&mut *db)
    .await?;
    add_product_codes(db, id, &new.products).await?;
    tags::put(db, new.account, id, &new.tags).await?;
    launchable(db, id, &owner).await
}

async fn check_name_is_free(db: &mut Connection, account: AccountId, name: &str) -> Result<()> {
    let row =
        sqlx::query("SELECT id FROM images WHERE account = $1 AND name = $2 AND registered = 1")
            .bind(account.to_string())
            .bind(name)
            .fetch_optional(db)
            .await?;
    match row {
        None => Ok(()),
        Some(row) => Err(Error::ImageNameTaken { name: name.to_owned(), id: row.parsed("id")? }),
    }
}

/// The image, if `user` may change it.
pub(crate) async fn changeable(db: &mut Connection, id: ImageId, user: &User) -> Result<Image> {
    let image = launchable(db, id, user).await?;
    if !user.admin && image.account != user.account {
        return Err(Error::ImageNotOwned(id));
    }
    Ok(image)
}

async fn deregister(db: &mut Connection, id: ImageId, user: User) -> Result<Image> {
    let image = changeable(db, id, &user).await?;
    settings::unset_image(db, id).await?;
    sqlx::query("DELETE FROM launch_permissions WHERE image = $1")
        .bind(id.to_string())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE images SET registered = 0 WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *db)
        .await?;
    tags::forget(db, id).await?;
    purge_unreferenced(db).await?;
    Ok(Image { registered: false, ..image })
}

/// Deletes the rows of deregistered images that no instance refers to any more.
pub(crate) async fn purge_unreferenced(db: &mut Connection) -> Result<()> {
    macro_rules! unreferenced {
        () => {
            "registered = 0
             AND NOT EXISTS (SELECT 1 FROM instances WHERE instances.image = images.id
                 OR instances.kernel = images.id OR instances.ramdisk = images.id)"
        };
    }
    for statement in [
        concat!(
            "DELETE FROM product_codes WHERE image IN (SELECT id FROM images WHERE ",
            unreferenced!(),
            ")"
        ),
        concat!("DELETE FROM images WHERE ", unreferenced!()),
    ] {
        sqlx::query(statement).execute(&mut *db).await?;
    }
    Ok(())
}

/// The columns of one image, in a join under a prefix, as a node is told of it: of a kernel or
/// ramdisk, which is raw and does not boot.
pub(crate) fn reference(
    row: &Row,
    [id, location, digest, size]: [&'static str; 4],
) -> Result<Option<protocol::ImageRef>> {
    let Some(id) = row.maybe(id)? else { return Ok(None) };
    Ok(Some(protocol::ImageRef {
        id,
        location: row.text(location)?,
        digest: row.maybe(digest)?.ok_or_else(|| corrupt(digest, "missing"))?,
        size: row.number(size)?,
        format: ImageFormat::Raw,
        boot: Boot::Kernel,
    }))
}
