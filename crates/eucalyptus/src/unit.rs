//! The systemd unit of the components, for machines that start them at boot.

use conf::Layout;

const TEMPLATE: &str = include_str!("unit/eucalyptus@.service");

/// The unit for this installation; none when systemd would read its path as something else.
pub(crate) fn unit(layout: &Layout) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let root = layout.root().to_str().filter(|root| root.starts_with('/'))?;
    root.chars().all(plain).then(|| TEMPLATE.replace("@ROOT@", root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::ErrorKind;
    use std::process::Command;

    #[test]
    fn systemd_understands_the_unit() {
        let root = tempfile::tempdir().unwrap();
        let sbin = root.path().join("usr/sbin");
        fs::create_dir_all(&sbin).unwrap();
        std::os::unix::fs::symlink("/bin/true", sbin.join("eucalyptus")).unwrap();
        let file = root.path().join("eucalyptus@.service");
        let verify = |unit: &str| {
            fs::write(&file, unit).unwrap();
            Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output()
        };
        let unit = unit(&Layout::new(root.path())).unwrap();
        let verified = match verify(&unit) {
            // a machine without systemd needs no unit
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            verified => verified.unwrap(),
        };
        let said = String::from_utf8(verified.stderr).unwrap();
        assert!(verified.status.success() && !said.contains("eucalyptus"), "{said}");
        let wrong = verify(&unit.replace("KillMode", "KilMode")).unwrap();
        assert!(String::from_utf8(wrong.stderr).unwrap().contains("KilMode"), "it does look");
    }

    #[test]
    fn a_path_that_systemd_would_expand_or_split_is_refused() {
        for root in ["/srv/my cloud", "/srv/%i", "/srv/$HOME", "/srv/\"x", "cloud", "/caf\u{e9}"] {
            assert_eq!(unit(&Layout::new(root)), None, "{root}");
        }
        let unit = unit(&Layout::new("/opt/eucalyptus")).unwrap();
        assert!(unit.contains("\nExecStart=/opt/eucalyptus/usr/sbin/eucalyptus --root "), "{unit}");
    }
}
