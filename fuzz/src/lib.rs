//! What must hold for everything that a stranger may send. Each function here takes one input and
//! panics when something does not hold; a target beside it feeds it.

mod conf;
mod disk_image;
mod manifest;
mod policy;
mod query;
mod soap;
mod user_data;
mod xml;

pub use crate::conf::conf;
pub use disk_image::disk_image;
pub use manifest::manifest;
pub use policy::policy;
pub use query::query;
pub use soap::soap;
pub use user_data::user_data;
pub use xml::xml;

/// Whether a text is fit for a message or a line of the log: bounded, and on one line.
fn is_short(text: &str) -> bool {
    text.len() < 1000 && !text.contains(char::is_control)
}
