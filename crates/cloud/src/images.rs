//! Registering images: from a bundle in Walrus to decrypted bytes under their digest (FACTS 6.1).

mod disk;
mod files;
mod location;

pub use disk::BootMode;
pub(crate) use files::ImageFiles;

use crate::Cloud;
use crate::error::{Error, Result};
use async_trait::async_trait;
use bundle::{Certificate, DEFAULT_MAX_IMAGE_BYTES, Manifest, Part, UnwrappingKey, unbundle};
use location::Location;
use protocol::{CallError, Digest};
use state::{Image, NewImage, User};
use std::io::{self, Read};
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio::io::AsyncRead;
use tokio::runtime::Handle;
use types::{AccountId, ImageId, ImageKind, Tags};
use walrus::{ObjectReader, Walrus};

/// What is to be registered.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// Where the bundle's manifest is: `BUCKET/MANIFEST`.
    pub location: String,
    /// The image's name, unique among its owner's.
    pub name: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// The architecture that it must have been bundled for.
    pub architecture: Option<String>,
    /// Its kernel, in place of the manifest's.
    pub kernel: Option<ImageId>,
    /// Its ramdisk, in place of the manifest's.
    pub ramdisk: Option<ImageId>,
    /// How it boots, in place of what is found out from its bytes.
    pub boot_mode: Option<BootMode>,
    /// The tags that its owner notes on it.
    pub tags: Tags,
}

/// What is at a location, as its manifest describes it.
impl<S: AsRef<str> + ?Sized> From<&S> for Registration {
    fn from(location: &S) -> Self {
        Self { location: location.as_ref().to_owned(), ..Self::default() }
    }
}

impl Cloud {
    /// Registers the image whose bundle's manifest is at `BUCKET/MANIFEST`: checks who made it,
    /// decrypts it once and keeps the bytes. Nothing is left behind when it is refused.
    ///
    /// An administrator's image may be launched by everybody, another user's by its owner until
    /// launch permissions are given.
    ///
    /// # Errors
    /// One that begins with "Image registration failed" and says what is wrong.
    pub async fn register_image(
        &self,
        user: &User,
        what: impl Into<Registration>,
    ) -> Result<Image> {
        let what = what.into();
        let location: Location = what.location.parse()?;
        let _slot = self.files.registration()?;
        self.check_bucket(user, &location).await?;
        let manifest = self.manifest(user, &location).await?;
        self.check_signature(user, &manifest).await?;
        let kind = manifest.kind();
        if kind != ImageKind::Machine && !user.admin {
            return Err(Error::KernelByUser);
        }
        let (kernel, ramdisk) = boot_images(&manifest, &what)?;
        let architecture = manifest.architecture.to_string();
        if let Some(asked) = what.architecture.filter(|asked| *asked != architecture) {
            return Err(Error::ArchitectureDiffers { asked, bundled: architecture });
        }
        let products = manifest.product_codes.clone();
        let place = location.to_string();
        let Decrypted { bytes, digest, size, disk } =
            self.decrypt(user, manifest, location).await?;
        let (format, boot) = disk::choose(disk.as_ref(), what.boot_mode)?;
        let new = NewImage {
            kind,
            account: user.account,
            location: place,
            architecture,
            digest,
            size,
            format,
            boot,
            kernel,
            ramdisk,
            public: user.admin,
            name: what.name,
            description: what.description,
            products,
            tags: what.tags,
        };
        let image = self.keep(bytes, new).await?;
        tracing::info!(
            image = %image.id, user = user.name.as_str(), size, ?format, ?boot, "image registered"
        );
        Ok(image)
    }

    /// Ends the registration of an image. Its bytes go once no live instance needs them.
    ///
    /// # Errors
    /// As [`state::State::deregister_image`].
    pub async fn deregister_image(&self, user: &User, id: ImageId) -> Result<()> {
        self.state.deregister_image(id, user.clone()).await?;
        self.remove_unused_images().await
    }

    /// Removes the files of images that no registration and no live instance needs.
    pub(crate) async fn remove_unused_images(&self) -> Result<()> {
        // Nothing is registered meanwhile: what is unused now stays unused.
        let _lock = self.files.lock().await;
        let in_use = self.state.digests_in_use().await?;
        self.files.remove_all_but(in_use).await
    }

    /// The bucket must be the user's own, or readable for EC2 where an administrator registers.
    /// Others' buckets and missing ones look the same.
    async fn check_bucket(&self, user: &User, location: &Location) -> Result<()> {
        if user.admin || self.walrus.bucket_owner(&location.bucket).await? == Some(user.account) {
            return Ok(());
        }
        Err(Error::NotBucketOwner)
    }

    async fn manifest(&self, user: &User, location: &Location) -> Result<Manifest> {
        let Location { bucket, key } = location;
        let found = self.walrus.open_object(user.account, bucket, key).await?;
        let object = found.ok_or_else(|| Error::ManifestMissing(location.to_string()))?;
        // A byte more than is allowed, so that the parser sees that there is one.
        let mut limited = object.take(bundle::MAX_MANIFEST_BYTES as u64 + 1);
        tokio::task::spawn_blocking(move || {
            let mut raw = Vec::new();
            limited.read_to_end(&mut raw).map_err(|source| Error::ManifestUnreadable { source })?;
            Ok(Manifest::parse(&raw)?)
        })
        .await?
    }

