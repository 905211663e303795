//! `create-tags`, `delete-tags`, `describe-tags`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Notes tags on things.
#[derive(Debug, Parser)]
pub(super) struct Create {
    /// The ids of the things: instances, images, groups and so on
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// A tag; without a value it is empty (may be repeated)
    #[arg(short, long, value_name = "KEY[=VALUE]", required = true)]
    tag: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Create {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let mut parameters = Parameters::default().list("ResourceId", &self.ids);
        for (at, tag) in (1..).zip(&self.tag) {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            parameters = parameters
                .with(&format!("Tag.{at}.Key"), key)
                .with(&format!("Tag.{at}.Value"), value);
        }
        call(session, &self.connection, "CreateTags", parameters)?;
        print(session, &self.ids, &self.tag)
    }
}

/// Removes tags from things.
#[derive(Debug, Parser)]
pub(super) struct Delete {
    /// The ids of the things
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// A tag; with a value it is removed only if it has that value (may be repeated)
    #[arg(short, long, value_name = "KEY[=VALUE]", required = true)]
    tag: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Delete {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let mut parameters = Parameters::default().list("ResourceId", &self.ids);
        for (at, tag) in (1..).zip(&self.tag) {
            let (key, value) = match tag.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (tag.as_str(), None),
            };
            parameters = parameters
                .with(&format!("Tag.{at}.Key"), key)
                .maybe(&format!("Tag.{at}.Value"), value);
        }
        call(session, &self.connection, "DeleteTags", parameters)?;
        print(session, &self.ids, &self.tag)
    }
}

fn print(session: &mut Session<'_, '_>, ids: &[String], tags: &[String]) -> Result<(), Error> {
    for id in ids {
        for tag in tags {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            session.print(&["TAG", id, key, value])?;
        }
    }
    Ok(())
}

/// Lists tags.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Shows only tags with this attribute: key, value, resource-id, resource-type (may be repeated)
    #[arg(short = 'F', long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().filters(&self.filter)?;
        let reply = call(session, &self.connection, "DescribeTags", parameters)?;
        for tag in reply.items("tagSet") {
            let thing = [tag.text("resourceId"), tag.text("resourceType")];
            session.print(&["TAG", thing[0], thing[1], tag.text("key"), tag.text("value")])?;
        }
        Ok(())
    }
}
