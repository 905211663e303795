//! `upload-bundle`.

use super::Verb;
use crate::error::Error;
use crate::progress::Progress;
use crate::s3::S3;
use crate::session::Session;
use bundle::{MAX_MANIFEST_BYTES, Manifest};
use clap::Parser;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often and how patiently `--retry` tries again.
const RETRIES: u32 = 10;
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Uploads a bundle to a bucket, which is made if it is not there.
#[derive(Debug, Parser)]
pub(super) struct UploadBundle {
    /// The bucket
    #[arg(short, long)]
    pub(super) bucket: String,
    /// The bundle's manifest
    #[arg(short, long, value_name = "FILE")]
    pub(super) manifest: PathBuf,
    /// The directory of the parts [default: the manifest's]
    #[arg(short, long)]
    pub(super) directory: Option<PathBuf>,
    /// Who may read the bundle: a canned ACL
    #[arg(long, default_value = "aws-exec-read")]
    pub(super) acl: String,
    /// Begin with this part (the first is 0), after an upload that was interrupted
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(super) part: usize,
    /// Do not upload the manifest
    #[arg(long)]
    pub(super) skipmanifest: bool,
    /// Try again after a failure
    #[arg(long)]
    pub(super) retry: bool,
    /// The access key [env: EC2_ACCESS_KEY]
    #[arg(short, long, value_name = "KEY")]
    pub(super) access_key: Option<String>,
    /// The secret key [env: EC2_SECRET_KEY]
    #[arg(short, long, value_name = "KEY")]
    pub(super) secret_key: Option<String>,
    /// The address of Walrus [env: S3_URL]
    #[arg(short = 'U', long)]
    pub(super) url: Option<String>,
    /// The cloud's certificate: accepted because eucarc's alias gives it, and not needed
    #[arg(long, value_name = "FILE")]
    pub(super) ec2cert: Option<PathBuf>,
    /// Ask nothing (nothing is ever asked)
    #[arg(long)]
    pub(super) batch: bool,
}

impl Verb for UploadBundle {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let outcome = self.upload(session);
        session.say(match outcome {
            Ok(()) => "Bundle upload completed.",
            Err(_) => "Bundle upload failed.",
        })?;
        outcome
    }
}

/// A file of the bundle and its length.
struct File {
    path: PathBuf,
    name: String,
    size: u64,
}

/// How far the upload is, in bytes.
struct Upload {
    progress: Progress,
    done: u64,
    all: u64,
}

impl UploadBundle {
    /// Uploads the parts, then the manifest.
    pub(super) fn upload(&self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let url = self.url.as_deref();
        let url = session.setting(url, &["S3_URL", "AWS_ENDPOINT_URL_S3"], "--url")?;
        let keys = session.keys(
            self.access_key.as_deref(),
            self.secret_key.as_deref(),
            ("--access-key", "--secret-key"),
        )?;
        let s3 = S3::new(session.environment, &url, keys)?;
        let parts = self.parts()?;
        let manifest = file(&self.manifest)?;

        if !s3.has_bucket(&self.bucket)? {
            session.say(&format!("Creating bucket {}...", self.bucket))?;
        }
        s3.put(&[&self.bucket], &self.acl, "".into(), &mut |_| {})?;
        session
            .say(&format!("Uploading bundled image parts to {} ...", s3.url_of(&self.bucket)))?;
        let mut upload = Upload {
            progress: Progress::new("Uploading"),
            done: parts.iter().take(self.part).map(|part| part.size).sum(),
            all: parts.iter().map(|part| part.size).sum(),
        };
        for part in parts.iter().skip(self.part) {
            self.put(session, &s3, part, &mut upload)?;
        }
        if self.skipmanifest {
            return Ok(());
        }
        session.say("Uploading manifest ...")?;
        self.put(session, &s3, &manifest, &mut upload)
    }

    /// The files of the parts, all of which are there.
    fn parts(&self) -> Result<Vec<File>, Error> {
        let mut raw = Vec::new();
        let limit = MAX_MANIFEST_BYTES as u64 + 1;
        fs::File::open(&self.manifest)
            .and_then(|file| file.take(limit).read_to_end(&mut raw))
            .map_err(Error::file(&self.manifest))?;
        let manifest = Manifest::parse(&raw)
            .map_err(|source| Error::Manifest { path: self.manifest.clone(), source })?;
        let beside = self.manifest.parent().unwrap_or(Path::new(""));
        let directory = self.directory.as_deref().unwrap_or(beside);
        manifest.parts.iter().map(|part| file(&directory.join(&part.name))).collect()
    }

    /// Uploads a file, which is one part at most, so it is read whole.
    fn put(
        &self,
        session: &mut Session<'_, '_>,
        s3: &S3<'_>,
        file: &File,
        upload: &mut Upload,
    ) -> Result<(), Error> {
        let names = [self.bucket.as_str(), file.name.as_str()];
        let mut left = if self.retry { RETRIES } else { 0 };
        loop {
            let bytes = fs::read(&file.path).map_err(Error::file(&file.path))?;
            let outcome = s3.put(&names, &self.acl, bytes.into(), &mut |sent| {
                upload.progress.at(session.streams, upload.done + sent, upload.all);
            });
            upload.progress.clear(session.streams);
            match outcome {
                Err(error) if left > 0 => {
                    left -= 1;
                    session.say(&format!("{error}; trying again"))?;
                    std::thread::sleep(RETRY_AFTER);
                }
                outcome => break outcome?,
            }
        }
        upload.done += file.size;
        session.say(&format!("Uploaded {} to {}", file.name, s3.url_of(&names.join("/"))))
    }
}

fn file(path: &Path) -> Result<File, Error> {
    let size = fs::metadata(path).map_err(Error::file(path))?.len();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(File { path: path.to_owned(), name: name.unwrap_or_default(), size })
}
