//! `--device auto` where there is a GPU: both devices are measured, and the one that answers more
//! under load serves.
//!
//! A small network may be faster on the CPU, because each batch has to be copied to a GPU first.
//! Under load requests pool into full batches, so those are compared.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use glyphic_model::{Classifier, Glyph, glyph::PIXELS};
use glyphic_runtime::{
    device::{ComputeDevice, DeviceChoice},
    registry::Registry,
};

/// Measurements whose median is taken, after some that do not count: a GPU compiles its kernels
/// during those.
const TIMES: usize = 15;
const WARM_UP: usize = 3;

/// How long a device takes for one picture and for a full batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    one: Duration,
    batch: Duration,
}

/// The device that was asked for. For `auto` it is the faster one of GPU and CPU for the promoted
/// checkpoint, with a note that says why.
///
/// # Errors
///
/// If it cannot be opened.
pub fn open(choice: &DeviceChoice, registry: &Registry, max_batch: usize) -> Result<ComputeDevice> {
    let device = choice.open()?;
    match *choice == DeviceChoice::Auto && !device.is_cpu() {
        true => Ok(faster(device, registry, max_batch)),
        false => Ok(device),
    }
}

/// This device, or the CPU if that reads full batches of the promoted checkpoint faster. A device
/// that fails is not used.
pub fn faster(gpu: ComputeDevice, registry: &Registry, max_batch: usize) -> ComputeDevice {
    let cpu = ComputeDevice::cpu();
    let measured = |device: &ComputeDevice| {
        // A lost device may panic inside its driver's bindings.
        let measured = catch_unwind(AssertUnwindSafe(|| {
            let checkpoint = registry.load(&registry.current()?, &device.device)?;
            Pace::of(&checkpoint.into_classifier(&device.device), max_batch)
        }));
        measured.unwrap_or_else(|_| Err(anyhow!("it panicked")))
    };
    // A checkpoint that the CPU cannot load cannot be loaded at all; starting the server reports
    // why.
    let Ok(here) = measured(&cpu) else { return gpu };
    let there = match measured(&gpu) {
        Ok(there) => there,
        Err(error) => {
            return ComputeDevice { note: Some(format!("{gpu} failed: {error}")), ..cpu };
        }
    };
    let note = |own: Pace, name: &str, other: Pace| {
        Some(format!(
            "{max_batch} pictures take {}, and {} on {name}; one takes {} and {}",
            ms(own.batch),
            ms(other.batch),
            ms(own.one),
            ms(other.one)
        ))
    };
    match there.batch < here.batch {
        true => ComputeDevice { note: note(there, "the CPU", here), ..gpu },
        false => ComputeDevice { note: note(here, &gpu.to_string(), there), ..cpu },
    }
}

impl Pace {
    fn of(classifier: &Classifier, max_batch: usize) -> Result<Self> {
        let glyphs = vec![Glyph::new([128; PIXELS]); max_batch];
        let median = |glyphs: &[Glyph]| -> Result<Duration> {
            let mut times = Vec::new();
            for _ in 0..WARM_UP + TIMES {
                let begun = Instant::now();
                classifier.classify(glyphs)?;
                times.push(begun.elapsed());
            }
            let measured = &mut times[WARM_UP..];
            measured.sort();
            Ok(measured[TIMES / 2])
        };
        Ok(Self { one: median(&glyphs[..1])?, batch: median(&glyphs)? })
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}
