//! RSA keys in the forms that EC2 clients and ssh know.

use super::der::element;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};
use types::Secret;

/// Characters in a line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// A private key, and the parts of its encodings that other forms are made of.
pub(super) struct RsaKey {
    pkcs8: Secret<Vec<u8>>,
    pkcs1: Secret<Vec<u8>>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaKey {
    /// Makes a key of 2048 bits. Takes a tenth of a second.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
        Self::from_pkcs8(der.as_ref()).ok_or(Unspecified)
    }

    /// Takes PKCS#8 (RFC 5208) apart: version, algorithm, and PKCS#1 (RFC 8017) as octets.
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let (info, _) = element(der)?;
        let (_version, rest) = element(info)?;
        let (_algorithm, rest) = element(rest)?;
        let (pkcs1, _) = element(rest)?;
        let (numbers, _) = element(pkcs1)?;
        let (_version, rest) = element(numbers)?;
        let (modulus, rest) = element(rest)?;
        let (exponent, _) = element(rest)?;
        Some(Self {
            pkcs8: Secret::new(der.to_vec()),
            pkcs1: Secret::new(pkcs1.to_vec()),
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        })
    }

    /// EC2's fingerprint of a key that it made: SHA-1 of the PKCS#8 DER, in hex with colons.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha1::digest(self.pkcs8.expose());
        let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        pairs.join(":")
    }

    /// The private key in PEM (`BEGIN RSA PRIVATE KEY`), as `ssh -i` reads it.
    pub(super) fn pem(&self) -> Secret<String> {
        let text = Secret::new(BASE64.encode(self.pkcs1.expose()));
        let mut pem = String::from("-----BEGIN RSA PRIVATE KEY-----\n");
        for start in (0..text.expose().len()).step_by(PEM_LINE) {
            let end = (start + PEM_LINE).min(text.expose().len());
            pem.push_str(&text.expose()[start..end]);
            pem.push('\n');
        }
        pem.push_str("-----END RSA PRIVATE KEY-----");
        Secret::new(pem)
    }

    /// The public key as a line of `authorized_keys` (RFC 4253, section 6.6).
    pub(super) fn public_line(&self, comment: &str) -> String {
        let mut blob = Vec::new();
        // DER writes an integer's bytes as ssh does: big-endian, with a sign bit.
        for part in [b"ssh-rsa".as_slice(), &self.exponent, &self.modulus] {
            blob.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            blob.extend_from_slice(part);
        }
        format!("ssh-rsa {} {comment}", BASE64.encode(blob))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// Runs a tool on standard input and gives what it prints.
    fn tool(program: &str, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn ssh_and_openssl_read_the_key_and_agree_on_public_half_and_fingerprint() {
        let key = RsaKey::generate().unwrap();
        let (pem, line) = (key.pem(), key.public_line("alice@eucalyptus"));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, format!("{}\n", pem.expose())).unwrap();
        tool("chmod", &["600", file.to_str().unwrap()], "");
        let public = tool("ssh-keygen", &["-y", "-f", file.to_str().unwrap()], "");
        let words =
            |line: &str| line.split(' ').take(2).map(str::trim).collect::<Vec<_>>().join(" ");
        assert_eq!(words(&public), words(&line));
        assert!(line.ends_with(" alice@eucalyptus"));
        let convert = "openssl pkcs8 -topk8 -nocrypt -outform DER | openssl sha1 -c";
        let digest = tool("sh", &["-c", convert], pem.expose());
        assert_eq!(digest.trim().rsplit(' ').next().unwrap(), key.fingerprint());
    }

    #[test]
    fn what_is_no_der_is_no_key() {
        for bytes in [&[][..], &[0x30], &[0x30, 0x05, 1], &[0x30, 0x80], &[0x30, 0x84, 1, 1]] {
            assert!(RsaKey::from_pkcs8(bytes).is_none(), "{bytes:?}");
        }
    }
}
