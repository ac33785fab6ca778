//! The errors of devices.

use thiserror::Error;

use super::address::RemoteAddress;

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
    #[error("there is no gpu:{asked}: this machine has {found} adapter(s); see `train devices`")]
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
