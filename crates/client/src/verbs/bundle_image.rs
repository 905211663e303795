//! `bundle-image`.

use super::Verb;
use crate::error::Error;
use crate::progress::Progress;
use crate::session::Session;
use bundle::{Architecture, BlockDeviceMapping, Certificate, Made, Recipe, SigningKey};
use clap::Parser;
use std::path::{Path, PathBuf};

/// Bundles an image: encrypts it for the cloud, cuts it into parts and signs the manifest.
///
/// A kernel is bundled with "--kernel true", a ramdisk with "--ramdisk true".
#[derive(Debug, Parser)]
pub(super) struct BundleImage {
    /// The image file
    #[arg(short, long, value_name = "FILE")]
    pub(super) image: PathBuf,
    /// The directory that the bundle is written to
    #[arg(short, long, value_name = "DIRECTORY", default_value = "/tmp")]
    pub(super) destination: PathBuf,
    /// What the names of the bundle's files begin with [default: the image's file name]
    #[arg(short, long)]
    pub(super) prefix: Option<String>,
    /// i386 or x86_64
    #[arg(short = 'r', long, default_value = "x86_64", value_parser = architecture)]
    pub(super) arch: Architecture,
    /// The image's default kernel (eki-...), or "true" if the image is a kernel
    #[arg(long, value_name = "KERNEL")]
    pub(super) kernel: Option<String>,
    /// The image's default ramdisk (eri-...), or "true" if the image is a ramdisk
    #[arg(long, value_name = "RAMDISK")]
    pub(super) ramdisk: Option<String>,
    /// Disks as NAME=DEVICE pairs: ami=sda1,root=/dev/sda1
    #[arg(short = 'B', long, value_name = "MAPPING", value_delimiter = ',')]
    pub(super) block_device_mapping: Vec<String>,
    /// Product codes
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) productcodes: Vec<String>,
    /// Your account number [env: EC2_USER_ID]
    #[arg(short, long)]
    pub(super) user: Option<String>,
    /// Your certificate [env: EC2_CERT]
    #[arg(short, long, value_name = "FILE")]
    pub(super) cert: Option<String>,
    /// Your private key [env: EC2_PRIVATE_KEY]
    #[arg(short = 'k', long, value_name = "FILE")]
    pub(super) privatekey: Option<String>,
    /// The cloud's certificate [env: EUCALYPTUS_CERT]
    #[arg(long, value_name = "FILE")]
    pub(super) ec2cert: Option<String>,
    /// Ask nothing (nothing is ever asked)
    #[arg(long)]
    pub(super) batch: bool,
}

pub(super) fn architecture(word: &str) -> Result<Architecture, String> {
    Architecture::from_word(word).ok_or_else(|| "expected i386 or x86_64".to_owned())
}

impl Verb for BundleImage {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        session.say("Bundling image file...")?;
        let made = self.bundle(session)?;
        for part in &made.parts {
            session.say(&format!("Created {}", part.display()))?;
        }
        session.say(&format!("Created {}", made.manifest.display()))?;
        session.say("Bundling completed.")
    }
}

impl BundleImage {
    /// Makes the bundle and shows how far it is.
    pub(super) fn bundle(&self, session: &mut Session<'_, '_>) -> Result<Made, Error> {
        let user = session.setting(self.user.as_deref(), &["EC2_USER_ID"], "--user")?;
        let user = user.replace('-', "");
        let cert = session.setting(self.cert.as_deref(), &["EC2_CERT"], "--cert")?;
        let key =
            session.setting(self.privatekey.as_deref(), &["EC2_PRIVATE_KEY"], "--privatekey")?;
        let cloud = session.setting(self.ec2cert.as_deref(), &["EUCALYPTUS_CERT"], "--ec2cert")?;
        let name = self.image.file_name().map(|name| name.to_string_lossy().into_owned());
        let recipe = Recipe {
            image: &self.image,
            directory: &self.destination,
            prefix: &self.prefix.clone().or(name).unwrap_or_default(),
            architecture: self.arch,
            user: &user,
            kernel_id: self.kernel.as_deref(),
            ramdisk_id: self.ramdisk.as_deref(),
            block_device_mappings: &self.mappings()?,
            product_codes: &self.productcodes,
            cloud_certificate: &certificate(cloud.as_ref())?,
            user_certificate: &certificate(cert.as_ref())?,
            user_key: &signing_key(key.as_ref())?,
        };
        let mut progress = Progress::new("Bundling");
        let outcome =
            bundle::make(&recipe, &mut |done, all| progress.at(session.streams, done, all));
        progress.clear(session.streams);
        Ok(outcome?)
    }

    fn mappings(&self) -> Result<Vec<BlockDeviceMapping>, Error> {
        self.block_device_mapping
            .iter()
            .map(|pair| match pair.split_once('=') {
                Some((name, device)) => {
                    Ok(BlockDeviceMapping { virtual_name: name.into(), device: device.into() })
                }
                None => Err(Error::Option {
                    option: "--block-device-mapping",
                    value: pair.clone(),
                    expected: "pairs such as ami=sda1,root=/dev/sda1",
                }),
            })
            .collect()
    }
}

fn certificate(path: &Path) -> Result<Certificate, Error> {
    let pem = std::fs::read(path).map_err(Error::file(path))?;
    Certificate::from_pem(&pem).map_err(|source| Error::Key { path: path.to_owned(), source })
}

fn signing_key(path: &Path) -> Result<SigningKey, Error> {
    let pem = std::fs::read_to_string(path).map_err(Error::file(path))?;
    SigningKey::from_pem(&pem).map_err(|source| Error::Key { path: path.to_owned(), source })
}
