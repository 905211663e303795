//! Calls of who has proven who they are in another way than by a signature: on the console.

use super::access::Access;
use super::actions;
use super::call::Call;
use crate::Cloud;
use ec2_wire::{Code, Error, Service, Tree, Version};
use http_body_util::BodyExt;
use state::User;
use tracing::Instrument;
use types::RequestId;

/// The version of the API in which calls are made here.
const TODAY: Version = Version::new(2016, 11, 15);

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// EC2's code.
    pub code: String,
    /// What is wrong and what would help.
    pub message: String,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { code: error.code().as_str().to_owned(), message: error.message().to_owned() }
    }
}

/// Does what an EC2 action does when this user calls it with these parameters, and gives the
/// answer's XML in today's version.
///
/// # Errors
/// What a client of EC2 would be told.
pub async fn act(
    cloud: &Cloud,
    user: &User,
    action: &str,
    parameters: &[(String, String)],
) -> Result<String, Refused> {
    let id = RequestId::random();
    let mut access = Access::begin();
    access.user = Some(user.name.to_string());
    let span = tracing::info_span!("console", request = %id);
    let answer = async {
        let answer = perform(cloud, user, action, parameters, id, &mut access).await;
        access.end(cloud, Service::Ec2, answer.as_ref().err());
        answer
    };
    Ok(answer.instrument(span).await?)
}

async fn perform(
    cloud: &Cloud,
    user: &User,
    action: &str,
    parameters: &[(String, String)],
    request: RequestId,
    access: &mut Access,
) -> Result<String, Error> {
    if !user.enabled {
        return Err(Error::new(Code::AuthFailure, "the user is disabled"));
    }
    let entry = actions::find(Service::Ec2, action)?;
    access.action = entry.definition.name;
    let tree = Tree::from_pairs(parameters)?;
    let (state, now) = (cloud.state().on_behalf_of(request), cloud.now());
    let call = Call { cloud, state, user, version: TODAY, now, request, soap: false };
    let document = entry.call(call, &tree).await?;
    let bytes = document.collect().await.map_err(Error::internal)?.to_bytes();
    String::from_utf8(bytes.to_vec()).map_err(Error::internal)
}
