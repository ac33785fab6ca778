//! The server's metrics in Prometheus' format: `GET /metrics`.

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, Result, TextEncoder, core::Collector,
};

/// Buckets in seconds, from an idle server's time for a glyph to a client's patience.
const SECONDS: &[f64] = &[
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 10.0, 30.0,
];
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// The metrics of one server; cheap to clone.
#[derive(Clone)]
pub struct ServerMetrics {
    registry: Registry,
    /// Time of requests, by route, method and status. A histogram counts them too.
    requests: HistogramVec,
    stages: HistogramVec,
    batches: Histogram,
    /// Requests that wait for the network.
    pub queue: IntGauge,
    swaps: IntCounterVec,
    turned_away: IntCounterVec,
    shadow: IntCounterVec,
    model: IntGaugeVec,
}

impl ServerMetrics {
    /// All counters at 0.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let seconds = |name, help| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let requests =
            seconds("glyphic_request_seconds", "Time from a request's head to its response");
        let stages = seconds("glyphic_stage_seconds", "Time of each stage of a prediction");
        let batches =
            HistogramOpts::new("glyphic_batch_size", "Glyphs in each batch that the network read");
        let queue = IntGauge::new("glyphic_queue_depth", "Requests waiting for the network");
        Ok(Self {
            requests: kept(
                &registry,
                HistogramVec::new(requests, &["route", "method", "status"])?,
            )?,
            stages: kept(&registry, HistogramVec::new(stages, &["stage"])?)?,
            batches: kept(&registry, Histogram::with_opts(batches.buckets(BATCHES.to_vec()))?)?,
            queue: kept(&registry, queue?)?,
            swaps: counter(
                &registry,
                "glyphic_swaps_total",
                "Checkpoints that were swapped in or refused",
                "outcome",
            )?,
            turned_away: counter(
                &registry,
                "glyphic_turned_away_total",
                "Requests that were answered with 429, by reason",
                "reason",
            )?,
            shadow: counter(
                &registry,
                "glyphic_shadow_total",
                "Glyphs that the candidate read for comparison",
                "outcome",
            )?,
            model: {
                let opts = Opts::new("glyphic_model_info", "1 for the serving checkpoint");
                kept(&registry, IntGaugeVec::new(opts, &["model"])?)?
            },
            registry,
        })
        .inspect(Self::begin)
    }

    /// Counters start at 0 instead of being absent, so that a rate includes the first event.
    fn begin(&self) {
        for (counter, values) in [
            (&self.swaps, ["served", "refused"].as_slice()),
            (
                &self.turned_away,
                &[
                    "queue",
                    "decoders",
                    "imports",
                    "bodies",
                    "answers",
                    "followers",
                    "rate",
                    "connections",
                ],
            ),
            (&self.shadow, &["agreed", "disagreed"]),
        ] {
            values.iter().for_each(|value| drop(counter.with_label_values(&[*value])));
        }
    }

    /// A request was answered.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let mut digits = [0; 3];
        let status = status_text(status, &mut digits);
        self.requests.with_label_values(&[route, method, status]).observe(took.as_secs_f64());
    }

    /// A prediction's stage (`decode`, `queue` or `compute`) took this time.
    pub fn stage(&self, stage: &str, took: Duration) {
        self.stages.with_label_values(&[stage]).observe(took.as_secs_f64());
    }

    /// The network read a batch.
    pub fn batch(&self, glyphs: usize) {
        self.batches.observe(glyphs as f64);
    }

    /// A checkpoint has replaced the serving one.
    pub fn serves(&self, id: &str, before: Option<&str>) {
        self.model.with_label_values(&[id]).set(1);
        if let Some(before) = before.filter(|before| *before != id) {
            // It may not be there.
            let _ = self.model.remove_label_values(&[before]);
        }
    }

    /// A checkpoint was swapped in (`served`) or not (`refused`).
    pub fn swap(&self, outcome: &str) {
        self.swaps.with_label_values(&[outcome]).inc();
    }

    /// A request was answered 429, for this reason.
    pub fn turned_away(&self, reason: &str) {
        self.turned_away.with_label_values(&[reason]).inc();
    }

    /// The candidate read a glyph as the serving checkpoint did (`agreed`) or not (`disagreed`).
    pub fn shadow(&self, outcome: &str) {
        self.shadow.with_label_values(&[outcome]).inc();
    }

    /// All metrics, in Prometheus' text format.
    pub fn text(&self) -> Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn kept<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counter(registry: &Registry, name: &str, help: &str, label: &str) -> Result<IntCounterVec> {
    kept(registry, IntCounterVec::new(Opts::new(name, help), &[label])?)
}

/// A status as text, without an allocation for each request.
fn status_text(status: u16, digits: &mut [u8; 3]) -> &str {
    for (digit, place) in digits.iter_mut().zip([100, 10, 1]) {
        *digit = b'0' + (status / place % 10) as u8;
    }
    std::str::from_utf8(digits).unwrap_or("000")
}
