//! RegisterImage.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Response, Text, Xml, parameters};
use types::ImageId;

pub(super) struct RegisterImage;

parameters! {
    pub(super) struct Input {
        /// BUCKET/MANIFEST of a bundle that was uploaded to Walrus.
        location: Text<1024> = "ImageLocation", "imageLocation";
    }
}

pub(super) struct Output(ImageId);

impl Action for RegisterImage {
    const NAME: &'static str = "RegisterImage";
    const DOC: &'static str = "Checks and decrypts an uploaded bundle and makes it launchable; \
                               kernels and ramdisks are registered by administrators only.";
    type Input = Input;
    type Output = Output;
}

impl Run for RegisterImage {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let image = call.cloud.register_image(call.user, input.location.as_str()).await;
        Ok(Output(image.map_err(refuse)?.id))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("imageId", self.0);
    }
}
