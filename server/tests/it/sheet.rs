//! Printed tables: what is written in their cells, as JSON and as CSV.

use std::sync::LazyLock;

use crate::common::{Server, TestArtifacts, picture, read, seven};
use glyphic_model::{
    Glyph,
    glyph::SIDE,
    preprocess::{Picture, Strokes},
};
use glyphic_runtime::{decode::decode, encode};
use serde_json::{Value, json};

static ARTIFACTS: LazyLock<TestArtifacts> = LazyLock::new(TestArtifacts::released);
static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&ARTIFACTS));

/// The width and height of a cell, in pixels, and where the table begins.
const CELL: usize = 72;
const MARGIN: usize = 40;
const SIDE_OF_PAGE: usize = 2 * MARGIN + 3 * CELL + 20;

/// What is written: rows of 5 and 7.
pub const TEXTS: [[&str; 3]; 3] = [["5", "", "77"], ["75", "5", ""], ["", "57", "7"]];

fn glyphs() -> [Glyph; 2] {
    let strokes: Vec<Vec<[f32; 2]>> = serde_json::from_value(seven()).unwrap();
    let five = decode(&picture("5.bmp")).unwrap().glyph().unwrap();
    [five, Strokes::new(strokes).unwrap().glyph().unwrap()]
}

/// A page, dark on light, of this many pixels along each side.
pub struct Page {
    side: usize,
    values: Vec<u8>,
}

impl Page {
    fn new(side: usize) -> Self {
        Self { side, values: vec![250; side * side] }
    }

    fn fill(&mut self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) {
        for y in rows {
            self.values[y * self.side..][columns.clone()].fill(20);
        }
    }

    /// The lines of a table of so many cells along each side; the first row is one cell if it is
    /// `merged`.
    fn lines(&mut self, count: usize, cell: usize, merged: bool) {
        let end = MARGIN + count * cell;
        for i in 0..=count {
            let at = MARGIN + i * cell;
            self.fill(MARGIN..end + 2, at..at + 2);
            let is_inner = i > 0 && i < count;
            let top = if merged && is_inner { MARGIN + cell } else { MARGIN };
            self.fill(at..at + 2, top..end + 2);
        }
    }

    fn write(&mut self, glyph: &Glyph, left: usize, top: usize) {
        for (i, ink) in glyph.pixels().iter().enumerate() {
            let (x, y) = (left + i % SIDE, top + i / SIDE);
            self.values[y * self.side + x] = 250 - (u32::from(*ink) * 230 / 255) as u8;
        }
    }

    /// Turned counter-clockwise by quarters, as PNG.
    pub fn png(self, turns: usize) -> Vec<u8> {
        let side = self.side;
        let values = (0..turns).fold(self.values, |values, _| {
            (0..side * side).map(|i| values[i % side * side + side - 1 - i / side]).collect()
        });
        let rgba = values.iter().flat_map(|&value| [value, value, value, 255]).collect();
        encode::whole(&Picture::new(side, side, rgba).unwrap()).unwrap()
    }
}

pub fn table(merged: bool) -> Page {
    let mut page = Page::new(SIDE_OF_PAGE);
    page.lines(3, CELL, merged);
    written(page)
}

/// The page with the texts, as in the cells of a table.
fn written(mut page: Page) -> Page {
    let glyphs = glyphs();
    for (row, texts) in TEXTS.iter().enumerate() {
        for (column, text) in texts.iter().enumerate() {
            let (left, top) = (MARGIN + column * CELL + 6, MARGIN + row * CELL + 22);
            for (i, digit) in text.chars().enumerate() {
                page.write(&glyphs[usize::from(digit == '7')], left + 30 * i, top);
            }
        }
    }
    page
}

