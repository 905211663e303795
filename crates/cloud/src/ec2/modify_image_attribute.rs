//! ModifyImageAttribute.

use super::call::{Call, Run};
use super::image_attribute::ImageAttribute;
use super::refusal::refuse;
use ec2_wire::{Action, Code, Error, Return, Text, Version, parameters, words};
use state::{ImageChange, Launcher};
use types::ImageId;

pub(super) struct ModifyImageAttribute;

parameters! {
    pub(super) struct Input {
        /// The image.
        image: ImageId = "ImageId", "imageId";
        /// The attribute to change, where the parameters below do not tell.
        attribute: Option<ImageAttribute> = "Attribute", "attribute";
        /// Whether the users and groups below get the launch permission or lose it.
        operation: Option<Operation> = "OperationType", "operationType";
        /// Users, by account number or name.
        users: Vec<Text<64>> = "UserId.N", "userIdSet/item/userId";
        /// Groups of users: all.
        groups: Vec<UserGroup> = "UserGroup.N", "userGroupSet/item/userGroup";
        /// Product codes to add.
        products: Vec<Text<64>> = "ProductCode.N", "productCodes/item/productCode";
        /// The new value of the attribute named by Attribute: description.
        value: Option<Text<255>> = "Value", "value", since (2009, 10, 31);
        /// Who gets the launch permission.
        add: Vec<Permission> =
            "LaunchPermission.Add.N", "launchPermission/add/item", since (2008, 12, 1);
        /// Who loses the launch permission.
        remove: Vec<Permission> =
            "LaunchPermission.Remove.N", "launchPermission/remove/item", since (2008, 12, 1);
        /// The new description.
        description: Option<Text<255>> =
            "Description.Value", "description/value", since (2009, 10, 31);
    }
}

parameters! {
    /// One launch permission: a user or a group.
    struct Permission {
        /// A user, by account number or name.
        user: Option<Text<64>> = "UserId", "userId";
        /// A group of users: all.
        group: Option<UserGroup> = "Group", "group";
    }
}

words! {
    /// Whether permissions are given or taken.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum Operation {
        /// Given.
        Add = "add",
        /// Taken.
        Remove = "remove",
    }
}

words! {
    /// The groups of users that EC2 knows.
    #[derive(Clone, Copy)]
    pub(super) enum UserGroup {
        /// Everybody.
        All = "all",
    }
}

impl Action for ModifyImageAttribute {
    const NAME: &'static str = "ModifyImageAttribute";
    const DOC: &'static str = "Changes who may launch an image, adds product codes to it, or sets \
                               its description: one of these in a call, by its owner.";
    const SINCE: Version = Version::new(2006, 10, 1);
    type Input = Input;
    type Output = Return;
}

impl Run for ModifyImageAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let image = input.image;
        let change = change(input)?;
        call.state().change_image(image, call.user.clone(), change).await.map_err(refuse)?;
        Ok(Return(true))
    }
}

/// The one change that the parameters ask for.
fn change(input: Input) -> Result<ImageChange, Error> {
    let permissions = [
        !input.users.is_empty(),
        !input.groups.is_empty(),
        !input.add.is_empty(),
        !input.remove.is_empty(),
    ];
    let given = [
        (ImageAttribute::LaunchPermission, permissions.contains(&true)),
        (ImageAttribute::ProductCodes, !input.products.is_empty()),
        (ImageAttribute::Description, input.description.is_some()),
    ];
    let mut named: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(it, _)| *it).collect();
    named.extend(input.attribute.filter(|attribute| !named.contains(attribute)));
    match named[..] {
        [ImageAttribute::LaunchPermission] => launch_permission(input),
        [ImageAttribute::ProductCodes] => product_codes(input),
        [ImageAttribute::Description] => {
            Ok(ImageChange::Description(input.description.or(input.value).map(Into::into)))
        }
        [_] => Err(Error::new(
            Code::UnsupportedOperation,
            "kernel, ramdisk and block device mapping of an image are set when it is bundled or \
             registered and cannot be changed",
        )),
        [] => Err(combination("No attributes specified.")),
        _ => {
            Err(combination("Fields for multiple attribute types specified: change one at a time"))
        }
    }
}

fn launch_permission(input: Input) -> Result<ImageChange, Error> {
    let (mut add, mut remove) = (launchers(input.add)?, launchers(input.remove)?);
    let users = input.users.into_iter().map(|user| Launcher::User(user.into()));
    let all = input.groups.first().map(|UserGroup::All| Launcher::All);
    let listed: Vec<_> = users.chain(all).collect();
    match input.operation {
        _ if listed.is_empty() => {}
        Some(Operation::Add) => add.extend(listed),
        Some(Operation::Remove) => remove.extend(listed),
        None => return Err(Error::missing("OperationType")),
    }
    if add.is_empty() && remove.is_empty() {
        return Err(combination("No launch permissions specified: name users or the group all"));
    }
    Ok(ImageChange::LaunchPermission { add, remove })
}

fn launchers(permissions: Vec<Permission>) -> Result<Vec<Launcher>, Error> {
    let launcher = |permission: Permission| match (permission.user, permission.group) {
        (Some(user), None) => Ok(Launcher::User(user.into())),
        (None, Some(UserGroup::All)) => Ok(Launcher::All),
        _ => Err(combination("a launch permission is for a UserId or for a Group")),
    };
    permissions.into_iter().map(launcher).collect()
}

fn product_codes(input: Input) -> Result<ImageChange, Error> {
    if input.operation == Some(Operation::Remove) {
        return Err(combination("product codes can be added to an image and not removed from it"));
    }
    if input.products.is_empty() {
        return Err(Error::missing("ProductCode"));
    }
    Ok(ImageChange::ProductCodes(input.products.into_iter().map(Into::into).collect()))
}

fn combination(message: &str) -> Error {
    Error::new(Code::InvalidParameterCombination, message)
}
