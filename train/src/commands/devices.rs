//! `train devices`: what can compute, and whether it computes right.

use anyhow::{Result, ensure};
use glyphic_model::device::adapters;

use crate::{cli::DevicesArgs, self_test};

/// Lists the adapters, opens the chosen device and tests it.
pub fn run(arguments: DevicesArgs) -> Result<()> {
    let found = adapters();
    println!("cpu    CPU (burn-flex), {} threads", std::thread::available_parallelism()?);
    for (number, adapter) in found.iter().enumerate() {
        println!("gpu:{number}  {} ({}, {})", adapter.name, adapter.kind, adapter.api);
        println!("       driver {}; kernels through {}", adapter.driver, adapter.compiler);
    }
    if found.is_empty() {
        println!("No graphics adapter: wgpu sees no Vulkan, Metal or DirectX 12 driver.");
    }
    let device = arguments.common.device.open()?;
    println!("\n--device {} takes: {device}", arguments.common.device);
    if device.adapter.is_some() {
        println!("Testing it against the CPU; the first time this compiles its kernels …");
    }
    let report = self_test::compare(&device.device)?;
    println!("{report}");
    ensure!(report.passed(), "{device} computes wrongly; use another device, or update its driver");
    Ok(())
}
