//! The actions, called with really signed requests on a cloud in a temporary directory. Its
//! cluster controller is a stand-in that starts at once what it is told to.

mod decode;
mod front;
mod groups;
mod images;
mod instances;
mod key_pairs;
mod matrix;
mod world;
mod zones;
