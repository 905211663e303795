//! `describe-images`, `register`, `deregister`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Lists the images that you may run.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Images to list (all if none is named)
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// All images that you may run; this is also what happens without options
    #[arg(short, long)]
    all: bool,
    /// Only images of this owner: "self", a number or a name; may be repeated
    #[arg(short, long, value_name = "OWNER")]
    owner: Vec<String>,
    /// Only images that this user may run: "self", "all", a number or a name; may be repeated
    #[arg(short = 'x', long, value_name = "USER")]
    executable_by: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let mut parameters = Parameters::default().list("ImageId", &self.images);
        if !self.all {
            parameters =
                parameters.list("Owner", &self.owner).list("ExecutableBy", &self.executable_by);
        }
        let reply = call(session, &self.connection, "DescribeImages", parameters)?;
        for image in reply.items("imagesSet") {
            let products: Vec<&str> =
                image.items("productCodes").map(|code| code.text("productCode")).collect();
            let public = if image.text("isPublic") == "true" { "public" } else { "private" };
            session.print(&[
                "IMAGE",
                image.text("imageId"),
                image.text("imageLocation"),
                image.text("imageOwnerId"),
                image.text("imageState"),
                public,
                &products.join(","),
                image.text("architecture"),
                image.text("imageType"),
                image.text("kernelId"),
                image.text("ramdiskId"),
                image.text("platform"),
            ])?;
        }
        Ok(())
    }
}

/// Registers an uploaded bundle as an image.
#[derive(Debug, Parser)]
pub(super) struct Register {
    /// The manifest of the uploaded bundle: BUCKET/NAME.manifest.xml
    #[arg(value_name = "MANIFEST")]
    location: String,
    /// A name, unique among your images
    #[arg(short, long)]
    name: Option<String>,
    /// What it is, for people
    #[arg(short, long)]
    description: Option<String>,
    /// The architecture, which must be that of the bundle
    #[arg(short, long)]
    architecture: Option<String>,
    /// The kernel, in place of the bundle's
    #[arg(long)]
    kernel: Option<String>,
    /// The ramdisk, in place of the bundle's
    #[arg(long)]
    ramdisk: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Register {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("ImageLocation", &self.location)
            .maybe("Name", self.name)
            .maybe("Description", self.description)
            .maybe("Architecture", self.architecture)
            .maybe("KernelId", self.kernel)
            .maybe("RamdiskId", self.ramdisk);
        let reply = call(session, &self.connection, "RegisterImage", parameters)?;
        session.print(&["IMAGE", reply.text("imageId")])
    }
}

/// Takes an image back: nobody can start it any more. Its bundle stays in its bucket.
#[derive(Debug, Parser)]
pub(super) struct Deregister {
    /// The image
    image: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Deregister {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().with("ImageId", &self.image);
        call(session, &self.connection, "DeregisterImage", parameters)?;
        session.print(&["IMAGE", &self.image])
    }
}
