//! The command line: single-dash settings as in 1.4, double-dash commands as in later versions.

use crate::clusters::ClusterCommand;
use crate::error::ToolError;
use crate::nodes::{self, Change, NodeCommand};
use crate::vm_types::VmTypeCommand;
use crate::walrus::WalrusCommand;
use std::ffi::OsString;
use std::iter::Peekable;
use std::path::PathBuf;
use types::{ClusterName, ImageId, ImageKind, InvalidVmType, UserName, VmType, WalrusLimits};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Help,
    Version,
    Invocation(Invocation),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The configuration file, when one is named.
    pub(crate) file: Option<PathBuf>,
    /// `-d`.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) command: Command,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Edit(Edit),
    Check,
    CheckNetwork,
    ShowNetwork,
    Ignored,
    Users(UserCommand),
    Nodes(NodeCommand),
    Clusters(ClusterCommand),
    VmTypes(VmTypeCommand),
    RotateKeys(String),
    Walrus(WalrusCommand),
}

/// Changes of the file, and a look at it afterwards.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Variables and their new values.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Whether to choose what is not configured.
    pub(crate) setup: bool,
    /// The variable to print.
    pub(crate) name: Option<String>,
}

/// What the running cloud is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UserCommand {
    List,
    Add { name: UserName, admin: bool },
    Disable(UserName),
    Enable(UserName),
    Delete(UserName),
    NewKeys(UserName),
    Credentials { zip: PathBuf, user: UserName, force: bool },
    Certificates,
    AddCertificate { pem: PathBuf, user: UserName },
    DeleteCertificate(String),
    DefaultImages,
    SetDefaultImage { kind: ImageKind, image: Option<ImageId> },
    AddressesPerUser,
    SetAddressesPerUser(u32),
}

/// Flags that set variables: their names, and the variable of each argument.
const SETTINGS: &[(&[&str], &[&str])] = &[
    (&["-d"], &["EUCALYPTUS"]),
    (&["-cloud"], &["START_CLOUD"]),
    (&["-cc"], &["START_CC"]),
    (&["-nc"], &["START_NC"]),
    (&["-nodes", "--nodes"], &["NODES"]),
    (&["-instances", "--instances"], &["INSTANCE_PATH"]),
    (&["-cloudp", "--cloud-port"], &["CLOUD_PORT", "CLOUD_SSL_PORT"]),
    (&["-walrusp", "--walrus-port"], &["WALRUS_PORT"]),
    (&["-ccp", "--cc-port"], &["CC_PORT"]),
    (&["-ncp", "--nc-port"], &["NC_PORT"]),
    (&["-hypervisor", "--hypervisor"], &["HYPERVISOR"]),
];

/// Reads what follows the tool's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, ToolError> {
    let text = |arg: OsString| {
        arg.into_string().map_err(|arg| usage(format!("{} is not UTF-8 text", arg.display())))
    };
    let args: Vec<String> = args.into_iter().map(text).collect::<Result<_, _>>()?;
    if args.is_empty() {
        return Err(ToolError::NoArguments);
    }
    let asks = |names: &[&str]| args.iter().any(|arg| names.contains(&arg.as_str()));
    if asks(&["-help", "--help", "-h"]) {
        return Ok(Parsed::Help);
    }
    if asks(&["-version", "--version"]) {
        return Ok(Parsed::Version);
    }
    let mut words = Words::default();
    let mut rest = args.into_iter().peekable();
    while let Some(flag) = rest.next() {
        words.take(&flag, &mut rest)?;
    }
    words.finish().map(Parsed::Invocation)
}

/// What was read so far.
#[derive(Default)]
struct Words {
    file: Option<PathBuf>,
    edit: Edit,
    check: bool,
    ignored: bool,
    users: Option<UserCommand>,
    other: Option<Command>,
    user: Option<UserName>,
    admin: bool,
    force: bool,
}

