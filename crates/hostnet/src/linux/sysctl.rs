//! Kernel settings under /proc/sys/net.

use crate::HostNetError;
use std::path::Path;

/// Sets a setting, `ipv4/ip_forward` for example. Gives a line for the log when it was different.
///
/// A setting that this kernel does not have (IPv6 not built in) needs no change.
pub(super) fn ensure(setting: &str, value: &str) -> Result<Option<String>, HostNetError> {
    let path = Path::new("/proc/sys/net").join(setting);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() == value => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => {
            std::fs::write(&path, value).map_err(|error| HostNetError::Device {
                what: format!("writing {value} to {}", path.display()),
                cause: error.to_string(),
            })?;
            Ok(Some(format!("net/{setting} set to {value}")))
        }
    }
}
