//! DescribeImages.

use super::call::{Call, Run};
use super::image_attribute::{PRODUCT_TYPE, encode_products};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::tag_specification;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Text, Xml, check_filters, filterable,
    parameters, passes,
};
use state::{Image, TagMap};
use types::{AccountId, Boot, ImageId, ImageKind, Tags};

pub(super) struct DescribeImages;

parameters! {
    pub(super) struct Input {
        /// The images to show; all when none is named.
        ids: Vec<ImageId> = "ImageId.N", "imagesSet/item/imageId";
        /// Shows only images of these owners: `self`, an account number or a user's name.
        owners: Vec<Text<64>> = "Owner.N", "ownersSet/item/owner";
        /// Shows only images that these may launch: `self`, `all`, an account number or a name.
        launchers: Vec<Text<64>> = "ExecutableBy.N", "executableBySet/item/user";
        /// Shows only images with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
        /// Whether deprecated images are shown too; here none is ever deprecated.
        _deprecated: Option<bool> = "IncludeDeprecated", "includeDeprecated", since (2016, 11, 15);
        /// Whether disabled images are shown too; here none is ever disabled.
        _disabled: Option<bool> = "IncludeDisabled", "includeDisabled", since (2016, 11, 15);
        /// The most images of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

/// What runs the instances.
const HYPERVISOR: &str = "kvm";

pub(super) struct Output {
    images: Vec<Image>,
    tags: TagMap,
    next: Option<String>,
}

/// How ids of images begin.
const PREFIXES: [&str; 3] =
    [ImageKind::Machine.prefix(), ImageKind::Kernel.prefix(), ImageKind::Ramdisk.prefix()];

/// An image, to be filtered.
struct Shown<'a> {
    image: &'a Image,
    tags: Tags,
}

filterable! {
    Shown<'_>, tagged by shown.tags: |shown, values| {
        "architecture" => values.add(&shown.image.architecture),
        "creation-date" => values.add(shown.image.registered_at),
        "description" => values.all(&shown.image.description),
        "ena-support" => values.add(false),
        "hypervisor" => values.add(HYPERVISOR),
        "image-id" => values.add(shown.image.id),
        "image-type" => values.add(shown.image.id.kind().as_str()),
        "is-public" => values.add(shown.image.public),
        "kernel-id" => values.all(shown.image.kernel),
        "manifest-location" => values.add(&shown.image.location),
        "name" => values.all(&shown.image.name),
        "owner-id" => values.add(shown.image.account),
        "platform-details" => values.add("Linux/UNIX"),
        "product-code" => values.all(&shown.image.products),
        "product-code.type" => values.all(shown.image.products.first().map(|_| PRODUCT_TYPE)),
        "ramdisk-id" => values.all(shown.image.ramdisk),
        "root-device-name" => values.add(super::reservation::ROOT_DEVICE),
        "root-device-type" => values.add("instance-store"),
        "state" => values.add("available"),
        "usage-operation" => values.add("RunInstances"),
        "virtualization-type" => values.add("hvm"),
    }
}

impl Action for DescribeImages {
    const NAME: &'static str = "DescribeImages";
    const DOC: &'static str = "Shows the images that the caller may launch.";
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeImages {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let mut images = call.state().images_for(call.user).await.map_err(refuse)?;
        if let Some(id) = input.ids.iter().find(|id| !images.iter().any(|i| i.id == **id)) {
            let message = format!("The image id '[{id}]' does not exist");
            return Err(Error::new(Code::InvalidAmiIdNotFound, message));
        }
        images.retain(|image| input.ids.is_empty() || input.ids.contains(&image.id));
        if !input.owners.is_empty() {
            let owners = accounts(call, &input.owners).await?;
            images.retain(|image| owners.contains(&image.account));
        }
        if !input.launchers.is_empty() {
            images = launchable_by(call, images, &input.launchers).await?;
        }
        let tags = call.state().tags(call.user.account, &PREFIXES).await.map_err(refuse)?;
        images.retain(|image| passes(&Shown { image, tags: tags.of(image.id) }, &input.filters));
        let (images, next) = cut(page, images, |image| image.id.to_string());
        Ok(Output { images, tags, next })
    }
}

