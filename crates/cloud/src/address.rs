//! At which address users reach the cloud: what eucalyptus.conf says, until an administrator sets
//! the Walrus URL, which everything else is beside.

use crate::Cloud;
use crate::error::{Error, Result};
use crate::front::{EC2, WALRUS};
use http::Uri;
use state::Deed;

/// The longest address.
const LONGEST: usize = 300;

impl Cloud {
    /// `http://HOST:PORT` or `https://HOST:PORT`.
    pub(crate) async fn public_url(&self) -> Result<String> {
        let walrus = self.state.settings().await?.walrus_url;
        let base = walrus.as_deref().and_then(|url| url.strip_suffix(WALRUS)).map(str::to_owned);
        Ok(base.unwrap_or_else(|| self.settings.public_url.clone()))
    }

    /// Where users reach the EC2 API.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn ec2_url(&self) -> Result<String> {
        Ok(format!("{}{EC2}", self.public_url().await?))
    }

    /// Where users reach Walrus.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn walrus_url(&self) -> Result<String> {
        Ok(format!("{}{WALRUS}", self.public_url().await?))
    }

    /// Sets where users reach Walrus, and EC2 beside it. Credentials that are made from now on have
    /// it.
    ///
    /// # Errors
    /// [`Error::WalrusUrl`].
    pub async fn set_walrus_url(&self, url: &str, deed: Deed) -> Result<()> {
        check(url).map_err(Error::WalrusUrl)?;
        Ok(self.state.set_walrus_url(url.to_owned(), deed).await?)
    }
}

fn check(url: &str) -> Result<(), &'static str> {
    let base = url.strip_suffix(WALRUS).ok_or("it must end with /services/Walrus")?;
    let uri: Uri = base.parse().map_err(|_| "it is not the address of a web server")?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| is_web && url.len() <= LONGEST);
    let authority = authority.ok_or("it must begin with http:// or https:// and a host")?;
    if !matches!(uri.path(), "" | "/") || base.ends_with('/') || uri.query().is_some() {
        return Err("between the host and /services/Walrus there must be nothing but a port");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    if authority.host().is_empty() || !authority.as_str().bytes().all(plain) {
        return Err("the host must be a name or an address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_can_be_where_walrus_is() {
        for right in [
            "http://192.0.2.1:8773/services/Walrus",
            "https://cloud.example.org/services/Walrus",
            "http://[2001:db8::1]:8773/services/Walrus",
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "/services/Walrus",
            "http:///services/Walrus",
            "ftp://h/services/Walrus",
            "http://h/services/Walrus/",
            "http://h/x/services/Walrus",
            "http://h//services/Walrus",
            "http://user@h/services/Walrus",
            "http://h'`id`/services/Walrus",
            "http://h\n/services/Walrus",
            "http://h?a=/services/Walrus",
            "http://h/services/Eucalyptus",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
