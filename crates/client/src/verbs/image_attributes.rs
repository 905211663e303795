//! `describe-image-attribute`, `modify-image-attribute`, `reset-image-attribute`,
//! `confirm-product-instance`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::{Args, Parser};

/// Shows an attribute of one of your images.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// The image
    image: String,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
#[allow(clippy::struct_excessive_bools, reason = "they are options of a command line")]
struct Which {
    /// Who may start it
    #[arg(short, long)]
    launch_permission: bool,
    /// Its product codes
    #[arg(short, long)]
    product_code: bool,
    /// Its disks beside the root
    #[arg(short = 'B', long)]
    block_device_mapping: bool,
    /// Its kernel
    #[arg(short = 'K', long)]
    kernel: bool,
    /// Its ramdisk
    #[arg(long)]
    ramdisk: bool,
    /// Its description
    #[arg(short, long)]
    description: bool,
}

impl Which {
    const fn attribute(&self) -> &'static str {
        match self {
            Self { launch_permission: true, .. } => "launchPermission",
            Self { product_code: true, .. } => "productCodes",
            Self { block_device_mapping: true, .. } => "blockDeviceMapping",
            Self { kernel: true, .. } => "kernel",
            Self { ramdisk: true, .. } => "ramdisk",
            Self { .. } => "description",
        }
    }
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let attribute = self.which.attribute();
        let parameters =
            Parameters::default().with("ImageId", &self.image).with("Attribute", attribute);
        let reply = call(session, &self.connection, "DescribeImageAttribute", parameters)?;
        let image = reply.text("imageId");
        for permission in reply.items("launchPermission") {
            for kind in ["group", "userId"] {
                let whom = permission.text(kind);
                if !whom.is_empty() {
                    session.print(&["launchPermission", image, kind, whom])?;
                }
            }
        }
        for code in reply.items("productCodes") {
            session.print(&["productCodes", image, "productCode", code.text("productCode")])?;
        }
        for disk in reply.items("blockDeviceMapping") {
            let (device, name) = (disk.text("deviceName"), disk.text("virtualName"));
            session.print(&["blockDeviceMapping", image, device, name])?;
        }
        for single in ["kernel", "ramdisk", "description"] {
            let value = reply.text(&format!("{single}/value"));
            if !value.is_empty() {
                session.print(&[single, image, "", value])?;
            }
        }
        Ok(())
    }
}

/// Changes who may start one of your images, adds product codes to it, or describes it.
#[derive(Debug, Parser)]
#[command(group(clap::ArgGroup::new("what").required(true)
    .args(["launch_permission", "product_codes", "description"])))]
#[command(group(clap::ArgGroup::new("whom").multiple(true).args(["add", "remove"])))]
pub(super) struct Modify {
    /// The image
    image: String,
    /// Change who may start it, with --add and --remove
    #[arg(short, long, requires = "whom")]
    launch_permission: bool,
    /// Who may start it from now on: "all", a number or a name; may be repeated
    #[arg(short, long, value_name = "USER", requires = "launch_permission")]
    add: Vec<String>,
    /// Who may not any more: "all", a number or a name; may be repeated
    #[arg(short, long, value_name = "USER", requires = "launch_permission")]
    remove: Vec<String>,
    /// A product code to add; may be repeated. Product codes cannot be removed
    #[arg(short, long = "product-code", value_name = "CODE")]
    product_codes: Vec<String>,
    /// What it is, for people
    #[arg(short, long)]
    description: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Modify {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let attribute = match (self.launch_permission, &self.description) {
            (true, _) => "launchPermission",
            (false, Some(_)) => "description",
            (false, None) => "productCodes",
        };
        let parameters = Parameters::default()
            .with("ImageId", &self.image)
            .with("Attribute", attribute)
            .maybe("Value", self.description.as_ref())
            .list("ProductCode", &self.product_codes);
        let parameters = permissions(parameters, "Add", &self.add);
        let parameters = permissions(parameters, "Remove", &self.remove);
        call(session, &self.connection, "ModifyImageAttribute", parameters)?;
        for (done, whom) in [("ADD", &self.add), ("REMOVE", &self.remove)] {
            for whom in whom {
                let kind = if whom == "all" { "group" } else { "userId" };
                session.print(&["launchPermission", &self.image, done, kind, whom])?;
            }
        }
        for code in &self.product_codes {
            session.print(&["productCodes", &self.image, "productCode", code])?;
        }
        match &self.description {
            Some(text) => session.print(&["description", &self.image, "", text]),
            None => Ok(()),
        }
    }
}

fn permissions(parameters: Parameters, what: &str, users: &[String]) -> Parameters {
    (1..).zip(users).fold(parameters, |parameters, (at, user)| {
        let member = if user == "all" { "Group" } else { "UserId" };
        parameters.with(&format!("LaunchPermission.{what}.{at}.{member}"), user)
    })
}

/// Resets who may start one of your images: EVERYBODY, and no user by name.
#[derive(Debug, Parser)]
pub(super) struct Reset {
    /// The image
    image: String,
    /// Who may start it; the only attribute that can be reset
    #[arg(short, long, required = true)]
    launch_permission: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Reset {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("ImageId", &self.image)
            .with("Attribute", "launchPermission");
        call(session, &self.connection, "ResetImageAttribute", parameters)?;
        session.print(&["launchPermission", &self.image, "RESET"])
    }
}

/// Tells whether an instance carries a product code of yours, and whose it is.
#[derive(Debug, Parser)]
pub(super) struct ConfirmProductInstance {
    /// The product code
    #[arg(value_name = "PRODUCT_CODE")]
    product: String,
    /// The instance
    #[arg(short, long)]
    instance: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for ConfirmProductInstance {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("ProductCode", &self.product)
            .with("InstanceId", &self.instance);
        let reply = call(session, &self.connection, "ConfirmProductInstance", parameters)?;
        let (answer, owner) = (reply.text("return"), reply.text("ownerId"));
        session.print(&[&self.product, &self.instance, answer, owner])
    }
}
