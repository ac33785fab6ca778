//! `train devices`: what can compute, and whether it computes right.

use std::io::Write;

use anyhow::{Result, ensure};
use glyphic_runtime::device::adapters;

use crate::{cli::DevicesArgs, self_test, waiting::Waiting};

/// Lists the adapters, opens the chosen device and tests it.
pub fn run(arguments: DevicesArgs) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let found = adapters();
    writeln!(out, "cpu    CPU (burn-flex), {} threads", std::thread::available_parallelism()?)?;
    for (number, adapter) in found.iter().enumerate() {
        writeln!(out, "gpu:{number}  {} ({}, {})", adapter.name, adapter.kind, adapter.api)?;
        writeln!(out, "       driver {}; kernels through {}", adapter.driver, adapter.compiler)?;
    }
    if found.is_empty() {
        writeln!(out, "No graphics adapter: wgpu sees no Vulkan, Metal or DirectX 12 driver.")?;
    }
    let choice = arguments.common.device;
    let device = choice.open()?;
    writeln!(out, "\n--device {choice} takes: {device}")?;
    if device.adapter.is_some() || device.remote.is_some() {
        writeln!(
            out,
            "Testing it against the CPU; on a GPU the first time compiles its kernels …"
        )?;
    }
    let waiting = Waiting::on(&device);
    let report = self_test::compare(&device.device)?;
    drop(waiting);
    writeln!(out, "{report}")?;
    ensure!(report.passed(), "{device} computes wrongly; use another device, or update its driver");
    Ok(())
}
