//! Random changes to training pictures: one affine map and one smooth elastic displacement
//! a picture, in a single resampling.
//!
//! [`random_maps`] decides how each picture of a batch is changed. An [`Augmenter`] changes
//! them on any device, a [`HostAugmenter`] on the CPU; both make the same pictures.

mod device;
mod host;
mod maps;

pub use device::Augmenter;
pub use host::HostAugmenter;
pub use maps::{MAP, random_maps};
