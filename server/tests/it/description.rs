//! `/api/openapi.json`: every answer is described.

use crate::common::{Server, TestArtifacts, names};
use glyphic_model::{
    Thresholds, Verdict,
    answer::{
        LabelProbability, ReadSheet, ReadSymbol, ReadText, SheetCell, SheetTable, TaughtLabel,
        TextLine,
    },
    checkpoint::{Metrics, Score},
    number::table::Lines,
};
use glyphic_runtime::registry::{Changed, Comparison, SampleReading, Tally};
use glyphic_server::http::schemas::{
    ChangedSchema, ComparisonSchema, LabelProbabilitySchema, LinesSchema, MetricsSchema,
    ReadSheetSchema, ReadSymbolSchema, ReadTextSchema, SampleReadingSchema, ScoreSchema,
    SheetCellSchema, SheetTableSchema, SpeedSchema, TallySchema, TaughtLabelSchema, TextLineSchema,
    ThresholdsSchema,
};
use glyphic_train::card::Speed;
use serde_json::{Value, json};
use utoipa::PartialSchema;

/// Each operation of the description, as `METHOD path`.
fn operations(api: &Value) -> Vec<(String, &Value)> {
    let paths = api["paths"].as_object().unwrap().iter();
    let of_path = |(path, item): (&String, &'_ Value)| -> Vec<(String, String)> {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.clone(), path.clone())).collect()
    };
    let names: Vec<(String, String)> = paths.flat_map(of_path).collect();
    let named = |(method, path): (String, String)| {
        (format!("{method} {path}"), &api["paths"][path.as_str()][method.as_str()])
    };
    names.into_iter().map(named).collect()
}

/// Each reference to a schema within a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_answer_is_described_and_typed() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let (status, api) = server.get("/api/openapi.json");
    assert_eq!(status, 200);
    let operations = operations(&api);
    assert!(operations.len() > 40, "{}", operations.len());
    for (name, operation) in operations {
        let mut parameters: Vec<String> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| format!("{} {}", parameter["in"], parameter["name"]))
            .collect();
        let count = parameters.len();
        parameters.sort();
        parameters.dedup();
        assert_eq!(parameters.len(), count, "{name} has a parameter twice");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let description = response["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{name} does not describe its answer {status}");
            let schema = &response["content"]["application/json"]["schema"];
            // A card is the trainer's own.
            let typed = *schema != json!({ "type": "object" });
            assert!(typed || name == "get /api/models/{id}/report", "{name} {status}: {schema}");
        }
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let api = server.get("/api/openapi.json").1;
    let mut found = Vec::new();
    references(&api, &mut found);
    assert!(!found.is_empty());
    for name in found {
        let schema = name.strip_prefix("#/components/schemas/").unwrap();
        assert!(api["components"]["schemas"][schema].is_object(), "{name} is missing");
    }
}

#[test]
fn the_json_of_other_crates_is_what_is_described() {
    let score = Score { accuracy: 0.5, loss: 1.0, examples: 2 };
    let metrics = Metrics { epochs: 1, seconds: 1.0, validation: score, test: Some(score) };
    let tallies = [Tally::default(); 2];
    let changed = Changed {
        set: "validation".to_owned(),
        label: "1".to_owned(),
        before: "7".to_owned(),
        after: "1".to_owned(),
        glyph: String::new(),
    };
    let reading = SampleReading {
        id: "a".to_owned(),
        label: "1".to_owned(),
        held_back: false,
        before: "7".to_owned(),
        after: "1".to_owned(),
        confidence: 0.5,
    };
    let comparison = Comparison {
        parent: "a".to_owned(),
        new_labels: Vec::new(),
        trained_on: 1,
        validation: tallies,
        first: Some(tallies[0]),
        held_back: tallies,
        synthetic: tallies,
        gained: 1,
        lost: 0,
        changed: vec![changed.clone()],
        samples: vec![reading.clone()],
    };
    let probability = LabelProbability { label: "7".to_owned(), confidence: 0.5 };
    let taught = TaughtLabel { label: "7".to_owned(), samples: 3, weight: 0.5 };
    let bounds = [1.0, 2.0, 3.0, 4.0].into();
    let symbol = ReadSymbol {
        label: Some("7".to_owned()),
        confidence: 0.5,
        bounds,
        verdict: Verdict::Read,
        counts: true,
        in_distribution: 1.0,
        best: vec![probability.clone()],
        taught: Some(taught.clone()),
        probabilities: vec![0.5, 0.5],
        strokes: Some(vec![0]),
        seen: Some("data:".to_owned()),
    };
    let line = TextLine { text: "7".to_owned(), bounds, digits: vec![symbol.clone()] };
    let text = ReadText {
        text: "7".to_owned(),
        verdict: Verdict::Read,
        lines: vec![line.clone()],
        orientation: 90,
        corners: Some([[0.0; 2]; 4]),
        labels: vec!["7".to_owned()],
        model: "a".to_owned(),
        thresholds: Thresholds::default(),
    };
    let cell = SheetCell {
        text: "7".to_owned(),
        confidence: 0.5,
        verdict: Verdict::Read,
        bounds,
        digits: vec![symbol.clone()],
        part_of: Some([0, 0]),
    };
    let lines = Lines {
        corners: [[0.0; 2]; 4],
        columns: vec![0.0, 1.0],
        rows: vec![0.0, 1.0],
        merged: vec![[0, 0, 1, 1]],
    };
    let table = SheetTable { bounds, lines: Some(lines.clone()), rows: vec![vec![cell.clone()]] };
    let sheet = ReadSheet {
        tables: vec![table.clone()],
        orientation: 90,
        corners: Some([[0.0; 2]; 4]),
        labels: vec!["7".to_owned()],
        model: "a".to_owned(),
        thresholds: Thresholds::default(),
    };
    for (written, schema) in [
        (json!(sheet), json!(ReadSheetSchema::schema())),
        (json!(table), json!(SheetTableSchema::schema())),
        (json!(lines), json!(LinesSchema::schema())),
        (json!(cell), json!(SheetCellSchema::schema())),
        (json!(text), json!(ReadTextSchema::schema())),
        (json!(line), json!(TextLineSchema::schema())),
        (json!(symbol), json!(ReadSymbolSchema::schema())),
        (json!(probability), json!(LabelProbabilitySchema::schema())),
        (json!(taught), json!(TaughtLabelSchema::schema())),
        (json!(Thresholds::default()), json!(ThresholdsSchema::schema())),
        (json!(score), json!(ScoreSchema::schema())),
        (json!(metrics), json!(MetricsSchema::schema())),
        (json!(Speed { single_ms: 0.1, batched_per_second: 1e4 }), json!(SpeedSchema::schema())),
        (json!(comparison), json!(ComparisonSchema::schema())),
        (json!(tallies[0]), json!(TallySchema::schema())),
        (json!(changed), json!(ChangedSchema::schema())),
        (json!(reading), json!(SampleReadingSchema::schema())),
    ] {
        assert_eq!(names(&written), names(&schema["properties"]), "{written}");
    }
}
