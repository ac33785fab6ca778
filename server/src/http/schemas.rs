//! Descriptions of JSON that other crates write: they do not know OpenAPI. A test compares each
//! one's fields with those that are written.
#![allow(dead_code)]

use utoipa::ToSchema;

/// Where a verdict changes.
#[derive(ToSchema)]
#[schema(as = Thresholds)]
pub struct ThresholdsSchema {
    /// Below this in-distribution score (0 to 1) it is `not_a_digit`.
    in_distribution: f32,
    /// Below this confidence (0 to 1) it is `unsure`.
    confidence: f32,
}

/// The text in a drawing or a picture.
#[derive(ToSchema)]
#[schema(as = ReadText)]
pub struct ReadTextSchema {
    /// The text of all lines, with line breaks between them.
    text: String,
    /// `read`, `unsure` if any digit is, `not_a_digit` if nothing is, `blank` without ink.
    verdict: String,
    /// The lines, from top to bottom.
    lines: Vec<TextLineSchema>,
    /// By how many degrees the picture was turned clockwise before it was read: 0, 90, 180 or 270.
    orientation: usize,
    /// The corners of the sheet of paper in the picture, `[[x, y], …]`, clockwise from the upper left
    /// one, if it was seen from the side and straightened.
    corners: Option<Vec<[f32; 2]>>,
    /// The labels, in the order of the probabilities.
    labels: Vec<String>,
    /// The checkpoint that answered.
    model: String,
    /// The thresholds that the verdicts were decided by.
    thresholds: ThresholdsSchema,
}

/// The tables in a picture.
#[derive(ToSchema)]
#[schema(as = ReadSheet)]
pub struct ReadSheetSchema {
    /// The tables, from top to bottom.
    tables: Vec<SheetTableSchema>,
    /// By how many degrees the picture was turned clockwise before it was read: 0, 90, 180 or 270.
    orientation: usize,
    /// The corners of the sheet of paper in the picture, `[[x, y], …]`, clockwise from the upper left
    /// one, if it was seen from the side and straightened.
    corners: Option<Vec<[f32; 2]>>,
    /// The labels, in the order of the probabilities.
    labels: Vec<String>,
    /// The checkpoint that answered.
    model: String,
    /// The thresholds that the verdicts were decided by.
    thresholds: ThresholdsSchema,
}

/// A table.
#[derive(ToSchema)]
#[schema(as = SheetTable)]
pub struct SheetTableSchema {
    /// Its outermost lines: `[x, y, width, height]`.
    r#box: Vec<f32>,
    /// Its lines, unless it consists of boxes that are printed apart.
    lines: Option<LinesSchema>,
    /// Its cells: all rows have the same number of them.
    rows: Vec<Vec<SheetCellSchema>>,
}

/// The lines of a table.
#[derive(ToSchema)]
#[schema(as = Lines)]
pub struct LinesSchema {
    /// Its corners in the picture, `[[x, y], …]`, clockwise from the one that is the upper left one to a
    /// reader.
    corners: Vec<[f32; 2]>,
    /// The lines that divide the columns, as shares of the upper edge's length, from 0 to 1, as seen from
    /// above.
    columns: Vec<f32>,
    /// The lines that divide the rows, as shares of the left edge's length, from 0 to 1.
    rows: Vec<f32>,
    /// The cells that are printed as one: the first row and column, and how many of each.
    merged: Option<Vec<[usize; 4]>>,
}

/// A cell of a table.
#[derive(ToSchema)]
#[schema(as = SheetCell)]
pub struct SheetCellSchema {
    /// What is written in it; several lines are separated by spaces.
    text: String,
    /// The product of its digits' confidences, 0 to 1; 1 if it is blank.
    confidence: f32,
    /// `read`, `unsure` if any digit is, `not_a_digit` if nothing is, `blank` if it is empty.
    verdict: String,
    /// Its place, up to the middles of the lines around it: `[x, y, width, height]`.
    r#box: Vec<f32>,
    /// Its symbols, line by line.
    digits: Vec<ReadSymbolSchema>,
    /// The row and the column, from 0, of the cell that it is a part of, if several are printed as one.
    part_of: Option<[usize; 2]>,
}

/// A line of text.
#[derive(ToSchema)]
#[schema(as = TextLine)]
pub struct TextLineSchema {
    /// The text of the line.
    text: String,
    /// The box around its symbols: `[x, y, width, height]`.
    r#box: Vec<f32>,
    /// Its symbols, from left to right.
    digits: Vec<ReadSymbolSchema>,
}

