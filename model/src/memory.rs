//! A memory beside the network: what somebody taught is read at the next drawing, before any
//! training.
//!
//! The input of the network's last layer describes a glyph: glyphs that look alike have similar
//! features. A taught glyph's features are a key with a label. What the network says of a glyph and
//! how close the glyph is to each label's keys add up, in logits. That is Tip-Adapter (Zhang and
//! others, arXiv 2111.03930), with three differences:
//!
//! * A label's closeness is not a sum over its keys, which grows with their number, but the mean of
//!   two cosines: to its nearest key, and to the mean of its keys as in prototypical networks (Snell
//!   and others, arXiv 1703.05175). Of 200 wrong labels each one has little weight.
//! * A label that the network does not have gets its logit from the closeness alone. *None of the
//!   labels* has the logit 0, as the network was trained, so what is not close to any key is still
//!   rejected.
//! * Keys are short: see [`Key`].
//!
//! The constants were chosen on real drawings of digits and letters (docs/log.md, 30 November, "A
//! memory beside the network").

use std::sync::Arc;

use glyphic_kernels::Rows;

use crate::{
    prediction::{Prediction, Taught},
    verdict::{Thresholds, Verdict},
};

/// Numbers of a key.
const WIDTH: usize = 256;
/// The closeness at which a new label of many keys is as likely as none, and the logit for each 1.0
/// above it. The nearest of few keys is farther away: with `n` keys it is less by [`FEW`]/√n.
const EVEN: f32 = 0.67;
const FEW: f32 = 0.08;
const NEW: f32 = 25.0;
/// The closeness from which a label of the network gains, and its gain in logits at 1.0. A digit that
/// the network is surer of than that cannot be taken from it.
const NEAR: f32 = 0.5;
const KNOWN: f32 = 10.0;

/// A glyph's features, folded and of length 1.
///
/// Their square roots keep a few strong features from deciding alone. Then they are folded: each is
/// added to or subtracted from one of 256 numbers (feature hashing: Weinberger and others, arXiv
/// 0902.2206), which hardly changes the cosines, whatever the network's layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Key(Vec<f32>);

impl Key {
    /// The key of a glyph with these features ([`Classifier::features`](crate::Classifier::features)).
    pub fn of(features: &[f32]) -> Self {
        let mut folded = vec![0.0; WIDTH];
        for (part, signs) in features.chunks(WIDTH).zip(SIGNS.iter().cycle()) {
            for ((sum, feature), sign) in folded.iter_mut().zip(part).zip(signs) {
                *sum += sign * feature.max(0.0).sqrt();
            }
        }
        let length = length(&folded).max(f32::MIN_POSITIVE);
        folded.iter_mut().for_each(|number| *number /= length);
        Self(folded)
    }
}

/// 1 or −1 for each feature, half of each, without a pattern: the last step of MurmurHash3. After six
/// rounds they repeat.
static SIGNS: [[f32; WIDTH]; 6] = {
    let mut signs = [[0.0; WIDTH]; 6];
    let mut i = 0;
    while i < 6 * WIDTH {
        let mut bits = i as u32 + 1;
        bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
        bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
        signs[i / WIDTH][i % WIDTH] = if (bits ^ (bits >> 16)) & 1 == 0 { 1.0 } else { -1.0 };
        i += 1;
    }
    signs
};

fn length(numbers: &[f32]) -> f32 {
    numbers.iter().map(|number| number * number).sum::<f32>().sqrt()
}

/// Keys and their labels, for one network.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The network's labels, then the new ones.
    labels: Arc<Vec<String>>,
    /// How many are the network's.
    known: usize,
    keys: Rows,
    /// The keys of each label that has some.
    taught: Vec<TaughtLabel>,
}

/// A label that has keys: they follow each other.
#[derive(Clone, Debug)]
struct TaughtLabel {
    index: usize,
    count: usize,
    /// The length of the mean of its keys.
    length: f32,
}

