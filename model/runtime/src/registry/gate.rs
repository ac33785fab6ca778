//! The gate that decides whether a checkpoint may replace the promoted one.

use glyphic_model::checkpoint::{Manifest, Score};

/// The conditions for promoting a checkpoint without force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromotionGate {
    /// How far its accuracy may be below that of the promoted one, in percentage points.
    pub margin: f64,
}

impl Default for PromotionGate {
    /// Two runs with the same settings differ by up to 0.1 points on 10,000 test pictures; a
    /// difference of more than twice that is not chance.
    fn default() -> Self {
        Self { margin: 0.2 }
    }
}

impl PromotionGate {
    /// The objections to replacing `present` by `next`; empty if it may be promoted.
    pub fn objections(&self, present: &Manifest, next: &Manifest) -> Vec<String> {
        let labels = (present.labels != next.labels).then(|| {
            format!("its labels are {}, not {}", listed(&next.labels), listed(&present.labels))
        });
        let (set, [before, after]) = comparable(present, next);
        let unmeasured = match (before.examples, after.examples) {
            (_, 0) => Some("its accuracy was never measured".to_owned()),
            (0, _) => Some(format!("the accuracy of '{}' was never measured", present.id)),
            _ => None,
        };
        let points = 100.0 * (before.accuracy - after.accuracy);
        let worse = (unmeasured.is_none() && points > self.margin).then(|| {
            format!(
                "its accuracy on the {set} is {:.2} %, {points:.2} points below that of '{}', and \
                 {} may be lost",
                100.0 * after.accuracy,
                present.id,
                self.margin
            )
        });
        labels.into_iter().chain(unmeasured).chain(worse).collect()
    }
}

/// The name of the set on which the two can be compared, and their scores: the test set if both
/// were measured on one of the same size, otherwise the examples held back from training.
fn comparable(present: &Manifest, next: &Manifest) -> (&'static str, [Score; 2]) {
    match (present.metrics.test, next.metrics.test) {
        (Some(before), Some(after)) if before.examples == after.examples => {
            ("test set", [before, after])
        }
        _ => ("examples held back", [present.metrics.validation, next.metrics.validation]),
    }
}

/// The first labels, and how many more there are.
fn listed(labels: &[String]) -> String {
    let (first, more) = labels.split_at(labels.len().min(12));
    let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{rest}", first.join(" "))
}
