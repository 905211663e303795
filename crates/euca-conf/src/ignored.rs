//! `--ignored-parameters`: what the users' tools sent and the EC2 API does not know.

use crate::error::ToolError;
use crate::socket::{self, Method};
use crate::users::cloud_socket;
use protocol::admin::{IGNORED_PARAMETERS, IgnoredParameter, IgnoredParameters};
use std::io::Write;
use std::path::Path;

pub(crate) fn list(file: &Path, out: &mut dyn Write) -> Result<(), ToolError> {
    let cloud = cloud_socket(file)?;
    let ignored: IgnoredParameters = socket::json(&cloud, Method::GET, IGNORED_PARAMETERS, None)?;
    writeln!(out, "{:>8}  ACTION AND PARAMETER", "REQUESTS")?;
    for IgnoredParameter { action, parameter, times } in ignored.parameters {
        writeln!(out, "{times:8}  {action} {parameter}")?;
    }
    if ignored.others > 0 {
        writeln!(out, "{:8}  others", ignored.others)?;
    }
    Ok(())
}