impl Words {
    fn take(
        &mut self,
        flag: &str,
        rest: &mut Peekable<impl Iterator<Item = String>>,
    ) -> Result<(), ToolError> {
        if flag == "--check" && rest.next_if(|word| word == "network").is_some() {
            return self.other(Command::CheckNetwork);
        }
        let mut value = || rest.next().ok_or_else(|| usage(format!("{flag} needs an argument")));
        if let Some((_, variables)) = SETTINGS.iter().find(|(names, _)| names.contains(&flag)) {
            for variable in *variables {
                self.edit.settings.push((variable, value()?));
            }
            return Ok(());
        }
        if let Some(change) = nodes::change_of(flag) {
            let names = nodes::names(flag, &value()?)?;
            return self.nodes(NodeCommand::Change { change, names, force: false });
        }
        match flag {
            "-name" | "--name" if self.edit.name.is_none() => self.edit.name = Some(value()?),
            "-name" | "--name" => return Err(usage("-name can be used once".to_owned())),
            "--setup" => self.edit.setup = true,
            "--check" => self.check = true,
            "--show" => match value()?.as_str() {
                "network" => return self.other(Command::ShowNetwork),
                what => return Err(usage(format!("\"{what}\" cannot be shown; network can"))),
            },
            "--ignored-parameters" => self.ignored = true,
            "--admin" => self.admin = true,
            "--force" => self.force = true,
            "--user" => self.user = Some(user_name(&value()?)?),
            "--list-nodes" => return self.nodes(NodeCommand::List),
            "--list-users" => return self.users(UserCommand::List),
            "--add-user" => {
                let name = user_name(&value()?)?;
                return self.users(UserCommand::Add { name, admin: false });
            }
            "--disable-user" => return self.users(UserCommand::Disable(user_name(&value()?)?)),
            "--enable-user" => return self.users(UserCommand::Enable(user_name(&value()?)?)),
            "--delete-user" => return self.users(UserCommand::Delete(user_name(&value()?)?)),
            "--new-keys" => return self.users(UserCommand::NewKeys(user_name(&value()?)?)),
            "--get-credentials" => {
                let (zip, user) = (PathBuf::from(value()?), user_name("admin")?);
                return self.users(UserCommand::Credentials { zip, user, force: false });
            }
            "--list-certificates" => return self.users(UserCommand::Certificates),
            "--add-certificate" => {
                let (pem, user) = (PathBuf::from(value()?), user_name("admin")?);
                return self.users(UserCommand::AddCertificate { pem, user });
            }
            "--delete-certificate" => {
                let print = fingerprint(&value()?)?;
                return self.users(UserCommand::DeleteCertificate(print));
            }
            "--get-default-images" => return self.users(UserCommand::DefaultImages),
            "--set-default-kernel" => {
                return self.users(default_image(ImageKind::Kernel, &value()?)?);
            }
            "--set-default-ramdisk" => {
                return self.users(default_image(ImageKind::Ramdisk, &value()?)?);
            }
            "--get-addresses-per-user" => return self.users(UserCommand::AddressesPerUser),
            "--set-addresses-per-user" => {
                let text = value()?;
                let wrong = |_| usage(format!("\"{text}\" is no number of addresses"));
                let most = text.parse().map_err(wrong)?;
                return self.users(UserCommand::SetAddressesPerUser(most));
            }
            "--get-walrus-limits" => return self.other(Command::Walrus(WalrusCommand::Limits)),
            "--set-walrus-limits" => {
                let text = value()?;
                text.parse::<WalrusLimits>().map_err(|wrong| usage(wrong.to_string()))?;
                return self.other(Command::Walrus(WalrusCommand::SetLimits(text)));
            }
            "--walrus-usage" => return self.other(Command::Walrus(WalrusCommand::Usage)),
            "--list-clusters" => return self.clusters(ClusterCommand::List),
            "--register-cluster" => {
                let (name, endpoint) = (cluster_name(&value()?)?, value()?);
                return self.clusters(ClusterCommand::Register { name, endpoint });
            }
            "--deregister-cluster" => {
                let name = cluster_name(&value()?)?;
                return self.clusters(ClusterCommand::Deregister { name, lost: false });
            }
            "--vm-types" => return self.other(Command::VmTypes(VmTypeCommand::List)),
            "--set-vm-types" => {
                let all = value()?;
                let all: Result<Vec<VmType>, _> =
                    all.split_ascii_whitespace().map(str::parse).collect();
                let all = all.map_err(|wrong: InvalidVmType| usage(wrong.to_string()))?;
                return self.other(Command::VmTypes(VmTypeCommand::SetAll(all)));
            }
            "--set-vm-type" => {
                let one = value()?.parse();
                let one = one.map_err(|wrong: InvalidVmType| usage(wrong.to_string()))?;
                return self.other(Command::VmTypes(VmTypeCommand::Set(one)));
            }
            "--delete-vm-type" => {
                let name = path_word(value()?)?;
                return self.other(Command::VmTypes(VmTypeCommand::Delete(name)));
            }
            "--rotate-keys" => {
                let names = value()?;
                return self.other(Command::RotateKeys(names));
            }
            _ if flag.starts_with('-') => return Err(usage(format!("{flag} is not known"))),
            _ if self.file.is_none() => self.file = Some(PathBuf::from(flag)),
            _ => return Err(usage(format!("{flag} is one argument too many"))),
        }
        Ok(())
    }

