//! In place of `gpu.rs` where the feature `gpu` is off.

use std::path::Path;

use super::{Adapter, ComputeDevice, DeviceError};

/// Whether this program can compute on GPUs.
pub const HAS_GPU: bool = false;

/// Files that a GPU's driver makes: Linux's DRM, NVIDIA's, AMD's, and WSL's.
const DRIVER_FILES: [&str; 4] = ["/dev/dri/renderD128", "/dev/nvidia0", "/dev/kfd", "/dev/dxg"];

/// None: this program cannot reach any.
pub fn adapters() -> Vec<Adapter> {
    Vec::new()
}

/// Never called, because there are no [`adapters`].
pub fn open(_: Adapter) -> Result<ComputeDevice, DeviceError> {
    Err(DeviceError::NoGpu)
}

/// What `auto` says where it takes the CPU although the machine seems to have a GPU.
pub fn note_on_auto() -> Option<String> {
    let shown = DRIVER_FILES.iter().any(|file| Path::new(file).exists());
    (shown || cfg!(target_os = "macos")).then(|| {
        "this build has no GPU support: `cargo run --release --features gpu` has it".to_owned()
    })
}
