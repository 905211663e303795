//! The attributes of images that have actions of their own.

use ec2_wire::{Xml, words};

/// The type of every product code: they are not sold through a marketplace.
pub(super) const PRODUCT_TYPE: &str = "devpay";

words! {
    /// An attribute of an image.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum ImageAttribute {
        /// What it is, for people.
        Description = "description",
        /// The kernel that it was bundled or registered with.
        Kernel = "kernel",
        /// The ramdisk that it was bundled or registered with.
        Ramdisk = "ramdisk",
        /// Who may launch it.
        LaunchPermission = "launchPermission",
        /// The product codes that its instances carry.
        ProductCodes = "productCodes",
        /// Its disks beside the root; VM types determine these, so there are none.
        BlockDeviceMapping = "blockDeviceMapping",
    }
}

/// Product codes of an image or an instance.
pub(super) fn encode_products(xml: &mut Xml, products: &[String]) {
    xml.list("productCodes", products, |xml, code| {
        xml.text("productCode", code);
        if xml.since(2012, 4, 1) {
            xml.text("type", PRODUCT_TYPE);
        }
    });
}
