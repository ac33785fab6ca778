//! The gate that decides whether a checkpoint may be promoted in place of the present one.

use glyphic_model::checkpoint::{Manifest, Score};

/// What a checkpoint needs to be promoted without force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromotionGate {
    /// How far its accuracy may be below the present one's, in percentage points.
    pub margin: f64,
}

impl Default for PromotionGate {
    /// Two runs of the same recipe differ by up to 0.1 points on 10,000 test pictures; a
    /// difference of more than twice that is not chance.
    fn default() -> Self {
        Self { margin: 0.2 }
    }
}

impl PromotionGate {
    /// The objections to `next` in place of `present`; none if it may be promoted.
    pub fn objections(&self, present: &Manifest, next: &Manifest) -> Vec<String> {
        let labels = (present.labels != next.labels).then(|| {
            format!("its labels are {}, not {}", listed(&next.labels), listed(&present.labels))
        });
        let (of, [before, after]) = comparable(present, next);
        let unmeasured = match (before.examples, after.examples) {
            (_, 0) => Some("its accuracy was never measured".to_owned()),
            (0, _) => Some(format!("the accuracy of '{}' was never measured", present.id)),
            _ => None,
        };
        let points = 100.0 * (before.accuracy - after.accuracy);
        let worse = (unmeasured.is_none() && points > self.margin).then(|| {
            format!(
                "its accuracy on the {of} is {:.2} %, {points:.2} points below that of '{}', and \
                 {} may be lost",
                100.0 * after.accuracy,
                present.id,
                self.margin
            )
        });
        labels.into_iter().chain(unmeasured).chain(worse).collect()
    }
}

/// The scores of both that can be compared: on the test set if both have one of the same size,
/// else on the examples that each held back.
fn comparable(present: &Manifest, next: &Manifest) -> (&'static str, [Score; 2]) {
    match (present.metrics.test, next.metrics.test) {
        (Some(before), Some(after)) if before.examples == after.examples => {
            ("test set", [before, after])
        }
        _ => ("examples held back", [present.metrics.validation, next.metrics.validation]),
    }
}

fn listed(labels: &[String]) -> String {
    let (first, more) = labels.split_at(labels.len().min(12));
    let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{rest}", first.join(" "))
}
