//! DescribeImageAttribute.

use super::call::{Call, Run};
use super::image_attribute::{ImageAttribute, encode_products};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Response, Version, Xml, parameters};
use state::Image;
use std::fmt::Display;
use types::{AccountId, ImageId};

pub(super) struct DescribeImageAttribute;

parameters! {
    pub(super) struct Input {
        /// The image.
        image: ImageId = "ImageId", "imageId";
        /// The attribute to show.
        attribute: ImageAttribute = "Attribute", "*";
    }
}

pub(super) struct Output {
    attribute: ImageAttribute,
    image: Image,
    launchers: Vec<AccountId>,
}

impl Action for DescribeImageAttribute {
    const NAME: &'static str = "DescribeImageAttribute";
    const DOC: &'static str = "Shows an attribute of an image to its owner.";
    const SINCE: Version = Version::new(2006, 10, 1);
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeImageAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let found = call.state().image_attributes(input.image, call.user).await;
        let (image, launchers) = found.map_err(refuse)?;
        Ok(Output { attribute: input.attribute, image, launchers })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("imageId", self.image.id);
        match self.attribute {
            ImageAttribute::Description => {
                value(xml, "description", self.image.description.as_ref());
            }
            ImageAttribute::Kernel => value(xml, "kernel", self.image.kernel),
            ImageAttribute::Ramdisk => value(xml, "ramdisk", self.image.ramdisk),
            ImageAttribute::LaunchPermission => self.encode_launchers(xml),
            ImageAttribute::ProductCodes => encode_products(xml, &self.image.products),
            ImageAttribute::BlockDeviceMapping => xml.empty("blockDeviceMapping"),
        }
    }
}

impl Output {
    fn encode_launchers(&self, xml: &mut Xml) {
        let everybody = self.image.public.then_some(("group", "all".to_owned()));
        let accounts = self.launchers.iter().map(|account| ("userId", account.to_string()));
        let items = everybody.into_iter().chain(accounts);
        xml.list("launchPermission", items, |xml, (name, whom)| xml.text(name, whom));
    }
}

/// An attribute with one value; without one it is an empty element.
fn value(xml: &mut Xml, name: &'static str, value: Option<impl Display>) {
    match value {
        Some(value) => xml.element(name, |xml| xml.text("value", value)),
        None => xml.empty(name),
    }
}
