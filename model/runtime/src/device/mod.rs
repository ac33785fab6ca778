//! The choice of the device that computes: the user's words are parsed and checked, and the result
//! is a burn [`Device`]. GPUs need the feature `gpu`, devices of other machines the feature
//! `remote`; without them, the errors tell how to get a program that has them.

mod adapter;
mod address;
mod compute;
mod error;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "no_gpu.rs"]
mod gpu;
#[cfg(feature = "remote")]
mod remote;
#[cfg(not(feature = "remote"))]
#[path = "no_remote.rs"]
mod remote;
mod session;

use std::{fmt, str::FromStr};

pub use burn::tensor::Device;

pub use adapter::{Adapter, AdapterKind};
pub use address::{RemoteAddress, TOKEN_VARIABLE};
pub use compute::ComputeDevice;
pub use error::DeviceError;
pub use gpu::{HAS_GPU, adapters};
pub use session::with_session_folder;

/// The device that the user asks for: `auto`, `gpu`, `gpu:N`, `cpu` or `remote:ws://host:port[/N]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A real GPU if there is one, otherwise the CPU; never a software adapter.
    Auto,
    /// The adapter at this index in [`adapters`], or the best one. Software adapters count too.
    Gpu(Option<usize>),
    /// This machine's CPU.
    Cpu,
    /// A device that another machine lends with `train lend`. Needs the cargo feature `remote`.
    Remote(RemoteAddress),
}

impl DeviceChoice {
    /// Opens the device. Call it once per process, because an adapter cannot be opened twice.
    ///
    /// # Errors
    /// There is no such device, it cannot be opened, or this program was built without it. `Auto`
    /// never fails.
    pub fn open(&self) -> Result<ComputeDevice, DeviceError> {
        match self {
            Self::Cpu => Ok(ComputeDevice::cpu()),
            Self::Remote(address) => remote::open(address.clone()),
            Self::Auto => {
                let real = adapters().into_iter().find(|a| a.kind != AdapterKind::Software);
                Ok(match real.map(gpu::open) {
                    None => ComputeDevice { note: gpu::note_on_auto(), ..ComputeDevice::cpu() },
                    Some(Ok(gpu)) => gpu,
                    Some(Err(error)) => {
                        ComputeDevice { note: Some(error.to_string()), ..ComputeDevice::cpu() }
                    }
                })
            }
            Self::Gpu(_) if !HAS_GPU => Err(DeviceError::NoGpu),
            Self::Gpu(number) => {
                let mut found = adapters();
                let asked = number.unwrap_or(0);
                match found.len() {
                    0 => Err(DeviceError::NoAdapter),
                    count if asked >= count => {
                        Err(DeviceError::NoSuchAdapter { asked, found: count })
                    }
                    _ => gpu::open(found.swap_remove(asked)),
                }
            }
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(word: &str) -> Result<Self, DeviceError> {
        match word {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(None)),
            _ => {
                let gpu = word.strip_prefix("gpu:").and_then(|number| number.parse().ok());
                let remote = word.strip_prefix("remote:").and_then(|url| url.parse().ok());
                gpu.map(|number| Self::Gpu(Some(number)))
                    .or(remote.map(Self::Remote))
                    .ok_or_else(|| DeviceError::Unknown(word.to_owned()))
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(number)) => write!(f, "gpu:{number}"),
            Self::Remote(address) => write!(f, "remote:{address}"),
        }
    }
}
