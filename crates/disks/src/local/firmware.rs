//! The firmware of machines that boot with UEFI (OVMF), as distributions install it.

use super::fault::{Doing, Fault};
use super::files;
use std::fs;
use std::path::{Path, PathBuf};
use types::Uefi;

/// What it remembers, in the instance's directory.
pub(super) const NVRAM: &str = "nvram";

/// Firmware and what it remembers at first; the two belong together.
const KNOWN: [(&str, &str); 4] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];

/// Gives an instance memory for its firmware, as it leaves the factory.
pub(super) fn install(directory: &Path) -> Result<Uefi, Fault> {
    install_one_of(&KNOWN, directory)
}

fn install_one_of(known: &[(&str, &str)], directory: &Path) -> Result<Uefi, Fault> {
    let there = |(code, variables): &&(&str, &str)| {
        Path::new(code).is_file() && Path::new(variables).is_file()
    };
    let Some((code, variables)) = known.iter().find(there) else {
        let text = "the image boots with UEFI, for which this node has no firmware (Debian: apt \
                    install ovmf)";
        return Err(Fault::Failed(text.to_owned()));
    };
    let (made, nvram) = (directory.join("nvram.tmp"), directory.join(NVRAM));
    fs::copy(variables, &made).doing(|| format!("making {}", nvram.display()))?;
    files::publish(&made, &nvram, 0o600)?;
    Ok(Uefi { code: PathBuf::from(code), nvram })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_firmware_says_so() {
        let directory = tempfile::TempDir::new().unwrap();
        let error = install_one_of(&[("/nowhere/CODE", "/nowhere/VARS")], directory.path());
        assert!(error.unwrap_err().to_string().contains("apt install ovmf"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