/// A symbol of a line.
#[derive(ToSchema)]
#[schema(as = ReadSymbol)]
pub struct ReadSymbolSchema {
    /// The most probable label.
    label: Option<String>,
    /// Its probability.
    confidence: f32,
    /// The box around its ink: `[x, y, width, height]`.
    r#box: Vec<f32>,
    /// `read`, `unsure` or `not_a_digit`.
    verdict: String,
    /// Whether it is part of the text.
    counts: bool,
    /// The in-distribution score, 0 to 1: how probably it is one of the labels at all.
    in_distribution: f32,
    /// The two most probable labels.
    best: Vec<LabelProbabilitySchema>,
    /// What was taught, if that decided it.
    taught: Option<TaughtLabelSchema>,
    /// The probability of each label.
    probabilities: Vec<f32>,
    /// The strokes that it consists of, if it consists of whole ones: their indices among the
    /// strokes with points.
    strokes: Option<Vec<usize>>,
    /// The glyph that the network read, as a PNG data URL.
    seen: Option<String>,
}

/// A label that it may have.
#[derive(ToSchema)]
#[schema(as = LabelProbability)]
pub struct LabelProbabilitySchema {
    /// The label.
    label: String,
    /// Its probability.
    confidence: f32,
}

/// What decided a reading, beside the network: without it, the label or the verdict would be another.
#[derive(ToSchema)]
#[schema(as = TaughtLabel)]
pub struct TaughtLabelSchema {
    /// The label that was taught.
    label: String,
    /// How many samples of it are remembered.
    samples: usize,
    /// By how much they raised its probability, 0 to 1.
    weight: f32,
}

/// Loss and accuracy on a set of examples.
#[derive(ToSchema)]
#[schema(as = Score)]
pub struct ScoreSchema {
    /// Share (0 to 1) of examples read correctly.
    accuracy: f64,
    /// Mean cross entropy in nats.
    loss: f64,
    /// Number of examples.
    examples: usize,
}

/// Results of a training run.
#[derive(ToSchema)]
#[schema(as = TrainingMetrics)]
pub struct MetricsSchema {
    /// Epochs trained.
    epochs: usize,
    /// Time of training in seconds, evaluation included.
    seconds: f64,
    /// On the examples held back from training.
    #[schema(inline)]
    validation: ScoreSchema,
    /// On the test set, read once, after the last epoch.
    #[schema(inline)]
    test: Option<ScoreSchema>,
}

/// Speed of a checkpoint on the machine where it was measured.
#[derive(ToSchema)]
#[schema(as = Speed)]
pub struct SpeedSchema {
    /// A single picture, in milliseconds (median).
    single_ms: Option<f64>,
    /// Pictures per second in batches of 64 (median).
    batched_per_second: Option<f64>,
}

/// A fine-tuned checkpoint compared with its parent.
#[derive(ToSchema)]
#[schema(as = Comparison)]
pub struct ComparisonSchema {
    /// The checkpoint that training started from.
    parent: String,
    /// Labels that the parent did not have.
    new_labels: Vec<String>,
    /// Samples that were trained on.
    trained_on: usize,
    /// On the examples held back from the parent's training data: parent, then child.
    #[schema(inline)]
    validation: Vec<TallySchema>,
    /// The first checkpoint of this chain of fine-tunings on the former, if it was not the parent.
    first: Option<TallySchema>,
    /// On the samples held back from training: parent, then child.
    #[schema(inline)]
    held_back: Vec<TallySchema>,
    /// On synthetic drawings: parent, then child.
    #[schema(inline)]
    synthetic: Vec<TallySchema>,
    /// Pictures that only the child reads correctly.
    gained: usize,
    /// Pictures that only the parent reads correctly.
    lost: usize,
    /// Some of the pictures that only one of the two reads correctly, lost ones first.
    #[schema(inline)]
    changed: Vec<ChangedSchema>,
    /// How both read each sample.
    #[schema(inline)]
    samples: Vec<SampleReadingSchema>,
}

/// Examples read correctly.
#[derive(ToSchema)]
pub struct TallySchema {
    /// Examples read correctly.
    right: usize,
    /// Examples in all.
    of: usize,
    /// Mean cross entropy in nats, no example counting more than 14.
    loss: f64,
}

/// A picture that only one of the two reads correctly.
#[derive(ToSchema)]
pub struct ChangedSchema {
    /// `held_back`, `validation` or `synthetic`.
    set: String,
    /// What it shows.
    label: String,
    /// What the parent reads.
    before: String,
    /// What the child reads.
    after: String,
    /// The glyph's 784 pixels, base64.
    glyph: String,
}

/// How parent and child read a sample.
#[derive(ToSchema)]
pub struct SampleReadingSchema {
    /// The sample's id.
    id: String,
    /// Its label.
    label: String,
    /// Whether it was held back from training.
    held_back: bool,
    /// What the parent reads.
    before: String,
    /// What the child reads.
    after: String,
    /// The child's probability of the label.
    confidence: f32,
}
