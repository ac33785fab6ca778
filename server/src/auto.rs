//! `--device auto` where there is a GPU: what answers more under load serves, by measurement.
//!
//! A small network may be read faster where the request is than on a GPU, which each batch
//! has to reach first. Under load requests pool into full batches, so those are compared.

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

/// Measurements of which the median counts, and those before that do not: a GPU compiles its
/// kernels then.
const TIMES: usize = 15;
const WARM_UP: usize = 3;

/// How long a device takes for one picture and for a full batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    one: Duration,
    batch: Duration,
}

/// The device that was asked for; for `auto`, the faster one of GPU and CPU for the promoted
/// checkpoint, with why.
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

/// This device, or the CPU if that reads full batches faster with the promoted checkpoint.
/// A device that fails at it is not used.
pub fn faster(gpu: ComputeDevice, registry: &Registry, max_batch: usize) -> ComputeDevice {
    let cpu = ComputeDevice::cpu();
    let measured = |device: &ComputeDevice| {
        // A driver that is lost may panic inside its bindings.
        let measured = catch_unwind(AssertUnwindSafe(|| {
            let checkpoint = registry.load(&registry.current()?, &device.device)?;
            Pace::of(&checkpoint.into_classifier(&device.device), max_batch)
        }));
        measured.unwrap_or_else(|_| Err(anyhow!("it panicked")))
    };
    // What cannot be read here cannot be read there: whoever serves will say what is wrong.
    let Ok(here) = measured(&cpu) else { return gpu };
    let there = match measured(&gpu) {
        Ok(there) => there,
        Err(error) => {
            return ComputeDevice { note: Some(format!("{gpu} failed: {error}")), ..cpu };
        }
    };
    let note = |own: Pace, name: &str, other: Pace| {
        Some(format!(
            "{max_batch} pictures take {}, on {name} {}; one takes {} and {}",
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