impl TaughtLabel {
    /// The closeness at which it is as likely as none.
    fn even(&self) -> f32 {
        EVEN - FEW / (self.count as f32).sqrt()
    }
}

impl Memory {
    /// A memory for a network with these labels. `None` if nothing was taught.
    pub fn new(known: &[String], samples: &[(String, Key)]) -> Option<Self> {
        // In alphabetical order, so that all servers have the new ones in the same order.
        let mut all: Vec<&String> = Vec::new();
        for (label, _) in samples {
            if let Err(place) = all.binary_search(&label) {
                all.insert(place, label);
            }
        }
        let (mut labels, mut keys, mut taught) = (known.to_vec(), Rows::new(WIDTH), Vec::new());
        for label in all {
            let own = samples.iter().filter(|sample| sample.0 == *label);
            let own: Vec<&Key> = own.map(|(_, key)| key).collect();
            let index = labels.iter().position(|one| one == label).unwrap_or_else(|| {
                labels.push(label.clone());
                labels.len() - 1
            });
            let mut mean = vec![0.0; WIDTH];
            for key in &own {
                keys.push(&key.0);
                mean.iter_mut()
                    .zip(&key.0)
                    .for_each(|(sum, number)| *sum += number / own.len() as f32);
            }
            taught.push(TaughtLabel { index, count: own.len(), length: length(&mean) });
        }
        let memory = Self { labels: Arc::new(labels), known: known.len(), keys, taught };
        (!memory.taught.is_empty()).then_some(memory)
    }

    /// The labels of the network and of the memory.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What a glyph is, by the network's logits, already divided by its temperature, and its features.
    pub(crate) fn recall(
        &self,
        mut logits: Vec<f32>,
        features: &[f32],
        thresholds: Thresholds,
    ) -> Prediction {
        let network = Prediction::of(&logits);
        let is_settled = self.cannot_change(&logits, &network, thresholds);
        // As good as impossible, and still a number.
        logits.resize(self.labels.len(), -1e4);
        let alone = || Prediction::of(&logits);
        if is_settled {
            return alone();
        }
        let mut together = logits.clone();
        let closeness = self.closeness(&Key::of(features));
        for (label, close) in self.taught.iter().zip(closeness) {
            match label.index < self.known {
                true => together[label.index] += KNOWN * ((close - NEAR) / (1.0 - NEAR)).max(0.0),
                false => together[label.index] = NEW * (close - label.even()),
            }
        }
        let both = Prediction::of(&together);
        let verdict = thresholds.verdict(&both);
        // What is rejected all the same is not called by the name of what was taught.
        if verdict == Verdict::NotADigit {
            return alone();
        }
        let taught = self.taught.iter().find(|label| label.index == both.index);
        let decided = both.index != network.index || verdict != thresholds.verdict(&network);
        let of_network = network.probability_of(both.index);
        let taught = taught.filter(|_| decided).map(|label| Taught {
            index: label.index,
            samples: label.count,
            weight: (both.probability_of(both.index) - of_network).clamp(0.0, 1.0),
        });
        Prediction { taught, ..both }
    }

    /// Whether the network is so sure of a label that no closeness could make another one or another
    /// verdict of it: then it reads alone, which saves a good part of the time.
    fn cannot_change(&self, logits: &[f32], network: &Prediction, thresholds: Thresholds) -> bool {
        let most = |label: &TaughtLabel| match label.index < self.known {
            true => logits[label.index] + KNOWN,
            false => NEW * (1.0 - label.even()),
        };
        let others = self.taught.iter().filter(|label| label.index != network.index).map(most);
        others.fold(f32::MIN, f32::max) < logits[network.index]
            && thresholds.verdict(network) == Verdict::Read
    }

