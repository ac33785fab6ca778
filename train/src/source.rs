//! Where a device's batches come from: examples are picked and augmented on the device itself
//! or, where that is the CPU, directly from the glyphs on all its threads. Both give the same
//! pictures.

use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_model::{
    Glyph,
    glyph::{MEAN, PIXELS, SIDE, STD},
    network::normalise,
};
use rayon::prelude::*;

use crate::{
    augment::{Augmenter, HostAugmenter, MAP},
    batches::{Batch, DeviceSet},
    config::Augmentation,
    example::Example,
};

/// A device's examples and their augmentation.
pub enum BatchSource {
    /// On the device: only indices and maps are sent to it.
    OnDevice(Box<(DeviceSet, Augmenter)>),
    /// On the CPU, a byte a pixel.
    OnHost {
        /// The examples.
        glyphs: Vec<Glyph>,
        /// Their labels.
        labels: Vec<i32>,
        /// Their augmentation; `None` if nothing is changed.
        augmenter: Option<HostAugmenter>,
    },
}

impl BatchSource {
    /// The examples, for batches on `device`.
    pub fn new(examples: &[Example], ranges: &Augmentation, device: &Device) -> Self {
        if *device != Device::flex() {
            let augmenter = Augmenter::new(ranges.clone(), device);
            return Self::OnDevice(Box::new((DeviceSet::new(examples, device), augmenter)));
        }
        Self::OnHost {
            glyphs: examples.iter().map(|example| example.glyph.clone()).collect(),
            labels: examples.iter().map(|example| example.label as i32).collect(),
            augmenter: (*ranges != Augmentation::NONE).then(HostAugmenter::new),
        }
    }

    /// The examples at these indices, each changed by its own map ([`MAP`] numbers) and
    /// normalised.
    pub fn batch(&self, indices: &[u32], maps: &[f32]) -> Batch {
        match self {
            Self::OnDevice(both) => {
                let (examples, augmenter) = both.as_ref();
                let batch = examples.pick(indices);
                Batch { pixels: normalise(augmenter.apply(batch.pixels, maps)), ..batch }
            }
            Self::OnHost { glyphs, labels, augmenter } => {
                let len = indices.len();
                let mut pixels = vec![0.0; len * PIXELS];
                let (pictures, _) = pixels.as_chunks_mut::<PIXELS>();
                let (maps, _) = maps.as_chunks::<MAP>();
                let pictures = pictures.par_iter_mut().zip(indices).enumerate();
                pictures.for_each(|(i, (picture, &index))| {
                    let ink = glyphs[index as usize].pixels();
                    match augmenter {
                        Some(augmenter) => augmenter.apply(ink, &maps[i], picture),
                        None => *picture = ink.map(f32::from),
                    }
                    picture.iter_mut().for_each(|ink| *ink = (*ink / 255.0 - MEAN) / STD);
                });
                let labels: Vec<i32> = indices.iter().map(|&i| labels[i as usize]).collect();
                let device = Device::flex();
                let pixels = TensorData::new(pixels, [len, 1, SIDE, SIDE]);
                Batch {
                    pixels: Tensor::from_data(pixels, &device),
                    labels: Tensor::<1, Int>::from_data(TensorData::new(labels, [len]), &device),
                }
            }
        }
    }
}
