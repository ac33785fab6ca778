//! The settings of a training run, which are also the options of the command line and the
//! names in a sweep's file. They are checked once, stored in the run's state and in the
//! checkpoint, and the same settings and seed give the same weights on the CPU, on one device.

use anyhow::{Result, ensure};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use glyphic_model::{checkpoint::Manifest, preprocess::Pictures};
use serde::{Deserialize, Serialize};

/// A training run's settings. [`TrainConfig::default`] is the recipe of the released
/// checkpoint.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Passes over the training examples.
    #[arg(long, default_value_t = TrainConfig::default().epochs)]
    pub epochs: usize,
    /// Examples per step.
    #[arg(long, default_value_t = TrainConfig::default().batch_size)]
    pub batch_size: usize,
    /// Highest learning rate of the schedule (AdamW).
    #[arg(long, default_value_t = TrainConfig::default().learning_rate)]
    pub learning_rate: f64,
    /// Share (0–1) of the run during which the learning rate rises to its highest value; then it
    /// falls to zero along a half cosine.
    #[arg(long, default_value_t = TrainConfig::default().warmup)]
    pub warmup: f64,
    /// AdamW's decoupled weight decay.
    #[arg(long, default_value_t = TrainConfig::default().weight_decay)]
    pub weight_decay: f32,
    /// Probability mass (0–1) spread evenly over all labels.
    #[arg(long, default_value_t = TrainConfig::default().label_smoothing)]
    pub label_smoothing: f32,
    /// Share (0–1) of the training examples held back for validation.
    #[arg(long, default_value_t = TrainConfig::default().validation)]
    pub validation: f64,
    /// Seed of the weights, the order of the examples, and the augmentation.
    #[arg(long, default_value_t = TrainConfig::default().seed)]
    pub seed: u64,
    /// Share (0–1) of the training examples that are synthetic handwriting of the labels.
    #[arg(
        long, alias = "drawn", default_value_t = TrainConfig::default().synthetic,
        default_value_if("pictures", "whole", "0")
    )]
    #[serde(default, alias = "drawn")]
    pub synthetic: f32,
    /// Share (0–1) of the training examples that are negatives: synthetic pictures that are out of
    /// distribution, which the network learns to reject.
    #[arg(
        long, alias = "others", default_value_t = TrainConfig::default().negatives,
        default_value_if("pictures", "whole", "0")
    )]
    #[serde(default, alias = "others")]
    pub negatives: f32,
    /// How training pictures are varied.
    #[command(flatten)]
    pub augmentation: Augmentation,
    /// Checkpoint with the same labels whose answers count as much as the labels: distillation
    /// (Hinton, Vinyals and Dean, 2015).
    #[arg(long, value_name = "ID")]
    #[serde(default)]
    pub teacher: Option<String>,
    /// What the pictures are: `ink` on paper, which is found and framed as MNIST's digits are, or
    /// `whole`: pictures as they are, whose subject may reach the edge. Nothing is drawn for whole
    /// pictures, so --synthetic and --negatives are 0 then, and so are --rotation, --shear and
    /// --elastic unless they are given.
    #[arg(long, value_name = "KIND", default_value = Pictures::NAMES[0], value_parser = pictures())]
    #[serde(default, skip_serializing_if = "Pictures::is_ink")]
    pub pictures: Pictures,
}

/// Reads the name of a kind of pictures.
pub(crate) fn pictures() -> impl TypedValueParser<Value = Pictures> {
    let named = |name: String| Pictures::ALL.into_iter().find(|kind| kind.name() == name);
    PossibleValuesParser::new(Pictures::NAMES).map(move |name| named(name).unwrap_or_default())
}

/// Declares [`Augmentation`], with a line for each change: its description, the option's name,
/// its default, that for whole pictures, and its highest value. All that a new change needs beside its line here is the
/// code that makes it, in `augment`.
macro_rules! augmentation {
    ($(
        $(#[$description:meta])*
        $name:ident = $default:literal, whole $whole:literal, at most $highest:literal;
    )*) => {
        /// Ranges of the random changes to each training picture.
        #[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
        pub struct Augmentation {
            $(
                $(#[$description])*
                // A checkpoint that does not name it was trained without it.
                #[serde(default)]
                #[arg(
                    long, default_value_t = $default,
                    default_value_if("pictures", "whole", stringify!($whole))
                )]
                pub $name: f32,
            )*
        }

        impl Default for Augmentation {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Augmentation {
            /// The default for whole pictures.
            const WHOLE: Self = Self { $($name: $whole,)* };
            /// No change to any picture.
            pub const NONE: Self = Self { $($name: 0.0,)* };

            /// Checks every range.
            fn check(&self) -> Result<()> {
                $(ensure!(
                    (0.0..=$highest).contains(&self.$name),
                    "--{} must be 0 to {}",
                    stringify!($name).replace('_', "-"),
                    $highest
                );)*
                Ok(())
            }
        }
    };
}

augmentation! {
    /// Rotation, degrees either way.
    rotation = 8.0, whole 0.0, at most 180.0;
    /// Change of size on each axis, as a share either way.
    scale = 0.08, whole 0.08, at most 0.9;
    /// Slant, as the tangent of the angle, either way.
    shear = 0.15, whole 0.0, at most 2.0;
    /// Shift on each axis, pixels either way.
    shift = 1.0, whole 1.0, at most 28.0;
    /// Standard deviation of the elastic displacement's control points, pixels.
    elastic = 0.45, whole 0.0, at most 28.0;
    /// Share (0–1) of the pictures that are not changed at all: every change blurs a little, and what is
    /// read is not blurred.
    unchanged = 0.1, whole 0.0, at most 1.0;
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
            synthetic: 0.25,
            negatives: 0.22,
            augmentation: Augmentation::default(),
            teacher: None,
            pictures: Pictures::Ink,
        }
    }
}