    /// The manifest must be signed by one of the user's certificates; by any user's where an
    /// administrator registers it.
    async fn check_signature(&self, user: &User, manifest: &Manifest) -> Result<()> {
        let whose = (!user.admin).then_some(user.account);
        let stored = self.state.certificates(whose).await?;
        let certificates: Vec<_> = stored
            .iter()
            .filter_map(|stored| Certificate::from_pem(stored.pem.as_bytes()).ok())
            .collect();
        manifest.verify_signature(&certificates)?;
        Ok(())
    }

    /// Decrypts the bundle into a temporary file, which is gone when dropped.
    async fn decrypt(
        &self,
        user: &User,
        manifest: Manifest,
        location: Location,
    ) -> Result<Decrypted> {
        let file = self.files.temporary()?;
        let parts = Parts {
            walrus: Arc::clone(&self.walrus),
            runtime: Handle::current(),
            owner: user.account,
            location,
        };
        let key = Arc::clone(&self.keys.key);
        tokio::task::spawn_blocking(move || write_image(&manifest, &key, &parts, file)).await?
    }

    /// Gives the bytes their place and registers them.
    async fn keep(&self, bytes: NamedTempFile, new: NewImage) -> Result<Image> {
        let lock = self.files.lock().await;
        self.files.adopt(bytes, new.digest).await?;
        let registered = self.state.register_image(new, self.now()).await;
        drop(lock);
        if registered.is_err() {
            self.remove_unused_images().await?;
        }
        registered.map_err(|error| match error {
            state::Error::ImageNotFound(id) | state::Error::ImageKindWrong { id, .. } => {
                Error::ReferencedImage { kind: id.kind().as_str(), id: id.to_string() }
            }
            other => other.into(),
        })
    }
}

/// The kernel and the ramdisk of an image: those of the request, else those of the manifest.
fn boot_images(
    manifest: &Manifest,
    what: &Registration,
) -> Result<(Option<ImageId>, Option<ImageId>)> {
    if manifest.kind() != ImageKind::Machine {
        return match (what.kernel, what.ramdisk) {
            (None, None) => Ok((None, None)),
            _ => Err(Error::NotMachine),
        };
    }
    let one = |kind, asked: Option<ImageId>, bundled: Option<&str>| match asked {
        Some(id) => referenced(kind, Some(&id.to_string())),
        None => referenced(kind, bundled),
    };
    Ok((
        one(ImageKind::Kernel, what.kernel, manifest.kernel_id.as_deref())?,
        one(ImageKind::Ramdisk, what.ramdisk, manifest.ramdisk_id.as_deref())?,
    ))
}

/// The kernel or ramdisk that a manifest or a request names.
fn referenced(kind: ImageKind, id: Option<&str>) -> Result<Option<ImageId>> {
    let Some(text) = id else { return Ok(None) };
    match text.parse::<ImageId>() {
        Ok(id) if id.kind() == kind => Ok(Some(id)),
        _ => Err(Error::ReferencedImage { kind: kind.as_str(), id: text.to_owned() }),
    }
}

/// A bundle's image.
struct Decrypted {
    /// Gone when dropped.
    bytes: NamedTempFile,
    digest: Digest,
    size: u64,
    /// What it is, if it is a machine image.
    disk: Option<diskimage::Inspected>,
}

/// The parts of a bundle: they lie in Walrus beside the manifest.
struct Parts {
    walrus: Arc<Walrus>,
    runtime: Handle,
    owner: AccountId,
    location: Location,
}

impl Parts {
    /// Opens a part. Only for a thread that may block.
    fn open(&self, part: &Part) -> io::Result<ObjectReader> {
        let key = self.location.beside(&part.name);
        let opening = self.walrus.open_object(self.owner, &self.location.bucket, &key);
        let found = self.runtime.block_on(opening).map_err(io::Error::other)?;
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not in Walrus"))
    }
}

fn write_image(
    manifest: &Manifest,
    key: &UnwrappingKey,
    parts: &Parts,
    mut file: NamedTempFile,
) -> Result<Decrypted> {
    let open = |part: &Part| parts.open(part);
    let done = unbundle(manifest, key, DEFAULT_MAX_IMAGE_BYTES, open, file.as_file_mut())?;
    file.as_file()
        .sync_all()
        .map_err(|source| Error::File { path: file.path().to_owned(), source })?;
    let disk = match manifest.kind() {
        ImageKind::Machine => Some(diskimage::inspect(file.as_file_mut(), done.size)?),
        ImageKind::Kernel | ImageKind::Ramdisk => None,
    };
    Ok(Decrypted { bytes: file, digest: Digest(done.sha256), size: done.size, disk })
}

/// Decrypted images for the nodes, over mutual TLS.
#[async_trait]
impl transport::ImageStore for Cloud {
    async fn open(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<(u64, Box<dyn AsyncRead + Send + Unpin>), CallError> {
        self.files.read(*digest, offset).await.map_err(|error| match error {
            Error::NoSuchDigest(_) => CallError::NotFound(error.to_string()),
            other => CallError::Failed(other.to_string()),
        })
    }
}
