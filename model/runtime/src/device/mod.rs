//! The choice of the device that computes: the user's words are parsed and checked, and the result
//! is a burn [`Device`]. GPUs need the feature `gpu`, devices of other machines the feature
//! `remote`; without them, the errors tell how to get a program that has them.

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

use std::{fmt, str::FromStr};

pub use burn::tensor::Device;
use thiserror::Error;

pub use gpu::{HAS_GPU, adapters};

/// The device that the user asks for: `auto`, `gpu`, `gpu:N`, `cpu` or `remote:ws://host:port[/N]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A real GPU if there is one, otherwise the CPU; never a software adapter.
    Auto,
    /// The adapter at this index in [`adapters`], or the best one. Software adapters count too.
    Gpu(Option<usize>),
    /// burn-flex on the CPU.
    Cpu,
    /// A device that another machine lends with `train lend`. Needs the cargo feature `remote`.
    Remote(RemoteAddress),
}

/// The address of a device that another machine lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    /// `ws://host:port`
    url: String,
    /// The number of the device among those lent there, from 0.
    number: usize,
}

/// The environment variable with the token that a lender requires.
pub const TOKEN_VARIABLE: &str = "GLYPHIC_REMOTE_TOKEN";

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

/// A graphics adapter that wgpu can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its name, as the driver gives it.
    pub name: String,
    /// Discrete, integrated, virtual, or software.
    pub kind: AdapterKind,
    /// Name and version of the driver.
    pub driver: String,
    /// The graphics API: Vulkan, Metal or Dx12.
    pub api: String,
    /// The compiler of its compute kernels.
    pub compiler: &'static str,
    /// Its number among the adapters of its kind, as burn counts them.
    pub number: usize,
}

/// The kind of an adapter, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A separate graphics card.
    Discrete,
    /// Part of the processor.
    Integrated,
    /// A GPU that a virtual machine gets from its host.
    Virtual,
    /// Not a GPU, but a driver that computes on the CPU, such as llvmpipe.
    Software,
}

/// Why no device could be opened.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The text is not `auto`, `gpu`, `gpu:N`, `cpu` or `remote:…`.
    #[error(
        "unknown device '{0}': use auto, gpu, gpu:N, cpu, or remote:ws://HOST:PORT for one that \
         another machine lends"
    )]
    Unknown(String),
    /// The program was built without GPU support.
    #[error(
        "this program was built without GPU support: run the server with `cargo run --release \
         --features gpu`, train with `cargo run --release --bin train`, or use --device cpu"
    )]
    NoGpu,
    /// The program was built without support for remote devices.
    #[error(
        "this program was built without support for remote devices: \
         build it with `cargo build --release --features remote`"
    )]
    NoRemote,
    /// The lender cannot be reached or rejects the connection.
    #[error("the device at {address} cannot be used: {reason}")]
    NotLent {
        /// The address asked for.
        address: RemoteAddress,
        /// The cause, and what to do about it.
        reason: String,
    },
    /// `gpu` was asked for, but there is no adapter of any kind.
    #[error(
        "no GPU found: wgpu sees no Vulkan, Metal or DirectX 12 adapter; \
         install the GPU's driver, or use --device cpu"
    )]
    NoAdapter,
    /// `gpu:N` was asked for, but there are not that many adapters.
    #[error("there is no gpu:{asked}: this machine has {found} adapter(s), see `train devices`")]
    NoSuchAdapter {
        /// The number asked for.
        asked: usize,
        /// The number of adapters.
        found: usize,
    },
    /// The adapter exists but could not be opened.
    #[error("'{name}' could not be opened: {reason}; update its driver, or use --device cpu")]
    NotOpened {
        /// The adapter's name.
        name: String,
        /// The message of wgpu.
        reason: String,
    },
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

impl FromStr for RemoteAddress {
    type Err = ();

    /// Parses `ws://host:port` or, for a device other than the first, `ws://host:port/N`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix("ws://").ok_or(())?;
        let (host, number) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), 0),
            Some((host, number)) => (host, number.parse().map_err(|_| ())?),
        };
        let (name, port) = host.rsplit_once(':').ok_or(())?;
        if name.is_empty() || port.parse::<u16>().is_err() {
            return Err(());
        }
        Ok(Self { url: format!("ws://{host}"), number })
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => f.write_str(&self.url),
            number => write!(f, "{}/{number}", self.url),
        }
    }
}

impl ComputeDevice {
    /// Whether it is this machine's CPU.
    pub fn is_cpu(&self) -> bool {
        self.adapter.is_none() && self.remote.is_none()
    }

    /// burn-flex on the CPU.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), adapter: None, remote: None, note: None }
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

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { adapter: Some(Adapter { name, kind, api, .. }), note, .. } => {
                write!(f, "{name} ({kind}, {api})")?;
                note.iter().try_for_each(|note| write!(f, ", because {note}"))
            }
            Self { remote: Some(address), .. } => write!(f, "the device lent at {address}"),
            Self { note: Some(note), .. } => write!(f, "CPU (burn-flex), because {note}"),
            _ => f.write_str("CPU (burn-flex)"),
        }
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Software => "software, on the CPU",
        })
    }
}
