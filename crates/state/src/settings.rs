//! Cloud-wide settings and the VM types.

use crate::database::{Connection, Row, State};
use crate::deeds::Deed;
use crate::error::{Error, Result};
use crate::fields::{Fields, column, corrupt};
use types::{ImageId, ImageKind, VmType, WalrusLimits};

const DEFAULT_KERNEL: &str = "default_kernel";
const DEFAULT_RAMDISK: &str = "default_ramdisk";
const ADDRESSES_PER_USER: &str = "addresses_per_user";
const WALRUS_URL: &str = "walrus_url";
const WALRUS_LIMITS: &str = "walrus_limits";

/// What an administrator sets for the whole cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The kernel of launches that name none, of images that have none.
    pub default_kernel: Option<ImageId>,
    /// The ramdisk of launches that name none, of images that have none.
    pub default_ramdisk: Option<ImageId>,
    /// How many elastic addresses a user may have who is no administrator.
    pub addresses_per_user: u32,
    /// Where users reach Walrus; none until an administrator has said it.
    pub walrus_url: Option<String>,
    /// What users may have in Walrus who are no administrators.
    pub walrus_limits: WalrusLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_kernel: None,
            default_ramdisk: None,
            addresses_per_user: 5,
            walrus_url: None,
            walrus_limits: WalrusLimits::default(),
        }
    }
}

