//! Which device computes: asked for once, checked once, and from then on a
//! plain burn [`Device`].

use std::{fmt, str::FromStr};

pub use burn::tensor::Device;
use burn::tensor::{
    DeviceKind,
    wgpu::wgpu::{self, Backends, DeviceType},
};
use thiserror::Error;

/// What the user asks for: `auto`, `gpu`, `gpu:N`, `cpu` or `remote:ws://host:port[/N]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A real GPU if there is one, else the CPU; never a software adapter.
    Auto,
    /// The adapter of this number in [`adapters`]; without one, the best.
    /// Software adapters count too.
    Gpu(Option<usize>),
    /// burn-flex on the CPU.
    Cpu,
    /// A device that another machine lends (`train lend`). Needs the cargo feature
    /// `remote`.
    Remote(RemoteAddress),
}

/// Where a lent device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    /// `ws://host:port`
    url: String,
    /// Which of the devices that are lent there, from 0.
    number: usize,
}

/// The environment variable with the token that a lender asks for.
pub const TOKEN_VARIABLE: &str = "GLYPHIC_REMOTE_TOKEN";

/// A device that is ready for tensors, and what to call it.
#[derive(Clone, Debug)]
pub struct ComputeDevice {
    /// The burn device, without autodiff.
    pub device: Device,
    /// The adapter; `None` on the CPU and far away.
    pub adapter: Option<Adapter>,
    /// Where it is, if another machine lends it.
    pub remote: Option<RemoteAddress>,
    /// Why `auto` took this one, where there was a choice.
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
    /// What compiles the compute kernels for it.
    pub compiler: &'static str,
    handle: DeviceKind,
}

/// The kind of an adapter, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A card of its own.
    Discrete,
    /// Part of the processor.
    Integrated,
    /// A share of another machine's card.
    Virtual,
    /// No GPU: a driver that computes on the CPU, such as llvmpipe.
    Software,
}

/// Why no device could be opened.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The word is none of `auto`, `gpu`, `gpu:N`, `cpu`, `remote:…`.
    #[error(
        "unknown device '{0}': use auto, gpu, gpu:N, cpu, or remote:ws://HOST:PORT for one that \
         another machine lends"
    )]
    Unknown(String),
    /// The program cannot reach other machines' devices.
    #[error(
        "this program was built without remote devices: build it with `cargo build --release \
         --features remote`"
    )]
    NoRemote,
    /// The lender cannot be reached, or refuses.
    #[error("the device at {address} cannot be used: {reason}")]
    NotLent {
        /// What was asked for.
        address: RemoteAddress,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// `gpu` was asked for and there is no adapter of any kind.
    #[error(
        "no GPU found: wgpu sees no Vulkan, Metal or DirectX 12 adapter; \
         install the GPU's driver, or use --device cpu"
    )]
    NoAdapter,
    /// `gpu:N` is beyond the list.
    #[error("there is no gpu:{asked}: this machine has {found} adapter(s), see `train devices`")]
    NoSuchAdapter {
        /// The number asked for.
        asked: usize,
        /// How many there are.
        found: usize,
    },
    /// The adapter is there and could not be opened.
    #[error("'{name}' could not be opened: {reason}; update its driver, or use --device cpu")]
    NotOpened {
        /// The adapter's name.
        name: String,
        /// What wgpu says.
        reason: String,
    },
}

/// The adapters of this machine, best kind first; `gpu:N` counts in this order.
pub fn adapters() -> Vec<Adapter> {
    // burn settles on one graphics API and counts adapters within it: the first
    // with a real GPU, else the first with any adapter.
    let apis = [Backends::VULKAN, Backends::METAL, Backends::DX12].map(adapters_of);
    let real = |found: &&Vec<Adapter>| found.iter().any(|a| a.kind != AdapterKind::Software);
    let any = |found: &&Vec<Adapter>| !found.is_empty();
    let chosen = apis.iter().find(real).or_else(|| apis.iter().find(any));
    chosen.cloned().unwrap_or_default()
}

fn adapters_of(api: Backends) -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: api,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut seen = [0; 4];
    let mut found: Vec<Adapter> = pollster::block_on(instance.enumerate_adapters(api))
        .iter()
        .filter_map(|adapter| Adapter::from_info(adapter.get_info(), &mut seen))
        .collect();
    found.sort_by_key(|adapter| adapter.kind);
    found
}

