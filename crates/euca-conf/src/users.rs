//! The user commands: each is one request to the cloud controller.

use crate::args::UserCommand;
use crate::error::ToolError;
use crate::socket::{self, Method};
use crate::{addresses, certificates, images};
use conf::Layout;
use protocol::admin::{AccessKeys, NewUser, USERS, User};
use std::io::Write;
use std::path::{Path, PathBuf};
use types::UserName;

pub(crate) fn manage(
    file: &Path,
    command: &UserCommand,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let cloud = cloud_socket(file)?;
    match command {
        UserCommand::List => list(&cloud, out),
        UserCommand::Add { name, admin } => add(&cloud, name, *admin, out),
        UserCommand::Disable(name) => switch(&cloud, name, "disable", out),
        UserCommand::Enable(name) => switch(&cloud, name, "enable", out),
        UserCommand::Delete(name) => delete(&cloud, name, out),
        UserCommand::NewKeys(name) => new_keys(&cloud, name, out),
        UserCommand::Credentials { zip, user, force } => {
            credentials(&cloud, zip, user, *force, out)
        }
        UserCommand::Certificates => certificates::list(&cloud, out),
        UserCommand::AddCertificate { pem, user } => certificates::add(&cloud, pem, user, out),
        UserCommand::DeleteCertificate(print) => certificates::delete(&cloud, print, out),
        UserCommand::DefaultImages => images::show(&cloud, out),
        UserCommand::AddressesPerUser => addresses::show(&cloud, out),
        UserCommand::SetAddressesPerUser(most) => addresses::set(&cloud, *most, out),
        UserCommand::SetDefaultImage { kind, image } => images::set(&cloud, *kind, *image, out),
    }
}

/// The socket of the cloud controller that a configuration describes.
pub(crate) fn cloud_socket(file: &Path) -> Result<PathBuf, ToolError> {
    Ok(layout(file)?.cloud_socket())
}

/// Where the installation lies that a configuration describes.
pub(crate) fn layout(file: &Path) -> Result<Layout, ToolError> {
    let document = conf::read(file)?;
    let root = document.get("EUCALYPTUS").ok_or_else(|| ToolError::NotSet {
        variable: "EUCALYPTUS".to_owned(),
        file: file.to_owned(),
    })?;
    Ok(Layout::new(root))
}

fn list(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let users: Vec<User> = socket::json(cloud, Method::GET, USERS, None)?;
    let width = users.iter().map(|user| user.name.as_str().len()).chain([4]).max().unwrap_or(4);
    writeln!(out, "{:width$}  {:12}  ROLE   STATE", "NAME", "ACCOUNT")?;
    for User { name, account, admin, enabled } in users {
        let role = if admin { "admin" } else { "user" };
        let state = if enabled { "enabled" } else { "disabled" };
        let (name, account) = (name.as_str(), account.to_string());
        writeln!(out, "{name:width$}  {account:12}  {role:5}  {state}")?;
    }
    Ok(())
}

fn add(cloud: &Path, name: &UserName, admin: bool, out: &mut dyn Write) -> Result<(), ToolError> {
    let body = serde_json::to_vec(&NewUser { name: name.clone(), admin })
        .map_err(|error| ToolError::Conversation(error.to_string()))?;
    let user: User = socket::json(cloud, Method::POST, USERS, Some(body))?;
    let kind = if user.admin { "administrator" } else { "user" };
    writeln!(out, "{kind} {} is made, account {}", user.name, user.account)?;
    writeln!(out, "credentials: euca_conf --get-credentials {name}.zip --user {name}")?;
    Ok(())
}

fn switch(cloud: &Path, name: &UserName, to: &str, out: &mut dyn Write) -> Result<(), ToolError> {
    let path = format!("{USERS}/{name}/{to}");
    let user: User = socket::json(cloud, Method::POST, &path, None)?;
    let state = if user.enabled { "enabled" } else { "disabled" };
    Ok(writeln!(out, "user {} is {state}", user.name)?)
}

fn delete(cloud: &Path, name: &UserName, out: &mut dyn Write) -> Result<(), ToolError> {
    socket::call(cloud, Method::DELETE, &format!("{USERS}/{name}"), None)?;
    Ok(writeln!(out, "user {name} is deleted")?)
}

fn new_keys(cloud: &Path, name: &UserName, out: &mut dyn Write) -> Result<(), ToolError> {
    let path = format!("{USERS}/{name}/keys");
    let keys: AccessKeys = socket::json(cloud, Method::POST, &path, None)?;
    writeln!(out, "export EC2_ACCESS_KEY='{}'", keys.access_key)?;
    Ok(writeln!(out, "export EC2_SECRET_KEY='{}'", keys.secret_key.expose())?)
}

fn credentials(
    cloud: &Path,
    zip: &Path,
    user: &UserName,
    force: bool,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    // asked first: every request makes a new certificate
    if !force && zip.symlink_metadata().is_ok() {
        return Err(ToolError::ZipExists(zip.to_owned()));
    }
    let bytes = socket::call(cloud, Method::POST, &format!("{USERS}/{user}/credentials"), None)?;
    write_private(zip, &bytes, force)
        .map_err(|source| ToolError::WriteZip { path: zip.to_owned(), source })?;
    let zip = zip.display();
    Ok(writeln!(out, "{zip}: credentials of {user}; unzip them and type: . ./eucarc")?)
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8], overwrite: bool) -> std::io::Result<()> {
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // a named temporary file has mode 0600 and keeps it
    let mut file = tempfile::Builder::new().prefix(".euca-credentials.").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if overwrite {
        file.persist(path)?
    } else {
        file.persist_noclobber(path)?
    };
    Ok(())
}
