//! GetCallerIdentity, of STS: who signed the request.

use super::call::{Call, Run};
use ec2_wire::{Action, Error, Response, Service, Version, Xml, parameters};
use state::User;
use types::AccountId;

pub(super) struct GetCallerIdentity;

parameters! {
    pub(super) struct Input {}
}

pub(super) struct Output {
    arn: String,
    account: AccountId,
}

impl Action for GetCallerIdentity {
    const NAME: &'static str = "GetCallerIdentity";
    const DOC: &'static str = "Tells the caller who they are.";
    const SERVICE: Service = Service::Sts;
    const SINCE: Version = Version::new(2011, 6, 15);
    type Input = Input;
    type Output = Output;
}

impl Run for GetCallerIdentity {
    async fn run(call: &Call<'_>, _: Input) -> Result<Output, Error> {
        Ok(Output { arn: arn(call.user), account: call.user.account })
    }
}

/// The name of a user in all of AWS' services.
pub(super) fn arn(user: &User) -> String {
    format!("arn:aws:iam::{}:user/{}", user.account, user.name)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("Arn", &self.arn);
        // Each user has an account to themselves, so that its number is theirs too.
        xml.text("UserId", self.account);
        xml.text("Account", self.account);
    }
}