impl State {
    /// The settings.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn settings(&self) -> Result<Settings> {
        read(&mut *self.snapshot().await?).await
    }

    /// Makes an image the default kernel or ramdisk, or unsets that default.
    ///
    /// # Errors
    /// [`Error::ImageKindWrong`], [`Error::ImageNotFound`] for what is not registered.
    pub async fn set_default_image(&self, kind: ImageKind, image: Option<ImageId>) -> Result<()> {
        self.write(move |db| Box::pin(store(db, kind, image))).await
    }

    /// Sets how many elastic addresses a user may have who is no administrator. Who has more keeps
    /// them.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn set_addresses_per_user(&self, most: u32) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move { store_one(db, ADDRESSES_PER_USER, Some(most.to_string())).await })
        })
        .await
    }

    /// Sets what users may have in Walrus who are no administrators.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn set_walrus_limits(&self, limits: WalrusLimits) -> Result<()> {
        let value = Some(limits.to_string());
        self.write(move |db| Box::pin(async move { store_one(db, WALRUS_LIMITS, value).await }))
            .await
    }

    /// Sets where users reach Walrus. The caller has seen that it can be an address.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn set_walrus_url(&self, url: String, deed: Deed) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                store_one(db, WALRUS_URL, Some(url)).await?;
                deed.record(db).await
            })
        })
        .await
    }

    /// The VM types in their order.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn vm_types(&self) -> Result<Vec<VmType>> {
        vm_types(&mut *self.snapshot().await?).await
    }

    /// Replaces all VM types at once. Instances keep the figures that they were launched with.
    ///
    /// # Errors
    /// [`Error::VmTypeInvalid`], [`Error::VmTypeTwice`], [`Error::NoVmTypes`],
    /// [`Error::LimitReached`]. All stay as they were then.
    pub async fn set_vm_types(&self, types: Vec<VmType>) -> Result<()> {
        self.write(move |db| Box::pin(store_vm_types(db, types))).await
    }

    /// Gives a VM type other figures, or adds it behind the others.
    ///
    /// # Errors
    /// As [`State::set_vm_types`].
    pub async fn set_vm_type(&self, vm_type: VmType) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                let mut types = vm_types(db).await?;
                match types.iter_mut().find(|known| known.name == vm_type.name) {
                    Some(known) => *known = vm_type,
                    None => types.push(vm_type),
                }
                store_vm_types(db, types).await
            })
        })
        .await
    }

    /// Removes a VM type. Instances of it go on.
    ///
    /// # Errors
    /// [`Error::VmTypeNotFound`]; [`Error::NoVmTypes`] for the last one.
    pub async fn delete_vm_type(&self, name: String) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                let mut types = vm_types(db).await?;
                let before = types.len();
                types.retain(|known| known.name != name);
                if types.len() == before {
                    return Err(Error::VmTypeNotFound(name.chars().take(64).collect()));
                }
                store_vm_types(db, types).await
            })
        })
        .await
    }

    /// Stores the five VM types of 1.4 if there are none yet.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn seed_vm_types(&self) -> Result<()> {
        self.write(|db| {
            Box::pin(async move {
                if vm_types(db).await?.is_empty() {
                    store_vm_types(db, VmType::of_1_4()).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// The settings, within a transaction.
pub(crate) async fn read(db: &mut Connection) -> Result<Settings> {
    let mut settings = Settings::default();
    for row in sqlx::query("SELECT name, value FROM settings").fetch_all(db).await? {
        match row.text("name")?.as_str() {
            DEFAULT_KERNEL => settings.default_kernel = Some(row.parsed("value")?),
            DEFAULT_RAMDISK => settings.default_ramdisk = Some(row.parsed("value")?),
            ADDRESSES_PER_USER => settings.addresses_per_user = row.parsed("value")?,
            WALRUS_LIMITS => settings.walrus_limits = row.parsed("value")?,
            WALRUS_URL => settings.walrus_url = Some(row.text("value")?),
            other => return Err(corrupt("name", format!("unknown setting {other}"))),
        }
    }
    Ok(settings)
}

/// The VM types, within a transaction.
pub(crate) async fn vm_types(db: &mut Connection) -> Result<Vec<VmType>> {
    let rows =
        sqlx::query("SELECT name, cores, memory_mb, disk_gb FROM vm_types ORDER BY position")
            .fetch_all(db)
            .await?;
    rows.iter().map(vm_type).collect()
}

fn vm_type(row: &Row) -> Result<VmType> {
    Ok(VmType { name: row.text("name")?, figures: row.figures()? })
}

/// Makes sure that `id` is no default any more.
pub(crate) async fn unset_image(db: &mut Connection, id: ImageId) -> Result<()> {
    sqlx::query("DELETE FROM settings WHERE name IN ($1, $2) AND value = $3")
        .bind(DEFAULT_KERNEL)
        .bind(DEFAULT_RAMDISK)
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

async fn store(db: &mut Connection, kind: ImageKind, image: Option<ImageId>) -> Result<()> {
    let name = match kind {
        ImageKind::Kernel => DEFAULT_KERNEL,
        ImageKind::Ramdisk => DEFAULT_RAMDISK,
        ImageKind::Machine => return Err(corrupt("name", "machine images have no default")),
    };
    if let Some(id) = image {
        check_registered(db, kind, id).await?;
    }
    store_one(db, name, image.map(|id| id.to_string())).await
}

async fn store_one(db: &mut Connection, name: &'static str, value: Option<String>) -> Result<()> {
    sqlx::query("DELETE FROM settings WHERE name = $1").bind(name).execute(&mut *db).await?;
    let Some(value) = value else { return Ok(()) };
    sqlx::query("INSERT INTO settings (name, value) VALUES ($1, $2)")
        .bind(name)
        .bind(value)
        .execute(db)
        .await?;
    Ok(())
}

async fn check_registered(db: &mut Connection, kind: ImageKind, id: ImageId) -> Result<()> {
    if id.kind() != kind {
        return Err(Error::ImageKindWrong { id, wanted: kind.as_str() });
    }
    let row = sqlx::query("SELECT id FROM images WHERE id = $1 AND registered = 1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|_| ()).ok_or(Error::ImageNotFound(id))
}

async fn store_vm_types(db: &mut Connection, types: Vec<VmType>) -> Result<()> {
    check_vm_types(&types)?;
    sqlx::query("DELETE FROM vm_types").execute(&mut *db).await?;
    for (position, vm_type) in (0i64..).zip(types) {
        sqlx::query(
            "INSERT INTO vm_types (name, position, cores, memory_mb, disk_gb)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&vm_type.name)
        .bind(position)
        .bind(i64::from(vm_type.figures.cores))
        .bind(column(vm_type.figures.memory_mb))
        .bind(column(vm_type.figures.disk_gb))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

fn check_vm_types(types: &[VmType]) -> Result<()> {
    if types.is_empty() {
        return Err(Error::NoVmTypes);
    }
    if types.len() > VmType::MOST {
        return Err(Error::LimitReached { what: "VM types", most: VmType::MOST as i64 });
    }
    for (at, vm_type) in types.iter().enumerate() {
        vm_type.check()?;
        if types[..at].iter().any(|other| other.name == vm_type.name) {
            return Err(Error::VmTypeTwice(vm_type.name.clone()));
        }
    }
    Ok(())
}
