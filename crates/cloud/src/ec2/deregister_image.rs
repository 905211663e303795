//! DeregisterImage.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, parameters};
use types::ImageId;

pub(super) struct DeregisterImage;

parameters! {
    pub(super) struct Input {
        /// The image.
        image: ImageId = "ImageId", "imageId";
    }
}

impl Action for DeregisterImage {
    const NAME: &'static str = "DeregisterImage";
    const DOC: &'static str = "Ends the registration of an image; instances of it run on.";
    type Input = Input;
    type Output = Return;
}

impl Run for DeregisterImage {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        call.cloud.deregister_image(call.user, input.image).await.map_err(refuse)?;
        Ok(Return(true))
    }
}