impl TrainConfig {
    /// The default recipe for these pictures. What is drawn with a pen, and changed as handwriting
    /// differs, is like no whole picture.
    pub fn default_for(pictures: Pictures) -> Self {
        match pictures {
            Pictures::Ink => Self::default(),
            Pictures::Whole => Self {
                pictures,
                synthetic: 0.0,
                negatives: 0.0,
                augmentation: Augmentation::WHOLE,
                ..Self::default()
            },
        }
    }

    /// The settings that a checkpoint was trained with. A checkpoint of another program need
    /// not say; then it is the default recipe.
    pub fn of(manifest: &Manifest) -> Self {
        let pictures = manifest.pictures;
        let recorded = serde_json::from_value(manifest.training.clone());
        Self { pictures, ..recorded.unwrap_or_else(|_| Self::default_for(pictures)) }
    }

    /// Checks every range, so that a run never fails halfway because of its settings.
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
            "--label-smoothing must be at least 0 and below 1"
        );
        ensure!(
            self.validation > 0.0 && self.validation < 1.0,
            "--validation must be between 0 and 1"
        );
        for (flag, value) in [("--synthetic", self.synthetic), ("--negatives", self.negatives)] {
            ensure!((0.0..=0.45).contains(&value), "{flag} must be 0 to 0.45");
            ensure!(
                value == 0.0 || self.pictures.is_ink(),
                "{flag} must be 0 with --pictures whole: its examples are drawn with a pen"
            );
        }
        self.augmentation.check()?;
        // The state is JSON, and its parser may change the last digit of a long fraction: the
        // resumed run would not end in the weights of an uninterrupted one.
        let resumed: Self = serde_json::from_str(&serde_json::to_string(self)?)?;
        ensure!(
            resumed == *self,
            "--learning-rate, --warmup and --validation may have at most 15 digits"
        );
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
    fn rejects_ranges_beyond_the_highest() {
        let augmentation = Augmentation { shear: 2.5, ..Augmentation::default() };
        let config = TrainConfig { augmentation, ..TrainConfig::default() };
        assert_eq!(config.check().unwrap_err().to_string(), "--shear must be 0 to 2");
        TrainConfig::default().check().unwrap();
    }

    #[test]
    fn rejects_fractions_that_a_resumed_run_would_not_find_again() {
        let config =
            TrainConfig { learning_rate: 0.001_215_474_250_076_285_9, ..TrainConfig::default() };
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("at most 15 digits"), "{error}");
    }

    #[test]
    fn settings_of_older_versions_are_read() {
        // With the old names of two settings, and changes of the ink that are gone.
        let old = r#"{
            "epochs": 12, "batch_size": 64, "learning_rate": 0.004, "warmup": 0.2,
            "weight_decay": 0.05, "label_smoothing": 0.05, "validation": 0.08333333333333333,
            "seed": 3, "drawn": 0.1, "others": 0.3,
            "augmentation": {
                "rotation": 8.0, "scale": 0.08, "shear": 0.15, "shift": 1.0, "elastic": 0.45,
                "thickness": 0.3, "blur": 0.2, "erase": 0.2, "noise": 0.2
            },
            "teacher": null
        }"#;
        let config: TrainConfig = serde_json::from_str(old).unwrap();
        assert_eq!((config.synthetic, config.negatives), (0.1, 0.3));
        let augmentation = Augmentation { unchanged: 0.0, ..Augmentation::default() };
        assert_eq!(config.augmentation, augmentation);
    }

    #[test]
    fn settings_that_do_not_name_a_share_have_no_synthetic_examples() {
        let mut older = serde_json::to_value(TrainConfig::default()).unwrap();
        let settings = older.as_object_mut().unwrap();
        settings.remove("synthetic");
        settings.remove("negatives");
        let config: TrainConfig = serde_json::from_value(older).unwrap();
        assert_eq!((config.synthetic, config.negatives), (0.0, 0.0));
    }

    #[test]
    fn settings_say_what_the_pictures_are_only_if_they_are_whole() {
        let text = |config: &TrainConfig| serde_json::to_string(config).unwrap();
        assert!(!text(&TrainConfig::default()).contains("pictures"));
        let whole = TrainConfig::default_for(Pictures::Whole);
        whole.check().unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&text(&whole)).unwrap(), whole);
        let drawn = TrainConfig { negatives: 0.1, ..whole };
        let error = drawn.check().unwrap_err().to_string();
        assert!(error.contains("--negatives must be 0 with --pictures whole"), "{error}");
    }

    #[test]
    fn every_setting_is_an_option_with_the_default_recipe() {
        use clap::{Command, FromArgMatches};

        let command = TrainConfig::augment_args(Command::new("train"));
        let parse = |arguments: &[&str]| {
            let matches = command.clone().try_get_matches_from(arguments).unwrap();
            TrainConfig::from_arg_matches(&matches).unwrap()
        };
        assert_eq!(parse(&["train"]), TrainConfig::default());
        let whole = TrainConfig::default_for(Pictures::Whole);
        assert_eq!(parse(&["train", "--pictures", "whole"]), whole);
        let turned = parse(&["train", "--rotation", "3", "--pictures", "whole"]);
        assert_eq!((turned.augmentation.rotation, turned.augmentation.shear), (3.0, 0.0));
        let config = parse(&["train", "--rotation", "3", "--drawn", "0.1", "--negatives", "0"]);
        assert_eq!(config.augmentation.rotation, 3.0);
        assert_eq!((config.synthetic, config.negatives), (0.1, 0.0));
    }
}