/// The same in boxes that are apart from each other.
fn boxes() -> Page {
    let mut page = Page::new(SIDE_OF_PAGE);
    let glyphs = glyphs();
    for (row, texts) in TEXTS.iter().enumerate() {
        for (column, text) in texts.iter().enumerate() {
            let (left, top) = (MARGIN + column * CELL, MARGIN + row * CELL);
            let (right, bottom) = (left + CELL - 10, top + CELL - 12);
            for at in [top, bottom] {
                page.fill(left..right + 2, at..at + 2);
            }
            for at in [left, right] {
                page.fill(at..at + 2, top..bottom + 2);
            }
            for (i, digit) in text.chars().enumerate() {
                page.write(&glyphs[usize::from(digit == '7')], left + 4 + 26 * i, top + 16);
            }
        }
    }
    page
}

fn post(path: &str, png: &[u8]) -> (u16, Value) {
    SERVER.post(path, "image/png", png)
}

/// The texts of the only table in an answer.
#[track_caller]
fn texts((status, body): &(u16, Value)) -> Vec<Vec<String>> {
    assert_eq!(*status, 200, "{body}");
    assert_eq!(body["tables"].as_array().unwrap().len(), 1, "{body}");
    let cells = |row: &Value| -> Vec<String> {
        row.as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap().to_owned()).collect()
    };
    body["tables"][0]["rows"].as_array().unwrap().iter().map(cells).collect()
}

fn csv(path: &str, png: &[u8]) -> (u16, Value) {
    let request = ureq::post(SERVER.url(path))
        .config()
        .http_status_as_error(false)
        .build()
        .header("accept", "text/csv")
        .content_type("image/png");
    read(request.send(png))
}

#[test]
fn reads_each_cell_of_a_table() {
    let answer = post("/api/sheet", &table(false).png(0));
    assert_eq!(texts(&answer), TEXTS);
    let body = answer.1;
    assert_eq!(body["orientation"], 0);
    let rows = &body["tables"][0]["rows"];
    assert_eq!(rows[0][1]["verdict"], "blank");
    assert_eq!(rows[0][0]["verdict"], "read");
    assert_eq!(rows[0][2]["digits"].as_array().unwrap().len(), 2, "{body}");
    // Up to the middles of the lines, in pixels of the picture.
    let side = |i: usize| rows[1][2]["box"][i].as_f64().unwrap();
    let wanted = [MARGIN + 2 * CELL + 1, MARGIN + CELL + 1, CELL, CELL];
    for (i, wanted) in wanted.into_iter().enumerate() {
        assert!((side(i) - wanted as f64).abs() < 2.0, "{} {wanted}: {body}", side(i));
    }
}

#[test]
fn boxes_in_rows_and_columns_are_a_table() {
    let answer = post("/api/sheet", &boxes().png(0));
    assert_eq!(texts(&answer), TEXTS);
}

#[test]
fn a_table_on_its_side_is_turned_unless_it_is_said_how_it_lies() {
    for turns in 1..4 {
        let png = table(false).png(turns);
        let answer = post("/api/sheet", &png);
        assert_eq!(texts(&answer), TEXTS, "{turns}");
        assert_eq!(answer.1["orientation"], 90 * turns, "{turns}");
        let answer = post(&format!("/api/sheet?orientation={}", 90 * turns), &png);
        assert_eq!(texts(&answer), TEXTS, "{turns}");
    }
    let (status, body) = post("/api/sheet?orientation=45", &table(false).png(0));
    assert_eq!((status, &body["error"]["code"]), (400, &json!("malformed")));
}

#[test]
fn a_cell_over_several_columns_is_read_once() {
    let (status, body) = post("/api/sheet", &table(true).png(0));
    assert_eq!(status, 200, "{body}");
    let first = &body["tables"][0]["rows"][0];
    assert!(first[0]["text"].as_str().unwrap().ends_with("77"), "{body}");
    assert_eq!((&first[1]["part_of"], &first[2]["part_of"]), (&json!([0, 0]), &json!([0, 0])));
    assert_eq!(first[2]["text"], "");
    assert_eq!(first[0]["part_of"], Value::Null);
    assert_eq!(body["tables"][0]["rows"][1][0]["text"], "75");
}