    /// How close a glyph is to each taught label, −1 to 1.
    fn closeness(&self, key: &Key) -> Vec<f32> {
        let cosines = self.keys.products(&key.0);
        let mut rest = &cosines[..];
        let close = |label: &TaughtLabel| {
            let (own, after) = rest.split_at(label.count.min(rest.len()));
            rest = after;
            let nearest = own.iter().copied().fold(-1.0, f32::max);
            let mean = own.iter().sum::<f32>() / label.count as f32;
            (nearest + mean / label.length.max(f32::MIN_POSITIVE)) / 2.0
        };
        self.taught.iter().map(close).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { in_distribution: 0.5, confidence: 0.5 };

    /// A glyph with a few strong features around this one.
    fn features(feature: usize, other: usize) -> Vec<f32> {
        let mut features = vec![0.0; 1536];
        (0..40).for_each(|i| features[(feature * 40 + i) % 1536] = 1.0);
        (0..8).for_each(|i| features[(other * 8 + 700 + i) % 1536] = 1.0);
        features
    }

    fn key(feature: usize, other: usize) -> Key {
        Key::of(&features(feature, other))
    }

    fn labels(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|&label| label.to_owned()).collect()
    }

    fn taught(samples: &[(&str, Key)]) -> Memory {
        let samples: Vec<_> =
            samples.iter().map(|(l, key)| ((*l).to_owned(), key.clone())).collect();
        Memory::new(&labels(&["0", "1"]), &samples).unwrap()
    }

    #[test]
    fn nothing_taught_is_no_memory() {
        assert!(Memory::new(&labels(&["0", "1"]), &[]).is_none());
    }

    #[test]
    fn a_new_label_is_read_where_its_keys_are_and_nowhere_else() {
        let memory = taught(&[("A", key(3, 0)), ("A", key(3, 1))]);
        assert_eq!(memory.labels(), labels(&["0", "1", "A"]));
        let rejected = vec![-6.0, -7.0];
        let near = memory.recall(rejected.clone(), &features(3, 2), THRESHOLDS);
        assert_eq!((near.index, near.taught.map(|taught| taught.samples)), (2, Some(2)));
        assert!(near.in_distribution > 0.9 && near.taught.unwrap().weight > 0.9, "{near:?}");
        let far = memory.recall(rejected, &features(9, 2), THRESHOLDS);
        assert!(far.in_distribution < 0.1 && far.taught.is_none(), "{far:?}");
        assert_eq!(far.index, 0, "what is rejected is not called A");
        // What the network is sure of stays.
        let sure = memory.recall(vec![-4.0, 12.0], &features(3, 2), THRESHOLDS);
        assert_eq!((sure.index, sure.taught), (1, None));
    }

    #[test]
    fn a_known_label_wins_what_looks_like_its_keys_unless_the_network_is_sure() {
        let memory = taught(&[("0", key(3, 0))]);
        let misread = memory.recall(vec![0.0, 4.0], &features(3, 1), THRESHOLDS);
        assert_eq!((misread.index, misread.taught.map(|t| t.index)), (0, Some(0)));
        assert_eq!(memory.recall(vec![0.0, 14.0], &features(3, 1), THRESHOLDS).index, 1);
        assert_eq!(memory.recall(vec![0.0, 4.0], &features(9, 1), THRESHOLDS).index, 1);
        // Its best label is right, and it rejects it: what was taught makes it sure.
        let rejected = memory.recall(vec![-4.0, -9.0], &features(3, 1), THRESHOLDS);
        assert_eq!((rejected.index, rejected.taught.map(|t| t.index)), (0, Some(0)));
        assert_eq!(THRESHOLDS.verdict(&rejected), Verdict::Read);
        // The network read it already: the memory decided nothing.
        assert_eq!(memory.recall(vec![6.0, -4.0], &features(3, 1), THRESHOLDS).taught, None);
    }

    #[test]
    fn many_keys_of_a_label_weigh_no_more_than_one() {
        let one = taught(&[("A", key(3, 0))]);
        let many: Vec<_> = (0..200).map(|_| ("A", key(3, 0))).collect();
        let (one, many) = (one.closeness(&key(3, 5))[0], taught(&many).closeness(&key(3, 5))[0]);
        assert!((one - many).abs() < 0.01, "{one} {many}");
    }
}
