//! The plan of a sweep: a TOML file, read into a list of runs.
//!
//! ```toml
//! search = "grid"          # every combination; or "random", then `runs` says how many
//! seeds = [1, 2, 3]        # each combination is trained with each of these
//!
//! [settings]               # for all runs; every other setting has `train`'s default
//! epochs = 3
//!
//! [vary]
//! learning_rate = [2e-3, 4e-3]
//! augmentation.rotation = [4, 8]
//! # for a random search also ranges:
//! # weight_decay = { from = 1e-3, to = 0.2, scale = "log" }
//! ```

use std::{collections::HashSet, path::Path};

use anyhow::{Context, Result, bail, ensure};
use glyphic_model::{network::NetworkConfig, preprocess::Pictures};
use glyphic_runtime::text;
use rand::{RngExt, rngs::StdRng};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config::TrainConfig,
    network_file,
    random::{Purpose, rng},
};

/// Old names of settings, and their names now.
const RENAMED: [(&str, &str); 2] = [("drawn", "synthetic"), ("others", "negatives")];
/// Most runs of one sweep.
const MOST: usize = 10_000;
/// The setting that names a file with a network.
const NETWORK: &str = "network";
/// Settings that a sweep cannot set, and why.
const REFUSED: [(&str, &str); 4] = [
    ("pictures", "its runs share their data: give `train sweep` the option --pictures"),
    ("validation", "all runs are compared on the same held-back examples"),
    ("seed", "give `seeds` instead"),
    ("teacher", "its runs cannot see other checkpoints"),
];

/// All runs of a sweep, and the settings that differ between them.
pub struct Plan {
    /// Names of the settings that vary.
    pub varied: Vec<String>,
    /// The runs, without duplicates; those of one combination follow each other.
    pub runs: Vec<Planned>,
}

/// A planned run.
pub struct Planned {
    /// The values of the varied settings in this run, in the order of
    /// [`Plan::varied`].
    pub values: Vec<String>,
    /// The whole config, seed included.
    pub config: TrainConfig,
    /// The network; its classes are those of the data.
    pub network: NetworkConfig,
}

/// The sweep's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SweepFile {
    #[serde(default)]
    search: Search,
    runs: Option<usize>,
    #[serde(default = "first_seed")]
    draw: u64,
    #[serde(default = "first_seeds")]
    seeds: Vec<u64>,
    #[serde(default)]
    settings: toml::Table,
    vary: toml::Table,
}

fn first_seed() -> u64 {
    1
}

fn first_seeds() -> Vec<u64> {
    vec![1]
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Search {
    /// Every combination.
    #[default]
    Grid,
    /// Combinations drawn at random.
    Random,
}

/// The values that a setting may have.
#[derive(Debug)]
enum Choice {
    /// One of these.
    List(Vec<Value>),
    /// Any value between, for a random search; and whether it is a whole number.
    Range(ValueRange, bool),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueRange {
    from: Value,
    to: Value,
    #[serde(default)]
    scale: Scale,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Linear,
    /// Every factor is equally likely, as is useful for learning rates.
    Log,
}

impl Plan {
    /// Reads a sweep's file for data of these pictures with this number of labels.
    ///
    /// # Errors
    /// The file cannot be read, names a setting that does not exist, or asks for a
    /// run that cannot begin.
    pub fn read(file: &Path, pictures: Pictures, classes: usize) -> Result<Self> {
        let text = text::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, pictures, classes).with_context(|| file.display().to_string())
    }

    fn parse(text: &str, folder: &Path, pictures: Pictures, classes: usize) -> Result<Self> {
        let file: SweepFile = toml::from_str(text)?;
        ensure!(!file.seeds.is_empty(), "`seeds` is empty: give at least one");
        let choices = choices(&file.vary)?;
        ensure!(!choices.is_empty(), "[vary] is empty: give at least one setting and its values");
        let combinations = match file.search {
            Search::Grid => grid(&choices, file.runs)?,
            Search::Random => random(&choices, file.runs, file.draw)?,
        };
        ensure!(
            combinations.len() * file.seeds.len() <= MOST,
            "{} combinations with {} seeds are more than {MOST} runs",
            combinations.len(),
            file.seeds.len()
        );
        let names: Vec<&str> = choices.iter().map(|(name, _)| name.as_str()).collect();
        let shared = flatten(&file.settings)?;
        for name in shared.iter().map(|(name, _)| name).chain(choices.iter().map(|(name, _)| name))
        {
            if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| refused == name) {
                bail!("a sweep cannot set `{name}`: {why}");
            }
        }
        let mut runs = Vec::new();
        // A random search may draw a combination twice, and a list may have a value twice.
        let mut planned = HashSet::new();
        for values in &combinations {
            let varied = names.iter().copied().zip(values);
            let settings = shared.iter().map(|(name, value)| (name.as_str(), value)).chain(varied);
            let (config, network) = with_settings(settings, folder, pictures, classes)?;
            for &seed in &file.seeds {
                let config = TrainConfig { seed, ..config.clone() };
                if planned.insert(serde_json::to_string(&(&config, &network))?) {
                    let values = values.iter().map(shown).collect();
                    runs.push(Planned { values, config, network: network.clone() });
                }
            }
        }
        Ok(Self { varied: names.into_iter().map(str::to_owned).collect(), runs })
    }
}

