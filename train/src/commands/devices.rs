//! `train devices`: the devices that can compute, and whether the chosen one computes correctly.

use std::io::Write;

use anyhow::{Result, ensure};
use glyphic_runtime::device::{DeviceError, HAS_GPU, adapters};

use crate::{cli::Globals, self_test, waiting::Waiting};

/// Lists the adapters, opens the chosen device and tests it.
pub fn run(globals: &Globals) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let found = adapters();
    writeln!(out, "cpu    CPU, {} threads", std::thread::available_parallelism()?)?;
    for (number, adapter) in found.iter().enumerate() {
        writeln!(out, "gpu:{number}  {} ({}, {})", adapter.name, adapter.kind, adapter.api)?;
        writeln!(
            out,
            "       driver {}; kernels compiled by {}",
            adapter.driver, adapter.compiler
        )?;
    }
    if !HAS_GPU {
        writeln!(out, "No GPUs: {}.", DeviceError::NoGpu)?;
    } else if found.is_empty() {
        writeln!(out, "No graphics adapter: wgpu found no Vulkan, Metal or DirectX 12 driver.")?;
    }
    let choice = globals.device()?;
    let device = choice.open()?;
    writeln!(out, "\n--device {choice} is {device}")?;
    if device.adapter.is_some() || device.remote.is_some() {
        writeln!(out, "Comparing it with the CPU; a GPU has to compile its kernels first …")?;
    }
    let waiting = Waiting::on(&device);
    let test = self_test::compare(&device.device)?;
    drop(waiting);
    writeln!(out, "{test}")?;
    ensure!(
        test.passed(),
        "{device} computes wrong results: update its driver, or use another device"
    );
    Ok(())
}