#[test]
fn a_table_is_csv_if_that_is_asked_for() {
    let (status, text) = csv("/api/sheet", &table(false).png(0));
    assert_eq!((status, text), (200, json!("5,,77\n75,5,\n,57,7\n")));
    // Unsure ones are marked.
    let (_, text) = csv("/api/sheet?unsure_below=1", &table(false).png(0));
    assert_eq!(text, "5?,,77?\n75?,5?,\n,57?,7?\n");
}

#[test]
fn without_a_table_or_with_too_large_a_one_it_says_so() {
    let mut page = Page::new(200);
    page.write(&glyphs()[0], 80, 80);
    let png = page.png(0);
    let (status, body) = post("/api/sheet", &png);
    assert_eq!((status, &body["tables"]), (200, &json!([])));
    let (status, body) = csv("/api/sheet", &png);
    assert_eq!((status, &body["error"]["code"]), (422, &json!("unreadable_sheet")));

    let (status, body) = post("/api/sheet", &Page::new(100).png(0));
    assert_eq!((status, &body["tables"]), (200, &json!([])));

    let mut page = Page::new(2 * MARGIN + 70 * 32 + 2);
    page.lines(70, 32, false);
    let (status, body) = post("/api/sheet", &page.png(0));
    assert_eq!((status, &body["error"]["code"]), (422, &json!("unreadable_sheet")));
    assert!(body["error"]["message"].as_str().unwrap().contains("4900 cells"), "{body}");

    let (status, body) = SERVER.post_json("/api/sheet", &json!({ "strokes": seven() }));
    assert_eq!((status, &body["error"]["code"]), (422, &json!("no_picture")));
}