    fn users(&mut self, command: UserCommand) -> Result<(), ToolError> {
        match self.users.replace(command) {
            None => Ok(()),
            Some(_) => Err(usage("one command at a time".to_owned())),
        }
    }

    fn nodes(&mut self, command: NodeCommand) -> Result<(), ToolError> {
        self.other(Command::Nodes(command))
    }

    fn clusters(&mut self, command: ClusterCommand) -> Result<(), ToolError> {
        self.other(Command::Clusters(command))
    }

    fn other(&mut self, command: Command) -> Result<(), ToolError> {
        match self.other.replace(command) {
            None => Ok(()),
            Some(_) => Err(usage("one command at a time".to_owned())),
        }
    }

    fn finish(mut self) -> Result<Invocation, ToolError> {
        let edits = self.edit != Edit::default();
        let commands =
            [edits, self.check, self.ignored, self.users.is_some(), self.other.is_some()];
        if commands.iter().filter(|given| **given).count() > 1 {
            return Err(usage("settings, --check and commands exclude each other".to_owned()));
        }
        self.apply_options()?;
        let is_directory = |(variable, _): &&(&str, String)| *variable == "EUCALYPTUS";
        let directory = self.edit.settings.iter().find(is_directory).map(|(_, dir)| dir.into());
        let command = match self.other.or(self.users.map(Command::Users)) {
            Some(command) => command,
            None if self.check => Command::Check,
            None if self.ignored => Command::Ignored,
            None if edits => Command::Edit(self.edit),
            None => return Err(usage("nothing is asked".to_owned())),
        };
        Ok(Invocation { file: self.file, directory, command })
    }

