//! The one definition of an action.

use crate::{Error, Param, Parameters, Place, Service, Tree, Version, Xml};

/// Who may call an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Every user of the cloud, for what is theirs.
    User,
    /// Administrators only.
    Administrator,
}

/// An action of the EC2 API, or of one of the services that SDKs ask before they use it.
pub trait Action {
    /// Its name, such as `RunInstances`.
    const NAME: &'static str;
    /// What it does, in one line.
    const DOC: &'static str;
    /// The service that it belongs to.
    const SERVICE: Service = Service::Ec2;
    /// The API version in which it appeared.
    const SINCE: Version = Version::FIRST;
    /// Who may call it.
    const WHO: Who = Who::User;
    /// The attributes by which its answer can be filtered.
    const FILTERS: &'static [&'static str] = &[];
    /// What it takes.
    type Input: Parameters + Send;
    /// What it answers.
    type Output: Response + Send + 'static;
}

/// What an action answers with.
pub trait Response {
    /// Writes the elements that follow the request id, in the order of EC2's schema; those of the
    /// result in the other services.
    fn encode(&self, xml: &mut Xml);

    /// In how many parts it is written. One part of a long answer is in memory at a time, and is
    /// made when the one before has been sent.
    fn parts(&self) -> usize {
        1
    }

    /// Writes a part, counted from 0. All of them, in order, are what [`encode`](Self::encode)
    /// writes.
    fn encode_part(&self, xml: &mut Xml, _part: usize) {
        self.encode(xml);
    }
}

/// The answer of actions that only succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return(pub bool);

impl Response for Return {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", self.0);
    }
}

/// An action's definition as data, for documentation and for tests that try every action.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The service that it belongs to.
    pub service: Service,
    /// The API version in which it appeared.
    pub since: Version,
    /// Who may call it.
    pub who: Who,
    /// What it takes.
    pub parameters: &'static [Param],
    /// The attributes by which its answer can be filtered.
    pub filters: &'static [&'static str],
    /// Reads a request's parameters as the action does, and forgets them.
    pub decode: fn(&Tree) -> Result<(), Error>,
}

impl Definition {
    /// The definition of this action.
    pub const fn of<A: Action>() -> Self {
        Self {
            name: A::NAME,
            doc: A::DOC,
            service: A::SERVICE,
            since: A::SINCE,
            who: A::WHO,
            parameters: A::Input::TABLE,
            filters: A::FILTERS,
            decode: |tree| A::Input::decode(tree, &Place::ROOT).map(drop),
        }
    }
}