/// `train`'s defaults for these pictures, changed by these settings.
fn with_settings<'a>(
    settings: impl Iterator<Item = (&'a str, &'a Value)>,
    folder: &Path,
    pictures: Pictures,
    classes: usize,
) -> Result<(TrainConfig, NetworkConfig)> {
    let mut config = serde_json::to_value(TrainConfig::default_for(pictures))?;
    let mut network = NetworkConfig::small(classes);
    for (name, value) in settings {
        if name == NETWORK {
            let name = value.as_str().context("`network` must be a name or a JSON file")?;
            network = match NetworkConfig::named(name, classes) {
                Some(network) => network,
                None => network_file::read(&folder.join(name), classes)?,
            };
            continue;
        }
        match config.pointer_mut(&pointer(name)) {
            Some(place) if !place.is_object() => *place = value.clone(),
            _ => bail!("there is no setting `{name}`; the settings are: {}", all_settings()?),
        }
        TrainConfig::deserialize(&config).with_context(|| format!("`{name}` = {value}"))?;
    }
    let config: TrainConfig = serde_json::from_value(config)?;
    config.check()?;
    Ok((config, network))
}

/// The JSON pointer to a setting in the config.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

/// The names of all settings.
fn all_settings() -> Result<String> {
    let config = serde_json::to_value(TrainConfig::default())?;
    let mut names = vec![NETWORK.to_owned()];
    for (name, value) in config.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(inner) => names.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            None => names.push(name.clone()),
        }
    }
    Ok(names.join(", "))
}

/// The settings that vary, by their full names.
fn choices(vary: &toml::Table) -> Result<Vec<(String, Choice)>> {
    let defaults = serde_json::to_value(TrainConfig::default())?;
    let mut choices = Vec::new();
    for (name, value) in flatten(vary)? {
        let choice = match value {
            Value::Array(values) if !values.is_empty() => Choice::List(values),
            Value::Object(_) => {
                let range = serde_json::from_value(value)
                    .with_context(|| format!("the range of `{name}`"))?;
                Choice::Range(range, defaults.pointer(&pointer(&name)).is_some_and(Value::is_u64))
            }
            _ => bail!(
                "`{name}` in [vary] needs a list of values, or {{ from = …, to = … }} for a random \
                 search"
            ),
        };
        choices.push((name, choice));
    }
    Ok(choices)
}

/// A table's values by their dotted names. A table with `from` is a range, and so
/// a value.
fn flatten(table: &toml::Table) -> Result<Vec<(String, Value)>> {
    let mut values = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) if !inner.contains_key("from") => {
                let inner = flatten(inner)?.into_iter();
                values.extend(inner.map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            _ => {
                let renamed = RENAMED.iter().find(|(old, _)| old == name);
                let name = renamed.map_or(name.as_str(), |(_, new)| new);
                values.push((name.to_owned(), serde_json::to_value(value)?));
            }
        }
    }
    Ok(values)
}

/// Every combination, the last setting changing fastest.
fn grid(choices: &[(String, Choice)], runs: Option<usize>) -> Result<Vec<Vec<Value>>> {
    ensure!(
        runs.is_none(),
        "`runs` is for search = \"random\"; a grid always has all combinations"
    );
    let mut combinations = vec![Vec::new()];
    for (name, choice) in choices {
        let Choice::List(values) = choice else {
            bail!("`{name}` is a range: a grid needs a list of values, or use search = \"random\"");
        };
        ensure!(combinations.len() * values.len() <= MOST, "more than {MOST} combinations");
        combinations = combinations
            .iter()
            .flat_map(|head| {
                values
                    .iter()
                    .map(move |value| [head.as_slice(), std::slice::from_ref(value)].concat())
            })
            .collect();
    }
    Ok(combinations)
}

