//! Devices that are ready for tensors.

use std::fmt;

use burn::tensor::Device;

use super::{adapter::Adapter, address::RemoteAddress};

/// A device that is ready for tensors, with a description of it.
#[derive(Clone, Debug)]
pub struct ComputeDevice {
    /// The burn device, without autodiff.
    pub device: Device,
    /// The adapter; `None` for the CPU and for remote devices.
    pub adapter: Option<Adapter>,
    /// Its address, if another machine lends it.
    pub remote: Option<RemoteAddress>,
    /// Why `auto` chose this device, if there was a choice.
    pub note: Option<String>,
}

impl ComputeDevice {
    /// Whether it is this machine's CPU.
    pub fn is_cpu(&self) -> bool {
        self.adapter.is_none() && self.remote.is_none()
    }

    /// This machine's CPU.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), adapter: None, remote: None, note: None }
    }
}

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { adapter: Some(Adapter { name, kind, api, .. }), note, .. } => {
                write!(f, "{name} ({kind}, {api})")?;
                note.iter().try_for_each(|note| write!(f, ", because {note}"))
            }
            Self { remote: Some(address), .. } => write!(f, "the device lent at {address}"),
            Self { note: Some(note), .. } => write!(f, "CPU, because {note}"),
            _ => f.write_str("CPU"),
        }
    }
}
