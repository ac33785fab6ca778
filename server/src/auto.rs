//! `--device auto` where there is a GPU: what answers more under load serves, by measurement.
//!
//! A small network may be read faster where the request is than on a GPU, which each batch
//! has to reach first. Under load requests pool into full batches, so those are compared.

use std::time::{Duration, Instant};

use anyhow::Result;
use glyphic_model::{
    Classifier, Glyph,
    checkpoint::Registry,
    device::{ComputeDevice, DeviceChoice},
    glyph::PIXELS,
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

/// This device, or the CPU if that reads full batches faster. A device that cannot be measured
/// is not used.
pub fn faster(gpu: ComputeDevice, registry: &Registry, max_batch: usize) -> ComputeDevice {
    let measured = |device: &ComputeDevice| {
        let classifier =
            registry.load(&registry.current()?, &device.device)?.into_classifier(&device.device);
        Pace::of(&classifier, max_batch)
    };
    let cpu = ComputeDevice::cpu();
    let (there, here) = match (measured(&gpu), measured(&cpu)) {
        (Ok(there), Ok(here)) => (there, here),
        (Err(error), _) => {
            return ComputeDevice { note: Some(format!("{gpu} failed: {error}")), ..cpu };
        }
        // Whoever serves the checkpoint will say what is wrong with it.
        (_, Err(_)) => return gpu,
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
