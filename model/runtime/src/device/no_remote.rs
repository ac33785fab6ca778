//! Replaces `remote.rs` if the feature `remote` is off.

use super::{address::RemoteAddress, compute::ComputeDevice, error::DeviceError};

/// Fails with an error that tells how to build a program with remote devices.
pub fn open(_: RemoteAddress) -> Result<ComputeDevice, DeviceError> {
    Err(DeviceError::NoRemote)
}