    /// Gives `--admin`, `--user` and `--force` to the command that knows them.
    fn apply_options(&mut self) -> Result<(), ToolError> {
        let (mut is_add, mut is_credentials, mut is_removal) = (false, false, false);
        let mut is_certificate = false;
        match &mut self.other {
            Some(Command::Clusters(ClusterCommand::Deregister { lost, .. })) => {
                (*lost, is_removal) = (self.force, true);
            }
            Some(Command::Nodes(NodeCommand::Change {
                change: Change::Deregister, force, ..
            })) => (*force, is_removal) = (self.force, true),
            _ => {}
        }
        match &mut self.users {
            Some(UserCommand::Add { admin, .. }) => {
                (*admin, is_add) = (self.admin, true);
            }
            Some(UserCommand::Credentials { user, force, .. }) => {
                (*force, is_credentials) = (self.force, true);
                *user = self.user.take().unwrap_or_else(|| user.clone());
            }
            Some(UserCommand::AddCertificate { user, .. }) => {
                is_certificate = true;
                *user = self
                    .user
                    .take()
                    .ok_or_else(|| usage("--add-certificate needs --user NAME".to_owned()))?;
            }
            _ => {}
        }
        if self.admin && !is_add {
            return Err(usage("--admin belongs to --add-user".to_owned()));
        }
        if self.user.is_some() && !is_credentials && !is_certificate {
            let text = "--user belongs to --get-credentials and --add-certificate";
            return Err(usage(text.to_owned()));
        }
        if self.force && !is_credentials && !is_removal {
            let text = "--force belongs to --get-credentials, --deregister-nodes and \
                        --deregister-cluster";
            return Err(usage(text.to_owned()));
        }
        Ok(())
    }
}

/// The command that makes an image the default of its kind; `none` for no default.
fn default_image(kind: ImageKind, text: &str) -> Result<UserCommand, ToolError> {
    if text == "none" {
        return Ok(UserCommand::SetDefaultImage { kind, image: None });
    }
    match text.parse::<ImageId>() {
        Ok(id) if id.kind() == kind => Ok(UserCommand::SetDefaultImage { kind, image: Some(id) }),
        _ => {
            let kind = kind.as_str();
            Err(usage(format!("\"{text}\" is neither the id of a {kind} nor \"none\"")))
        }
    }
}

fn user_name(text: &str) -> Result<UserName, ToolError> {
    text.parse().map_err(|wrong: types::InvalidName| usage(wrong.to_string()))
}

/// A certificate's fingerprint, as openssl writes it or without colons.
fn fingerprint(text: &str) -> Result<String, ToolError> {
    let digits = text.replace(':', "").to_ascii_lowercase();
    if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(usage(format!("\"{text}\" is no fingerprint (SHA-1, 40 hex digits)")));
    }
    Ok(digits)
}

fn cluster_name(text: &str) -> Result<ClusterName, ToolError> {
    text.parse().map_err(|wrong: types::InvalidName| usage(wrong.to_string()))
}

/// A name that stands in the path of a request.
fn path_word(text: String) -> Result<String, ToolError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    if text.is_empty() || !text.bytes().all(plain) {
        return Err(usage(format!("\"{text}\" is no name of a VM type")));
    }
    Ok(text)
}