impl Adapter {
    /// burn names an adapter by its kind and its number within that kind;
    /// `seen` counts them. `None` for an adapter that burn cannot name: one of
    /// unknown kind, or a second software adapter.
    fn from_info(info: wgpu::AdapterInfo, seen: &mut [usize; 4]) -> Option<Self> {
        let mut number = |kind: usize| {
            seen[kind] += 1;
            seen[kind] - 1
        };
        let (kind, handle) = match info.device_type {
            DeviceType::DiscreteGpu => (AdapterKind::Discrete, DeviceKind::DiscreteGpu(number(0))),
            DeviceType::IntegratedGpu => {
                (AdapterKind::Integrated, DeviceKind::IntegratedGpu(number(1)))
            }
            DeviceType::VirtualGpu => (AdapterKind::Virtual, DeviceKind::VirtualGpu(number(2))),
            DeviceType::Cpu if number(3) == 0 => (AdapterKind::Software, DeviceKind::Cpu),
            DeviceType::Cpu => return None,
            DeviceType::Other => return None,
        };
        let compiler = if cfg!(feature = "spirv") && info.backend == wgpu::Backend::Vulkan {
            "SPIR-V (cubecl)"
        } else {
            "WGSL (naga)"
        };
        Some(Self {
            name: info.name,
            kind,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            api: info.backend.to_string(),
            compiler,
            handle,
        })
    }

    fn open(self) -> Result<ComputeDevice, DeviceError> {
        let device = Device::wgpu_options().device_kind(self.handle.clone()).init();
        match device {
            Ok(device) => {
                Ok(ComputeDevice { device, adapter: Some(self), remote: None, note: None })
            }
            Err(error) => {
                Err(DeviceError::NotOpened { name: self.name, reason: error.to_string() })
            }
        }
    }
}

impl DeviceChoice {
    /// Opens the device. Call it once in a process: an adapter cannot be
    /// opened twice.
    pub fn open(&self) -> Result<ComputeDevice, DeviceError> {
        match self {
            Self::Cpu => Ok(ComputeDevice::cpu()),
            Self::Remote(address) => address.clone().open(),
            Self::Auto => {
                let real = adapters().into_iter().find(|a| a.kind != AdapterKind::Software);
                Ok(match real.map(Adapter::open) {
                    None => ComputeDevice::cpu(),
                    Some(Ok(gpu)) => gpu,
                    Some(Err(error)) => {
                        ComputeDevice { note: Some(error.to_string()), ..ComputeDevice::cpu() }
                    }
                })
            }
            Self::Gpu(number) => {
                let mut found = adapters();
                let asked = number.unwrap_or(0);
                match found.len() {
                    0 => Err(DeviceError::NoAdapter),
                    count if asked >= count => {
                        Err(DeviceError::NoSuchAdapter { asked, found: count })
                    }
                    _ => found.swap_remove(asked).open(),
                }
            }
        }
    }
}

impl RemoteAddress {
    #[cfg(not(feature = "remote"))]
    fn open(self) -> Result<ComputeDevice, DeviceError> {
        Err(DeviceError::NoRemote)
    }

    #[cfg(feature = "remote")]
    fn open(self) -> Result<ComputeDevice, DeviceError> {
        let token = std::env::var(TOKEN_VARIABLE).unwrap_or_default();
        self.connect(&token)
    }

    /// Connects with the lender's token.
    #[cfg(feature = "remote")]
    pub fn connect(self, token: &str) -> Result<ComputeDevice, DeviceError> {
        use burn::remote::{ConnectError, RemoteHost};

        let host = RemoteHost::websocket(&self.url).with_credential(token);
        match Device::remote_options(&host).device_index(self.number).init() {
            Ok(device) => {
                Ok(ComputeDevice { device, adapter: None, remote: Some(self), note: None })
            }
            Err(error) => {
                let advice = match error {
                    ConnectError::Unauthorized => {
                        format!("; set {TOKEN_VARIABLE} to the lender's token")
                    }
                    ConnectError::Unreachable { .. } => "; `train lend` lends one".to_owned(),
                    ConnectError::NoSuchDevice { .. } => "; they count from 0".to_owned(),
                    _ => String::new(),
                };
                Err(DeviceError::NotLent { reason: format!("{error}{advice}"), address: self })
            }
        }
    }
}

impl FromStr for RemoteAddress {
    type Err = ();

    /// `ws://host:port`, with `/N` behind it for a device other than the first.
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
    /// Whether it is this machine's CPU through burn-flex.
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
