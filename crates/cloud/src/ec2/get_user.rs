//! GetUser, of IAM.

use super::call::{Call, Run};
use super::get_caller_identity::arn;
use super::refusal::refuse;
use ec2_wire::{Action, Code, Error, Response, Service, Version, Xml, parameters};
use state::User;
use types::UserName;

pub(super) struct GetUser;

parameters! {
    pub(super) struct Input {
        /// The user; the caller when none is named. Only administrators see others.
        name: Option<UserName> = "UserName", "";
    }
}

pub(super) struct Output(User);

impl Action for GetUser {
    const NAME: &'static str = "GetUser";
    const DOC: &'static str = "Shows a user, the caller unless another is named.";
    const SERVICE: Service = Service::Iam;
    const SINCE: Version = Version::new(2010, 5, 8);
    type Input = Input;
    type Output = Output;
}

impl Run for GetUser {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let name = input.name.unwrap_or_else(|| call.user.name.clone());
        if name == call.user.name {
            return Ok(Output(call.user.clone()));
        }
        let other = match call.user.admin {
            true => call.state().user_by_name(name.as_str()).await.map_err(refuse)?,
            false => None,
        };
        other.map(Output).ok_or_else(|| {
            let message = format!("the user with the name {name} cannot be found");
            Error::new(Code::NoSuchEntity, message)
        })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        let user = &self.0;
        xml.element("User", |xml| {
            xml.text("Path", "/");
            xml.text("UserName", &user.name);
            xml.text("UserId", user.account);
            xml.text("Arn", arn(user));
            xml.text("CreateDate", user.created);
        });
    }
}
