//! The file `eucarc`: what a shell sources to work with the cloud (FACTS 2.2).

use crate::front::{IAM, STS};
use state::User;
use std::fmt::Write;

/// What goes into an `eucarc` besides the user.
pub(crate) struct Eucarc<'a> {
    pub(crate) user: &'a User,
    /// `http://HOST:PORT` of the cloud.
    pub(crate) public_url: &'a str,
    /// `http://HOST:PORT` of Walrus alone, if it has a port of its own.
    pub(crate) walrus_url: Option<&'a str>,
    /// The file names of the user's certificate and key.
    pub(crate) certificate: &'a str,
    pub(crate) key: &'a str,
    /// The file name of the authority that signed the cloud's HTTPS certificate.
    pub(crate) authority: Option<&'a str>,
}

/// The cloud's certificate in the zip, for which users bundle images.
pub(crate) const CLOUD_CERTIFICATE: &str = "cloud-cert.pem";

/// Finds the directory of the file that is being sourced. bash and zsh tell it; for other shells
/// it is the directory of a file that the shell has open (it reads this one) or the current one.
const FIND_DIRECTORY: &str = r#"
if [ -n "${BASH_SOURCE:-}" ]; then
    EUCA_KEY_DIR=$(dirname "$(readlink -f "${BASH_SOURCE}")")
elif [ -n "${ZSH_VERSION:-}" ]; then
    EUCA_KEY_DIR=$(eval 'dirname "$(readlink -f "${(%):-%x}")"')
