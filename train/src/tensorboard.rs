//! A run's epochs as a TensorBoard event file.
//!
//! The file is a series of TFRecords (length, masked CRC-32C of it, data,
//! masked CRC-32C of that); the data is TensorFlow's `Event` message, of which
//! only scalars are written. Field numbers are those of `event.proto` and
//! `summary.proto`.

use glyphic_model::checkpoint::EpochMetrics;
use prost::Message;

/// Name of the event file; TensorBoard looks for `tfevents` in it.
pub const FILE: &str = "events.out.tfevents.0.glyphic";

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

/// The event file of these epochs. Its `wall_time` is the time since the run began.
pub fn events(epochs: &[EpochMetrics]) -> Vec<u8> {
    let version = Event { file_version: Some("brain.Event:2".to_owned()), ..Event::default() };
    let mut bytes = Vec::new();
    push_record(&mut bytes, &version);
    for epoch in epochs {
        let scalars = [
            ("loss/train", epoch.train_loss),
            ("loss/validation", epoch.validation.loss),
            ("accuracy/train", epoch.train_accuracy),
            ("accuracy/validation", epoch.validation.accuracy),
            ("learning_rate", epoch.learning_rate),
            ("images_per_second", epoch.images_per_second),
        ];
        let value =
            scalars.map(|(tag, v)| SummaryValue { tag: tag.to_owned(), simple_value: v as f32 });
        let event = Event {
            wall_time: epoch.seconds,
            step: epoch.epoch as i64,
            summary: Some(Summary { value: value.to_vec() }),
            ..Event::default()
        };
        push_record(&mut bytes, &event);
    }
    bytes
}

fn push_record(bytes: &mut Vec<u8>, event: &Event) {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(&data);
    bytes.extend(masked_crc(&data).to_le_bytes());
}

/// TFRecord's masked checksum (`tensorflow/core/lib/hash/crc32c.h`).
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}