/// Random combinations. The same `seed` gives the same ones, and with more `runs` the first
/// ones stay.
fn random(choices: &[(String, Choice)], runs: Option<usize>, seed: u64) -> Result<Vec<Vec<Value>>> {
    let runs = runs.context("search = \"random\" needs `runs`: how many combinations to try")?;
    ensure!((1..=MOST).contains(&runs), "`runs` must be 1 to {MOST}");
    (0..runs)
        .map(|run| {
            let mut rng = rng(seed, Purpose::Sweep, run as u64);
            choices
                .iter()
                .map(|(name, choice)| {
                    draw(choice, &mut rng).with_context(|| format!("the range of `{name}`"))
                })
                .collect()
        })
        .collect()
}

fn draw(choice: &Choice, rng: &mut StdRng) -> Result<Value> {
    let (range, is_whole) = match choice {
        Choice::List(values) => return Ok(values[rng.random_range(0..values.len())].clone()),
        Choice::Range(range, is_whole) => (range, *is_whole),
    };
    let share: f64 = rng.random();
    let ends =
        range.from.as_f64().zip(range.to.as_f64()).context("`from` and `to` must be numbers")?;
    // Whole numbers come from rounding down, so the upper end is raised by 1: then both ends
    // are as likely as the values between.
    let (from, to) = (ends.0, ends.1 + if is_whole { 1.0 } else { 0.0 });
    ensure!(from < to, "`from` must be below `to`");
    let drawn = match range.scale {
        Scale::Linear => from + share * (to - from),
        Scale::Log => {
            ensure!(from > 0.0, "on a log scale `from` must be above 0");
            from * (to / from).powf(share)
        }
    };
    if is_whole {
        return Ok(Value::from(drawn.min(ends.1).floor() as u64));
    }
    // Rounded to four digits, which a person can read.
    Ok(serde_json::from_str(&format!("{drawn:.3e}"))?)
}

