//! The default kernel and ramdisk of the cloud.

use crate::error::ToolError;
use crate::socket::{self, Method};
use protocol::admin::{DEFAULT_IMAGES, DefaultImages};
use std::io::Write;
use std::path::Path;
use types::{ImageId, ImageKind};

/// Prints the defaults, one a line.
pub(crate) fn show(cloud: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let defaults: DefaultImages = socket::json(cloud, Method::GET, DEFAULT_IMAGES, None)?;
    for (name, image) in [("kernel", defaults.kernel), ("ramdisk", defaults.ramdisk)] {
        let shown = image.map_or_else(|| "none".to_owned(), |id| id.to_string());
        writeln!(out, "{name:8} {shown}")?;
    }
    Ok(())
}

/// Makes an image the default of its kind, and prints the defaults.
pub(crate) fn set(
    cloud: &Path,
    kind: ImageKind,
    image: Option<ImageId>,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let body =
        serde_json::to_vec(&image).map_err(|error| ToolError::Conversation(error.to_string()))?;
    let path = format!("{DEFAULT_IMAGES}/{}", kind.as_str());
    socket::call(cloud, Method::PUT, &path, Some(body))?;
    show(cloud, out)
}