fn usage(text: String) -> ToolError {
    ToolError::Usage(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, String> {
        match parse(line.split('|').filter(|w| !w.is_empty()).map(OsString::from)) {
            Ok(Parsed::Invocation(invocation)) => Ok(invocation),
            Ok(other) => panic!("{line}: {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_guides_combination_of_settings_is_understood() {
        let asked = parsed("-cc|N|-cloud|N|-nc|Y|-instances|/usr/local/instances|/etc/f").unwrap();
        let settings = [
            ("START_CC", "N"),
            ("START_CLOUD", "N"),
            ("START_NC", "Y"),
            ("INSTANCE_PATH", "/usr/local/instances"),
        ];
        let settings = settings.map(|(key, value)| (key, value.to_owned())).to_vec();
        assert_eq!(asked.file, Some("/etc/f".into()));
        assert_eq!(asked.command, Command::Edit(Edit { settings, ..Edit::default() }));
    }

    #[test]
    fn options_reach_the_command_they_belong_to() {
        let name: UserName = "alice".parse().unwrap();
        let add = parsed("--add-user|alice|--admin").unwrap().command;
        assert_eq!(add, Command::Users(UserCommand::Add { name: name.clone(), admin: true }));
        let zip = parsed("--force|--get-credentials|a.zip|--user|alice").unwrap().command;
        let expected = UserCommand::Credentials { zip: "a.zip".into(), user: name, force: true };
        assert_eq!(zip, Command::Users(expected));
        let image = Some("eki-0123ABCD".parse().unwrap());
        let kernel = parsed("--set-default-kernel|eki-0123ABCD").unwrap().command;
        let expected = UserCommand::SetDefaultImage { kind: ImageKind::Kernel, image };
        assert_eq!(kernel, Command::Users(expected));
    }

    #[test]
    fn a_check_is_of_the_network_when_that_is_named_and_a_file_may_follow() {
        for (line, command, file) in [
            ("--check", Command::Check, None),
            ("--check|/etc/f", Command::Check, Some("/etc/f")),
            ("--check|network", Command::CheckNetwork, None),
            ("--check|network|/etc/f", Command::CheckNetwork, Some("/etc/f")),
            ("--show|network|/etc/f", Command::ShowNetwork, Some("/etc/f")),
        ] {
            let asked = parsed(line).unwrap();
            assert_eq!((asked.command, asked.file), (command, file.map(PathBuf::from)), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (line, expected) in [
            ("", "nothing to do"),
            ("/etc/f", "nothing is asked"),
            ("-cc", "-cc needs an argument"),
            ("-cloudp|8773", "-cloudp needs an argument"),
            ("-frobnicate", "-frobnicate is not known"),
            ("-cc|N|f|g", "g is one argument too many"),
            ("-name|A|-name|B", "once"),
            ("--check|-cc|N", "exclude each other"),
            ("--check|--ignored-parameters", "exclude each other"),
            ("--check|network|--show|network", "one command at a time"),
            ("--show|disks", "\"disks\" cannot be shown"),
            ("--list-users|--add-user|bob", "one command at a time"),
            ("--add-user|../bob", "user name \"../bob\" is not valid"),
            ("--set-addresses-per-user|-1", "no number of addresses"),
            ("--set-walrus-limits|buckets=x", "sets no limit"),
            ("--set-walrus-limits|user-mb=1|--walrus-usage", "one command at a time"),
            ("--set-default-kernel|emi-00000001", "neither the id of a kernel"),
            ("--set-default-ramdisk|none|--get-default-images", "one command at a time"),
            ("--list-users|--admin", "--admin belongs to --add-user"),
            ("--add-user|bob|--force", "--force belongs to --get-credentials"),
            ("--list-users|--user|bob", "--user belongs to --get-credentials"),
            ("--add-certificate|a.pem", "--add-certificate needs --user NAME"),
            ("--delete-certificate|aa:bb", "\"aa:bb\" is no fingerprint"),
            ("--drain-nodes|a|--force", "belongs to --get-credentials, --deregister-nodes"),
            ("--register-nodes", "--register-nodes needs an argument"),
            ("--register-nodes| ", "--register-nodes names no node"),
            ("--register-nodes|a b;reboot", "node name \"b;reboot\" is not valid"),
            ("--drain-nodes|-x", "node name \"-x\" is not valid"),
            ("--drain-nodes|a|--undrain-nodes|b", "one command at a time"),
            ("--list-nodes|-cc|N", "exclude each other"),
            ("--list-nodes|--list-users", "exclude each other"),
            ("--list-clusters|--force", "belongs to --get-credentials"),
            ("--list-clusters|--list-users", "exclude each other"),
            ("--list-clusters|--vm-types", "one command at a time"),
            ("--register-cluster|one", "--register-cluster needs an argument"),
            ("--register-cluster|../one|host", "cluster name"),
            ("--set-vm-types|m1.small=1,128", "write NAME=CORES,MB,GB"),
            ("--set-vm-type|m1.small=0,128,10", "1 to 1024 cores"),
            ("--delete-vm-type|../users/admin", "no name of a VM type"),
        ] {
            let text = parsed(line).expect_err(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