/// A value as a table shows it.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Augmentation;

    fn plan(text: &str) -> Result<Plan> {
        Plan::parse(text, Path::new("."), Pictures::Ink, 10)
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", plan(text).err().unwrap())
    }

    #[test]
    fn a_grid_has_every_combination_with_every_seed() {
        let plan = plan(
            "seeds = [1, 2]\n[settings]\nepochs = 3\n[vary]\nlearning_rate = [1e-3, 4e-3]\n\
             augmentation.rotation = [4, 8, 12]\naugmentation.elastic = [0, 0.2]",
        )
        .unwrap();
        assert_eq!(plan.varied, ["augmentation.elastic", "augmentation.rotation", "learning_rate"]);
        assert_eq!(plan.runs.len(), 24);
        let last = &plan.runs[23];
        assert_eq!(last.values, ["0.2", "12", "0.004"]);
        assert_eq!((last.config.epochs, last.config.seed), (3, 2));
        let Augmentation { rotation, elastic, .. } = last.config.augmentation;
        assert_eq!((rotation, elastic), (12.0, 0.2));
        assert_eq!(last.config.batch_size, TrainConfig::default().batch_size);
    }

    #[test]
    fn a_file_is_read_as_editors_save_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rates.toml");
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            Plan::read(&file, Pictures::Ink, 10)
        };
        let text = "[vary]\r\nepochs = [1, 2]\r\n";
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()).unwrap().runs.len(), 2);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let message = format!("{:#}", read(&utf16).err().unwrap());
        assert!(message.contains("rates.toml") && message.contains("UTF-16"), "{message}");
    }

    #[test]
    fn runs_on_whole_pictures_have_the_defaults_for_them() {
        let text = "[vary]\naugmentation.shear = [0, 0.1]";
        let plan = Plan::parse(text, Path::new("."), Pictures::Whole, 10).unwrap();
        let whole = TrainConfig::default_for(Pictures::Whole);
        assert_eq!(plan.runs[0].config, whole);
        let augmentation = Augmentation { shear: 0.1, ..whole.augmentation.clone() };
        assert_eq!(plan.runs[1].config, TrainConfig { augmentation, ..whole });
    }

    #[test]
    fn a_random_search_draws_within_its_ranges_and_the_same_again() {
        let text = |runs| {
            format!(
                "search = 'random'\nruns = {runs}\n[vary]\nbatch_size = {{ from = 16, to = 64 }}\n\
                 weight_decay = {{ from = 1e-4, to = 1e-1, scale = 'log' }}\nepochs = [1, 2]"
            )
        };
        let (few, many) = (plan(&text(20)).unwrap(), plan(&text(200)).unwrap());
        let configs =
            |plan: &Plan| plan.runs.iter().map(|run| run.config.clone()).collect::<Vec<_>>();
        assert_eq!(configs(&few), configs(&many)[..20]);
        let all = configs(&many);
        assert!(all.iter().all(|config| (16..=64).contains(&config.batch_size)));
        assert!(all.iter().all(|config| (9.9e-5..=0.101).contains(&config.weight_decay)));
        // On a log scale half of them lie below the geometric mean.
        let low = all.iter().filter(|config| config.weight_decay < 3.16e-3).count();
        assert!((70..130).contains(&low), "{low} of 200");
        assert!(all.iter().any(|config| config.epochs == 1) && all.iter().any(|c| c.epochs == 2));
    }

    #[test]
    fn files_with_old_names_are_read() {
        let plan = plan("[settings]\ndrawn = 0.1\n[vary]\nothers = [0, 0.2]").unwrap();
        assert_eq!(plan.varied, ["negatives"]);
        let shares = |run: &Planned| (run.config.synthetic, run.config.negatives);
        assert_eq!(plan.runs.iter().map(shares).collect::<Vec<_>>(), [(0.1, 0.0), (0.1, 0.2)]);
    }

    #[test]
    fn the_same_run_is_planned_once() {
        let plan = plan("seeds = [1, 1]\n[vary]\nlearning_rate = [1e-3, 0.001, 2e-3]").unwrap();
        assert_eq!(plan.runs.len(), 2);
    }

    #[test]
    fn every_whole_number_of_a_range_is_as_likely() {
        let text = "search = 'random'\nruns = 400\nseeds = [1]\n[vary]\n\
                    epochs = { from = 1, to = 4 }\nwarmup = { from = 0, to = 0.9 }";
        let plan = plan(text).unwrap();
        for epochs in 1..=4 {
            let count = plan.runs.iter().filter(|run| run.config.epochs == epochs).count();
            assert!((70..130).contains(&count), "{count} of 400 have {epochs} epochs");
        }
        assert!(plan.runs.iter().any(|run| run.config.warmup % 1.0 != 0.0));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_remedy() {
        for (text, words) in [
            (
                "[vary]\nlearning_rat = [1e-3]",
                "there is no setting `learning_rat`; the settings are: ",
            ),
            ("[vary]\naugmentation = [1]", "there is no setting `augmentation`"),
            ("[vary]\nepochs = 3", "`epochs` in [vary] needs a list of values"),
            ("[vary]\nepochs = []", "needs a list"),
            ("[vary]\n", "[vary] is empty"),
            ("[vary]\nepochs = [0]", "--epochs must be 1 to 10000"),
            ("[vary]\nepochs = ['many']", "`epochs` = \"many\": invalid type"),
            ("[vary]\nseed = [1, 2]", "give `seeds` instead"),
            ("[vary]\nvalidation = [0.1, 0.2]", "a sweep cannot set `validation`"),
            ("[vary]\npictures = ['ink', 'whole']", "give `train sweep` the option --pictures"),
            ("[settings]\nseed = 7\n[vary]\nepochs = [1]", "give `seeds` instead"),
            ("[vary]\nepochs = { from = 1, to = 3 }", "a grid needs a list"),
            ("runs = 3\n[vary]\nepochs = [1]", "`runs` is for search"),
            ("search = 'random'\n[vary]\nepochs = [1]", "needs `runs`"),
            ("seeds = []\n[vary]\nepochs = [1]", "`seeds` is empty"),
            ("sedes = [1]\n[vary]\nepochs = [1]", "unknown field `sedes`"),
            ("search = 'random'\nruns = 1\n[vary]\nwarmup = { from = 1, to = 0 }", "below `to`"),
            (
                "search = 'random'\nruns = 1\n[vary]\nwarmup = { from = 0, to = 1, scale = 'log' }",
                "above 0",
            ),
            ("search = 'random'\nruns = 1\n[vary]\nwarmup = { from = 0 }", "missing field `to`"),
            ("[vary]\nnetwork = ['nowhere.json']", "cannot read ./nowhere.json"),
        ] {
            let said = refusal(text);
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
