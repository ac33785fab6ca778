//! Everything that decides what a run does. It is checked once, stored in the
//! run's state and in the checkpoint, and the same config and seed give the
//! same weights on the CPU, on one device.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// A training run's settings. [`TrainConfig::default`] is what the released
/// checkpoint was trained with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Passes over the training examples.
    pub epochs: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// The schedule's highest learning rate (AdamW).
    pub learning_rate: f64,
    /// Share of the run (0–1) in which the learning rate rises to its peak;
    /// then it falls along a half cosine to zero.
    pub warmup: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
    /// Probability mass (0–1) spread evenly over all labels.
    pub label_smoothing: f32,
    /// Share (0–1) of the training examples held back for validation.
    pub validation: f64,
    /// Seed of the weights, the order of the examples, and the augmentation.
    pub seed: u64,
    /// Share (0–1) of what is trained on that is synthetic handwriting of the labels.
    #[serde(default)]
    pub drawn: f32,
    /// Share (0–1) of what is trained on that is none of the labels.
    #[serde(default)]
    pub others: f32,
    /// How training pictures are varied.
    pub augmentation: Augmentation,
    /// A checkpoint whose answers are half of what is learned, beside the labels: distillation
    /// (Hinton, Vinyals and Dean, 2015).
    #[serde(default)]
    pub teacher: Option<String>,
}

/// Ranges of the random changes to each training picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Rotation, degrees either way.
    pub rotation: f32,
    /// Change of size on each axis, as a share either way.
    pub scale: f32,
    /// Slant, as the tangent of the angle, either way.
    pub shear: f32,
    /// Shift on each axis, pixels either way.
    pub shift: f32,
    /// Standard deviation of the elastic displacement's control points, pixels.
    pub elastic: f32,
    /// Share (0–1) of the pictures whose strokes grow or thin, by up to 0.7 of the way to the
    /// most or the least ink around.
    #[serde(default)]
    pub thickness: f32,
    /// Share (0–1) of the pictures that are blurred, by up to one step of 1 2 1.
    #[serde(default)]
    pub blur: f32,
    /// Share (0–1) of the pictures that lose a rectangle, 2 to 7 pixels a side.
    #[serde(default)]
    pub erase: f32,
    /// Share (0–1) of the pictures with grain on all pixels, of a standard deviation up to 32
    /// (of 255).
    #[serde(default)]
    pub noise: f32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 30,
            batch_size: 128,
            learning_rate: 4e-3,
            warmup: 0.2,
            weight_decay: 0.05,
            label_smoothing: 0.05,
            validation: 1.0 / 12.0,
            seed: 1,
            drawn: 0.2,
            others: 0.15,
            augmentation: Augmentation::default(),
            teacher: None,
        }
    }
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            rotation: 8.0,
            scale: 0.08,
            shear: 0.15,
            shift: 1.0,
            elastic: 0.45,
            // Gained nothing on the examples held back (LOG.md).
            thickness: 0.0,
            blur: 0.0,
            erase: 0.0,
            noise: 0.0,
        }
    }
}

impl Augmentation {
    /// No change to any picture.
    pub const NONE: Self = Self {
        rotation: 0.0,
        scale: 0.0,
        shear: 0.0,
        shift: 0.0,
        elastic: 0.0,
        thickness: 0.0,
        blur: 0.0,
        erase: 0.0,
        noise: 0.0,
    };
}

impl TrainConfig {
    /// These settings as they come back from a state's JSON. Its parser may be
    /// off by one in the last place of a long fraction; a run that has begun with
    /// what comes back is resumed with the same.
    pub fn settled(self) -> Result<Self> {
        let mut config = self;
        for _ in 0..16 {
            let again: Self = serde_json::from_str(&serde_json::to_string(&config)?)?;
            if again == config {
                break;
            }
            config = again;
        }
        Ok(config)
    }

    /// Checks every range, so that a run never fails halfway for its settings.
    pub fn check(&self) -> Result<()> {
        ensure!((1..=10_000).contains(&self.epochs), "--epochs must be 1 to 10000");
        ensure!((2..=65_536).contains(&self.batch_size), "--batch-size must be 2 to 65536");
        ensure!(
            self.learning_rate > 0.0 && self.learning_rate <= 1.0,
            "--learning-rate must be above 0 and at most 1"
        );
        ensure!((0.0..1.0).contains(&self.warmup), "--warmup must be at least 0 and below 1");
        ensure!((0.0..=1.0).contains(&self.weight_decay), "--weight-decay must be 0 to 1");
        ensure!(
            (0.0..1.0).contains(&self.label_smoothing),
            "--label-smoothing must be 0 to below 1"
        );
        ensure!(
            self.validation > 0.0 && self.validation < 1.0,
            "--validation must be between 0 and 1"
        );
        for (flag, value) in [("--drawn", self.drawn), ("--others", self.others)] {
            ensure!((0.0..=0.45).contains(&value), "{flag} must be 0 to 0.45");
        }
        let Augmentation { rotation, scale, shear, shift, elastic, .. } = self.augmentation;
        let Augmentation { thickness, blur, erase, noise, .. } = self.augmentation;
        for (flag, value, most) in [
            ("--rotation", rotation, 180.0),
            ("--scale", scale, 0.9),
            ("--shear", shear, 2.0),
            ("--shift", shift, 28.0),
            ("--elastic", elastic, 28.0),
            ("--thickness", thickness, 1.0),
            ("--blur", blur, 1.0),
            ("--erase", erase, 1.0),
            ("--noise", noise, 1.0),
        ] {
            ensure!((0.0..=most).contains(&value), "{flag} must be 0 to {most}");
        }
        Ok(())
    }

    /// The learning rate at `step` (from 0) of `steps`.
    pub fn learning_rate_at(&self, step: usize, steps: usize) -> f64 {
        let progress = (step as f64 + 0.5) / steps as f64;
        let share = if progress < self.warmup {
            progress / self.warmup
        } else {
            let fallen = (progress - self.warmup) / (1.0 - self.warmup);
            0.5 * (1.0 + (std::f64::consts::PI * fallen).cos())
        };
        self.learning_rate * share
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rejects_shares_beyond_one() {
        let augmentation = Augmentation { blur: 1.5, ..Augmentation::default() };
        let config = TrainConfig { augmentation, ..TrainConfig::default() };
        assert_eq!(config.check().unwrap_err().to_string(), "--blur must be 0 to 1");
    }
}
