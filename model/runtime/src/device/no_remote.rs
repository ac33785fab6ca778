//! In place of `remote.rs` where the feature `remote` is off.

use super::{ComputeDevice, DeviceError, RemoteAddress};

/// Says how to get a program that can.
pub fn open(_: RemoteAddress) -> Result<ComputeDevice, DeviceError> {
    Err(DeviceError::NoRemote)
}
