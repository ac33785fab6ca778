//! Graphics adapters.

use std::fmt;

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