/// The accounts that these words name. Who does not exist owns nothing.
async fn accounts(call: &Call<'_>, words: &[Text<64>]) -> Result<Vec<AccountId>, Error> {
    let mut accounts = Vec::new();
    for word in words.iter().map(Text::as_str) {
        accounts.extend(match (word, word.parse()) {
            ("self", _) => Some(call.user.account),
            (_, Ok(number)) => Some(number),
            _ => {
                let user = call.state().user_by_name(word).await.map_err(refuse)?;
                user.map(|user| user.account)
            }
        });
    }
    Ok(accounts)
}

/// Those of the visible images that one of these may launch: `self` may launch all that is
/// visible, `all` what is public; of others the owner alone sees what they were permitted.
async fn launchable_by(
    call: &Call<'_>,
    images: Vec<Image>,
    words: &[Text<64>],
) -> Result<Vec<Image>, Error> {
    if words.iter().any(|word| word.as_str() == "self") {
        return Ok(images);
    }
    let all = words.iter().any(|word| word.as_str() == "all");
    let accounts = accounts(call, words).await?;
    let permitted = call.state().launch_permissions(call.user).await.map_err(refuse)?;
    let may = |account: &AccountId, image: &Image| {
        let number = permitted.get(&image.id).is_some_and(|numbers| numbers.contains(account));
        number || *account == image.account
    };
    let launchable = |image: &Image| {
        let own = call.user.admin || image.account == call.user.account;
        (all && image.public) || (own && accounts.iter().any(|account| may(account, image)))
    };
    Ok(images.into_iter().filter(launchable).collect())
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("imagesSet", &self.images, |xml, image| {
            encode_image(xml, image, &self.tags.of(image.id));
        });
        xml.maybe("nextToken", self.next.as_ref());
    }
}

fn encode_image(xml: &mut Xml, image: &Image, tags: &Tags) {
    xml.text("imageId", image.id);
    xml.text("imageLocation", &image.location);
    xml.text("imageState", "available");
    xml.text("imageOwnerId", image.account);
    if xml.since(2013, 10, 15) {
        xml.text("creationDate", image.registered_at);
    }
    xml.text("isPublic", image.public);
    encode_products(xml, &image.products);
    xml.text("architecture", &image.architecture);
    xml.text("imageType", image.id.kind().as_str());
    xml.maybe("kernelId", image.kernel);
    xml.maybe("ramdiskId", image.ramdisk);
    if xml.since(2016, 11, 15) {
        xml.text("platformDetails", "Linux/UNIX");
        xml.text("usageOperation", "RunInstances");
    }
    if xml.since(2009, 10, 31) {
        xml.maybe("name", image.name.as_ref());
        xml.maybe("description", image.description.as_ref());
        xml.text("rootDeviceType", "instance-store");
        xml.text("rootDeviceName", super::reservation::ROOT_DEVICE);
        xml.empty("blockDeviceMapping");
    }
    if xml.since(2010, 8, 31) {
        xml.text("virtualizationType", "hvm");
        tag_specification::encode(xml, tags);
    }
    if xml.since(2010, 11, 15) {
        xml.text("hypervisor", HYPERVISOR);
    }
    if xml.since(2016, 11, 15) {
        xml.text("enaSupport", false);
        xml.maybe("bootMode", boot_mode(image.boot));
    }
}

/// How an image boots in EC2's words; a kernel that is loaded for a filesystem has none.
const fn boot_mode(boot: Boot) -> Option<&'static str> {
    match boot {
        Boot::Kernel => None,
        Boot::Bios => Some("legacy-bios"),
        Boot::Uefi => Some("uefi"),
    }
}
