//! ResetImageAttribute.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, Version, parameters, words};
use state::ImageChange;
use types::ImageId;

pub(super) struct ResetImageAttribute;

parameters! {
    pub(super) struct Input {
        /// The image.
        image: ImageId = "ImageId", "imageId";
        /// The attribute to reset.
        _attribute: Resettable = "Attribute", "*";
    }
}

words! {
    /// The attributes that can be reset.
    pub(super) enum Resettable {
        /// Who may launch it.
        LaunchPermission = "launchPermission",
    }
}

impl Action for ResetImageAttribute {
    const NAME: &'static str = "ResetImageAttribute";
    const DOC: &'static str = "Resets who may launch an image to what it was in 1.4: everybody, \
                               and no user by name.";
    const SINCE: Version = Version::new(2006, 10, 1);
    type Input = Input;
    type Output = Return;
}

impl Run for ResetImageAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let change = ImageChange::ResetLaunchPermission;
        call.state().change_image(input.image, call.user.clone(), change).await.map_err(refuse)?;
        Ok(Return(true))
    }
}
