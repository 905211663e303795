//! What a tool has at hand: settings, the network, its streams.

use crate::error::Error;
use crate::{Environment, Streams};

/// Access key and secret key.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) access: String,
    pub(crate) secret: String,
}

/// What a tool has at hand.
pub(crate) struct Session<'s, 'w> {
    pub(crate) environment: &'s Environment,
    pub(crate) streams: &'s mut Streams<'w>,
}

impl Session<'_, '_> {
    /// Prints a line of fields.
    pub(crate) fn print(&mut self, fields: &[&str]) -> Result<(), Error> {
        self.say(&crate::print::line(fields))
    }

    /// Prints a line as it is.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Error> {
        Ok(writeln!(self.streams.out, "{text}")?)
    }

    /// The option, else the first of the variables that is set.
    pub(crate) fn setting(
        &self,
        given: Option<&str>,
        variables: &[&'static str],
        option: &'static str,
    ) -> Result<String, Error> {
        let variable = variables.first().copied().unwrap_or_default();
        given
            .or_else(|| self.environment.first(variables))
            .map(str::to_owned)
            .ok_or(Error::Unset { variable, option })
    }

    /// The keys that sign requests.
    pub(crate) fn keys(
        &self,
        access: Option<&str>,
        secret: Option<&str>,
        (access_option, secret_option): (&'static str, &'static str),
    ) -> Result<Keys, Error> {
        let access_names = ["EC2_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"];
        let secret_names = ["EC2_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"];
        Ok(Keys {
            access: self.setting(access, &access_names, access_option)?,
            secret: self.setting(secret, &secret_names, secret_option)?,
        })
    }
}