#[test]
fn what_is_known_of_a_column_decides() {
    let read = |columns: &str| {
        let path = format!("/api/sheet?columns={}", columns.replace('"', "%22"));
        csv(&path, &table(false).png(0))
    };
    // The first column has 5, 75 and nothing; the third 77, nothing and 7.
    let (status, text) = read(r#"[{"digits":2},null,{"values":["77","71"]}]"#);
    assert_eq!((status, text), (200, json!("5?,,77\n75,5,\n,57,7?\n")));
    // What fits is taken although something else is more probable, and is unsure for it.
    let (_, text) = read(r#"[{"values":["76"]}]"#);
    let second = text.as_str().unwrap().lines().nth(1).unwrap().to_owned();
    assert!(["76?,5,", "75?,5,"].contains(&second.as_str()), "{text}");
    for bad in ["{}", "[{\"digit\":2}]", "[1]"] {
        let (status, body) = read(bad);
        assert_eq!((status, &body["error"]["code"]), (400, &json!("malformed")), "{bad}");
        assert!(body["error"]["message"].as_str().unwrap().contains("columns must be"), "{body}");
    }
}

/// The path of a request with these lines.
fn given(lines: &Value) -> String {
    let grid = json!([lines]).to_string();
    format!("/api/sheet?grid={}", grid.replace('"', "%22"))
}

/// The lines of the table, each so many pixels off.
fn lines(off: f64) -> Value {
    let [first, last] = [MARGIN as f64 + 1.0 + off, (MARGIN + 3 * CELL) as f64 + 1.0 + off];
    let shares = [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0];
    json!({
        "corners": [[first, first], [last, first], [last, last], [first, last]],
        "columns": shares, "rows": shares,
    })
}

#[test]
fn a_table_has_its_lines_and_is_read_by_them_again() {
    let png = table(false).png(0);
    let (_, body) = post("/api/sheet", &png);
    let found = &body["tables"][0]["lines"];
    for (found, wanted) in [("columns", "columns"), ("rows", "rows")].map(|(a, b)| {
        (found[a].as_array().unwrap().clone(), lines(0.0)[b].as_array().unwrap().clone())
    }) {
        assert_eq!(found.len(), wanted.len(), "{body}");
        let near =
            |(a, b): (&Value, &Value)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.01;
        assert!(found.iter().zip(&wanted).all(near), "{body}");
    }
    assert_eq!(texts(&post(&given(found), &png)), TEXTS);
    // Inexact ones are the printed ones nearby.
    for off in [-5.0, 5.0] {
        let answer = post(&given(&lines(off)), &png);
        assert_eq!(texts(&answer), TEXTS, "{off}");
        let corner = answer.1["tables"][0]["lines"]["corners"][0][0].as_f64().unwrap();
        assert!((corner - MARGIN as f64 - 1.0).abs() < 1.5, "{corner}");
    }
}

#[test]
fn lines_that_are_given_need_not_be_printed() {
    assert_eq!(texts(&post(&given(&lines(0.0)), &written(Page::new(SIDE_OF_PAGE)).png(0))), TEXTS);
    // Their corners say what is upright.
    let mut turned = lines(0.0);
    for corner in turned["corners"].as_array_mut().unwrap() {
        let [x, y] = [0, 1].map(|axis| corner[axis].as_f64().unwrap());
        *corner = json!([y, SIDE_OF_PAGE as f64 - x]);
    }
    let path = format!("{}&orientation=90", given(&turned));
    assert_eq!(texts(&post(&path, &table(false).png(1))), TEXTS);
}

#[test]
fn a_line_that_is_left_out_is_no_digit() {
    let mut lines = lines(0.0);
    lines["columns"] = json!([0.0, 1.0 / 3.0, 1.0]);
    let answer = post(&given(&lines), &table(false).png(0));
    assert_eq!(texts(&answer), [["5", "77"], ["75", "5"], ["", "577"]]);
    lines["merged"] = json!([[1, 0, 2, 1]]);
    let (_, body) = post(&given(&lines), &table(false).png(0));
    assert_eq!(body["tables"][0]["rows"][2][0]["part_of"], json!([1, 0]), "{body}");
    assert_eq!(body["tables"][0]["lines"]["merged"], lines["merged"]);
}

#[test]
fn lines_that_cannot_be_those_of_a_table_are_refused() {
    let png = table(false).png(0);
    let with = |name: &str, value: Value| {
        let mut lines = lines(0.0);
        lines[name] = value;
        given(&lines)
    };
    for path in [
        "/api/sheet?grid=1".to_owned(),
        "/api/sheet?grid=[]".to_owned(),
        with("columns", json!([0.0, 0.5])),
        with("rows", json!([0.0, 0.6, 0.4, 1.0])),
        with("corners", json!([[0, 0], [0, 9], [9, 9], [9, 0]])),
        with("merged", json!([[0, 0, 4, 1]])),
        with("lines", json!(1)),
    ] {
        let (status, body) = post(&path, &png);
        assert_eq!((status, &body["error"]["code"]), (400, &json!("malformed")), "{path}");
        assert!(body["error"]["message"].as_str().unwrap().starts_with("grid must be"), "{body}");
    }
    let elsewhere = json!([[900, 900], [990, 900], [990, 990], [900, 990]]);
    let (status, body) = post(&with("corners", elsewhere), &png);
    assert_eq!((status, &body["error"]["code"]), (422, &json!("unreadable_sheet")), "{body}");
}

#[test]
fn the_glyphs_that_were_read_are_there_if_they_are_asked_for() {
    let png = table(false).png(0);
    let seen =
        |path: &str| post(path, &png).1["tables"][0]["rows"][0][0]["digits"][0]["seen"].clone();
    assert_eq!(seen("/api/sheet"), Value::Null);
    assert!(seen("/api/sheet?explain=1").as_str().unwrap().starts_with("data:image/png;base64,"));
}