else
    EUCA_KEY_DIR=$(
        for euca_file in /proc/$$/fd/*; do
            euca_dir=$(dirname "$(readlink -f "$euca_file")")
            if [ -f "$euca_dir/@CERTIFICATE@" ]; then echo "$euca_dir"; exit; fi
        done
        pwd
    )
fi
if [ ! -f "${EUCA_KEY_DIR}/@CERTIFICATE@" ]; then
    echo "eucarc: cannot find the directory of the credentials; cd to it first" >&2
fi
"#;

impl Eucarc<'_> {
    /// The file. It is right for sh, bash and zsh.
    pub(crate) fn text(&self) -> String {
        let mut text =
            format!("# Credentials of {}. Source this file: . ./eucarc\n", self.user.name);
        text += FIND_DIRECTORY.replace("@CERTIFICATE@", self.certificate).trim_start();
        for (name, value) in self.variables() {
            // writing to a String cannot fail
            let _ = writeln!(text, "export {name}={value}");
        }
        for (name, arguments) in self.aliases() {
            let _ = writeln!(text, "alias {name}={}", quoted(&format!("{name} {arguments}")));
        }
        text
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let in_directory = |file: &str| format!("\"${{EUCA_KEY_DIR}}\"/{}", quoted(file));
        let ec2 = quoted(&format!("{}/services/Eucalyptus", self.public_url));
        let s3 = quoted(&format!("{}/services/Walrus", self.public_url));
        let access_key = quoted(&self.user.access_key);
        let secret_key = quoted(self.user.secret_key.expose());
        let mut variables = vec![
            ("S3_URL", s3.clone()),
            ("EC2_URL", ec2.clone()),
            ("EC2_PRIVATE_KEY", in_directory(self.key)),
            ("EC2_CERT", in_directory(self.certificate)),
            ("EUCALYPTUS_CERT", in_directory(CLOUD_CERTIFICATE)),
            ("EC2_ACCESS_KEY", access_key.clone()),
            ("EC2_SECRET_KEY", secret_key.clone()),
            ("EC2_USER_ID", quoted(&self.user.account.to_string())),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", secret_key),
            ("AWS_DEFAULT_REGION", types::REGION.to_owned()),
            ("AWS_ENDPOINT_URL_EC2", ec2),
            ("AWS_ENDPOINT_URL_S3", s3),
            ("AWS_ENDPOINT_URL_STS", quoted(&format!("{}{STS}", self.public_url))),
            ("AWS_ENDPOINT_URL_IAM", quoted(&format!("{}{IAM}", self.public_url))),
        ];
        variables.extend(self.walrus_url.map(|url| ("WALRUS_URL", quoted(url))));
        if let Some(authority) = self.authority {
            variables.push(("AWS_CA_BUNDLE", in_directory(authority)));
        }
        variables
    }

    /// What the Amazon tools need besides the variables. Quotes keep paths with blanks whole.
    fn aliases(&self) -> [(&'static str, String); 2] {
        [
            (
                "ec2-bundle-image",
                format!(
                    "--cert \"${{EC2_CERT}}\" --privatekey \"${{EC2_PRIVATE_KEY}}\" --user {} \
                     --ec2cert \"${{EUCALYPTUS_CERT}}\"",
                    self.user.account
                ),
            ),
            (
                "ec2-upload-bundle",
                "-a \"${EC2_ACCESS_KEY}\" -s \"${EC2_SECRET_KEY}\" --url \"${S3_URL}\" \
                 --ec2cert \"${EUCALYPTUS_CERT}\""
                    .to_owned(),
            ),
        ]
    }
}

/// The text as one word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;
    use types::{Secret, Timestamp};

    const CERTIFICATE: &str = "euca2-alice-0A1B2C3D-cert.pem";

    fn text() -> String {
        let user = User {
            account: "000100729354".parse().unwrap(),
            name: "alice".parse().unwrap(),
            admin: false,
            enabled: true,
            access_key: "AKEY".into(),
            secret_key: Secret::new("it's $HOME `id` \"secret\"".into()),
            created: Timestamp::default(),
        };
        Eucarc {
            user: &user,
            public_url: "https://10.0.0.1:8773",
            walrus_url: Some("https://10.0.0.1:9000"),
            certificate: CERTIFICATE,
            key: "euca2-alice-0A1B2C3D-pk.pem",
            authority: Some("ca-cert.pem"),
        }
        .text()
    }

    /// Sources the file as `shell` does from `from`, and prints variables.
    fn sourced(shell: &str, from: &Path, file: &Path) -> String {
        let script = r#"set -eu; . "$1"
            printf '%s\n' "$EUCA_KEY_DIR" "$EC2_CERT" "$EC2_SECRET_KEY" "$AWS_SECRET_ACCESS_KEY" \
                "$AWS_ENDPOINT_URL_EC2" "$AWS_ENDPOINT_URL_S3" "$AWS_CA_BUNDLE" "$EC2_USER_ID" \
                "$AWS_ENDPOINT_URL_STS" "$AWS_ENDPOINT_URL_IAM" \
                "$WALRUS_URL"
            alias"#;
        let output = Command::new(shell)
            .args(["-c", script, shell])
            .arg(file)
            .current_dir(from)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && errors.is_empty(), "{shell}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn sh_and_bash_find_the_directory_and_keep_every_character() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("my creds $x 'y");
        std::fs::create_dir(&dir).unwrap();
        let file = dir.join("eucarc");
        std::fs::write(&file, text()).unwrap();
        std::fs::write(dir.join(CERTIFICATE), "").unwrap();
        let dir_text = dir.to_str().unwrap();
        for shell in ["sh", "bash"] {
            for (from, file) in [(Path::new("/"), file.as_path()), (&dir, Path::new("./eucarc"))] {
                let shown = sourced(shell, from, file);
                let lines: Vec<_> = shown.lines().collect();
                assert_eq!(lines[0], dir_text, "{shell} from {from:?}");
                assert_eq!(lines[1], format!("{dir_text}/{CERTIFICATE}"));
                assert_eq!(lines[2], "it's $HOME `id` \"secret\"");
                assert_eq!(lines[3], lines[2]);
                assert_eq!(lines[4], "https://10.0.0.1:8773/services/Eucalyptus");
                assert_eq!(lines[5], "https://10.0.0.1:8773/services/Walrus");
                assert_eq!(lines[6], format!("{dir_text}/ca-cert.pem"));
                assert_eq!(lines[7], "000100729354");
                assert_eq!(lines[8], "https://10.0.0.1:8773/services/Tokens");
                assert_eq!(lines[9], "https://10.0.0.1:8773/services/Euare");
                assert_eq!(lines[10], "https://10.0.0.1:9000");
                assert!(shown.contains("--user 000100729354 --ec2cert"), "{shown}");
            }
        }
    }

    #[test]
    fn lines_come_in_the_order_of_1_4() {
        let text = text();
        let names = ["S3_URL", "EC2_URL", "EC2_PRIVATE_KEY", "EC2_CERT", "EUCALYPTUS_CERT"];
        let at: Vec<_> =
            names.iter().map(|name| text.find(&format!("export {name}=")).unwrap()).collect();
        assert!(at.is_sorted(), "{at:?}");
    }
}
