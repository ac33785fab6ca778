//! Replaces `gpu.rs` if the feature `gpu` is off.

use std::path::Path;

use super::{adapter::Adapter, compute::ComputeDevice, error::DeviceError};

/// Whether this program was built with GPU support.
pub const HAS_GPU: bool = false;

/// Files that GPU drivers create: Linux's DRM, NVIDIA's, AMD's, and WSL's.
const DRIVER_FILES: [&str; 4] = ["/dev/dri/renderD128", "/dev/nvidia0", "/dev/kfd", "/dev/dxg"];

/// No adapters, because this program cannot use any.
pub fn adapters() -> Vec<Adapter> {
    Vec::new()
}

/// Never called, because there are no [`adapters`].
pub fn open(_: Adapter) -> Result<ComputeDevice, DeviceError> {
    Err(DeviceError::NoGpu)
}

/// The note with which `auto` chooses the CPU although the machine seems to have a GPU.
pub fn note_on_auto() -> Option<String> {
    let found = DRIVER_FILES.iter().any(|file| Path::new(file).exists());
    (found || cfg!(target_os = "macos")).then(|| {
        "this build has no GPU support: `cargo run --release --features gpu` has it".to_owned()
    })
}
