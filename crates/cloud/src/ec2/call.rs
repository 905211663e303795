//! One call of an action: its surroundings, and how the list of actions holds them all.

use crate::Cloud;
use axum::body::Body;
use ec2_wire::{
    Action, Code, Definition, Document, Error, Parameters, Place, Service, Tree, Version, Who,
};
use futures_util::future::BoxFuture;
use futures_util::stream;
use state::{State, User};
use std::convert::Infallible;
use std::future::Future;
use types::{AccountId, RequestId, Timestamp};

/// What an action sees beside its parameters.
pub(super) struct Call<'a> {
    /// The cloud.
    pub(super) cloud: &'a Cloud,
    /// Who calls. Signed, and enabled.
    pub(super) user: &'a User,
    /// The API version that was asked for.
    pub(super) version: Version,
    /// The time of the call.
    pub(super) now: Timestamp,
    /// The database, for what is changed on behalf of the call.
    pub(super) state: State,
    /// Names the call in answer and log.
    pub(super) request: RequestId,
    /// Whether the answer is a SOAP message.
    pub(super) soap: bool,
}

impl Call<'_> {
    /// The database.
    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// Whose instances the caller sees and may change: their own; everybody's for administrators,
    /// who clean up after all users (Troubleshooting, "Restarting").
    pub(super) fn scope(&self) -> Option<AccountId> {
        if self.user.admin { None } else { Some(self.user.account) }
    }
}

/// What an action does. Its parameters have been decoded and the caller may call it.
pub(super) trait Run: Action {
    /// Does it.
    ///
    /// # Errors
    /// What the caller is told.
    fn run(
        call: &Call<'_>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// An action in the list of all.
pub(super) struct Entry {
    /// What it takes and answers.
    pub(super) definition: Definition,
    run: for<'a> fn(&'a Call<'a>, &'a Tree) -> BoxFuture<'a, Result<Body, Error>>,
}

impl Entry {
    /// The entry of this action.
    pub(super) const fn of<A: Run + 'static>() -> Self {
        Self { definition: Definition::of::<A>(), run: run::<A> }
    }

    /// Answers a call with the response's XML.
    ///
    /// # Errors
    /// What the caller is told.
    pub(super) async fn call(&self, call: Call<'_>, tree: &Tree) -> Result<Body, Error> {
        if self.definition.who == Who::Administrator && !call.user.admin {
            let message = format!("only administrators may call {}", self.definition.name);
            return Err(Error::new(Code::UnauthorizedOperation, message));
        }
        (self.run)(&call, tree).await
    }
}

fn run<'a, A: Run + 'static>(
    call: &'a Call<'a>,
    tree: &'a Tree,
) -> BoxFuture<'a, Result<Body, Error>> {
    Box::pin(async move {
        let input = A::Input::decode(tree, &Place::ROOT)?;
        let dry_run: Option<bool> = ec2_wire::field(tree, &Place::ROOT, "DryRun")?;
        // STS and IAM do not know it, and what of them is served changes nothing.
        if dry_run == Some(true) && A::SERVICE == Service::Ec2 {
            let message = "the request would have been tried, but DryRun is set";
            return Err(Error::new(Code::DryRunOperation, message));
        }
        let output = A::run(call, input).await?;
        let document = Document::<A>::new(call.version, &call.request.to_string(), output);
        Ok(body(document.in_soap(call.soap)))
    })
}

/// A short answer as it is, a long one part by part as the client takes it.
fn body<A: Run + 'static>(mut document: Document<A>) -> Body {
    match document.size_hint() {
        (0 | 1, _) => document.next().unwrap_or_default().into(),
        _ => Body::from_stream(stream::iter(document.map(Ok::<_, Infallible>))),
    }
}
