//! `describe-keypairs`, `add-keypair`, `import-keypair`, `delete-keypair`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Parser;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Lists your key pairs.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Key pairs to list (all if none is named)
    #[arg(value_name = "KEYPAIR")]
    names: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("KeyName", &self.names);
        let reply = call(session, &self.connection, "DescribeKeyPairs", parameters)?;
        for key in reply.items("keySet") {
            session.print(&["KEYPAIR", key.text("keyName"), key.text("keyFingerprint")])?;
        }
        Ok(())
    }
}

/// Makes a key pair and prints its private key, which the cloud does not keep.
#[derive(Debug, Parser)]
pub(super) struct Add {
    /// The name of the new key pair
    #[arg(value_name = "KEYPAIR")]
    name: String,
    /// Write the private key to this new file, readable by you alone, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    filename: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Add {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        // a file that cannot be written must be noticed before there is a key to lose
        let file = self.filename.as_deref().map(create).transpose()?;
        let parameters = Parameters::default().with("KeyName", &self.name);
        let reply = match call(session, &self.connection, "CreateKeyPair", parameters) {
            Ok(reply) => reply,
            Err(error) => {
                if let Some(path) = &self.filename {
                    let _ = std::fs::remove_file(path);
                }
                return Err(error);
            }
        };
        session.print(&["KEYPAIR", reply.text("keyName"), reply.text("keyFingerprint")])?;
        let key = reply.verbatim("keyMaterial").trim();
        match (file, &self.filename) {
            (Some(mut file), Some(path)) => writeln!(file, "{key}").map_err(Error::file(path)),
            _ => session.say(key),
        }
    }
}

fn create(path: &Path) -> Result<std::fs::File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::file(path))
}

/// Brings the public half of a key pair that you made yourself, such as with ssh-keygen.
#[derive(Debug, Parser)]
pub(super) struct Import {
    /// The name of the new key pair
    #[arg(value_name = "KEYPAIR")]
    name: String,
    /// The file of the public key, such as ~/.ssh/id_ed25519.pub
    #[arg(short = 'f', long, value_name = "FILE")]
    public_key_file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Import {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let path = &self.public_key_file;
        let material = std::fs::read(path).map_err(Error::file(path))?;
        let parameters = Parameters::default()
            .with("KeyName", &self.name)
            .with("PublicKeyMaterial", BASE64.encode(material));
        let reply = call(session, &self.connection, "ImportKeyPair", parameters)?;
        session.print(&["KEYPAIR", reply.text("keyName"), reply.text("keyFingerprint")])
    }
}

/// Deletes a key pair. Instances that were started with it keep its public key.
#[derive(Debug, Parser)]
pub(super) struct Delete {
    /// The key pair
    #[arg(value_name = "KEYPAIR")]
    name: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Delete {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().with("KeyName", &self.name);
        call(session, &self.connection, "DeleteKeyPair", parameters)?;
        session.print(&["KEYPAIR", &self.name])
    }
}
