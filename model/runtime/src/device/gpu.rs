//! The graphics adapters that wgpu can reach.

use burn::tensor::{
    Device, DeviceKind,
    wgpu::wgpu::{self, Backends, DeviceType},
};

use super::{
    adapter::{Adapter, AdapterKind},
    compute::ComputeDevice,
    error::DeviceError,
};

/// Whether this program was built with GPU support.
pub const HAS_GPU: bool = true;

/// The adapters of this machine, best kind first; `gpu:N` is the one at index N.
pub fn adapters() -> Vec<Adapter> {
    // burn chooses one graphics API and numbers the adapters within it: the first API with a real
    // GPU, otherwise the first with any adapter. This has to choose the same one.
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
        .filter_map(|adapter| self::adapter(adapter.get_info(), &mut seen))
        .collect();
    found.sort_by_key(|adapter| adapter.kind);
    found
}

/// burn identifies an adapter by its kind and its number within that kind; `seen` counts them.
/// `None` for an adapter that burn cannot identify: one of unknown kind, or a second software
/// adapter.
fn adapter(info: wgpu::AdapterInfo, seen: &mut [usize; 4]) -> Option<Adapter> {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => AdapterKind::Discrete,
        DeviceType::IntegratedGpu => AdapterKind::Integrated,
        DeviceType::VirtualGpu => AdapterKind::Virtual,
        DeviceType::Cpu => AdapterKind::Software,
        DeviceType::Other => return None,
    };
    let number = seen[kind as usize];
    seen[kind as usize] += 1;
    if kind == AdapterKind::Software && number > 0 {
        return None;
    }
    let spirv = cfg!(feature = "spirv") && info.backend == wgpu::Backend::Vulkan;
    Some(Adapter {
        name: info.name,
        kind,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        api: info.backend.to_string(),
        compiler: if spirv { "SPIR-V (cubecl)" } else { "WGSL (naga)" },
        number,
    })
}

/// Opens an adapter. An adapter can be opened only once per process.
pub fn open(adapter: Adapter) -> Result<ComputeDevice, DeviceError> {
    let kind = match adapter.kind {
        AdapterKind::Discrete => DeviceKind::DiscreteGpu(adapter.number),
        AdapterKind::Integrated => DeviceKind::IntegratedGpu(adapter.number),
        AdapterKind::Virtual => DeviceKind::VirtualGpu(adapter.number),
        AdapterKind::Software => DeviceKind::Cpu,
    };
    match Device::wgpu_options().device_kind(kind).init() {
        Ok(device) => {
            Ok(ComputeDevice { device, adapter: Some(adapter), remote: None, note: None })
        }
        Err(error) => Err(DeviceError::NotOpened { name: adapter.name, reason: error.to_string() }),
    }
}

/// The note with which `auto` chooses the CPU: none, because wgpu has looked for a GPU.
pub fn note_on_auto() -> Option<String> {
    None
}
