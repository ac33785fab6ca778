//! `POST /api/sheet`: a picture of tables to what is written in their cells.

use std::time::Instant;

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use csv::WriterBuilder;
use glyphic_model::{
    answer::{ReadSheet, SURE_CELL, SheetTable},
    checkpoint::Manifest,
    glyph::Glyph,
    number::table::Lines,
};
use glyphic_runtime::{
    cells::to_cell,
    reader::{known_columns, quarter_turns},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    ask::{Asked, ask},
    body::{decode, receive},
    error::ApiError,
    extract::{Client, Json, Query},
    input::{FormInput, Input, JsonInput},
    openapi::{BadRequest, TooLarge, TooManyRequests, Unavailable, Unprocessable, UnsupportedType},
    predict::{Timing, micros},
    schemas::ReadSheetSchema,
};
use crate::{
    app::App,
    config::ThresholdOverrides,
    samples::{Aim, Effort, Raw, data_url},
};

/// How a sheet is read.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SheetOptions {
    /// 1 adds the glyphs that the network read
    #[serde(default)]
    #[param(required = false)]
    explain: u8,
    /// The threshold for `not_a_digit`, 0 to 1
    #[param(minimum = 0, maximum = 1)]
    reject_below: Option<f32>,
    /// The threshold for `unsure`, 0 to 1; without it the server's, if it was started with one, or 0.95
    #[param(minimum = 0, maximum = 1)]
    unsure_below: Option<f32>,
    /// By how many degrees the picture is turned clockwise before it is read: 0, 90, 180 or 270.
    /// Without it, that is found out from its digits
    orientation: Option<usize>,
    /// What is known of the first columns, as JSON: a list of objects with `digits` (a number, or the
    /// least and the most), `min`, `max`, `values` (a list of texts) and `check` (`luhn`, `ean`, `isbn13`,
    /// `isbn10` or `mod11`), or `null`. Of several readings, the best that fits is taken
    columns: Option<String>,
    /// Where the lines are, if they are not to be found, as JSON: a list of the tables' `lines`, as in
    /// the answer
    grid: Option<String>,
}

/// The lines of tables, from JSON.
fn given_lines(text: Option<&str>) -> Result<Option<Vec<Lines>>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let lines = serde_json::from_str(text).map_err(|error| error.to_string());
    let lines = lines.and_then(|lines: Vec<Lines>| Lines::check(&lines).map(|()| lines));
    lines.map(Some).map_err(|problem| {
        ApiError::malformed(format!(
            "grid must be a list such as \
             [{{\"corners\":[[0,0],[90,0],[90,60],[0,60]],\"columns\":[0,0.5,1],\"rows\":[0,1]}}]: {problem}"
        ))
    })
}

impl SheetOptions {
    /// Those of the request, or for `unsure` the server's, or else a cell's own.
    fn thresholds(&self, app: &App) -> ThresholdOverrides {
        let unsure_below = self.unsure_below.or(app.unsure_below());
        let unsure_below = unsure_below.or(Some(SURE_CELL));
        ThresholdOverrides { reject_below: self.reject_below, unsure_below }
    }
}

/// The tables in a picture, and how they were read.
#[derive(Serialize, ToSchema)]
pub struct SheetAnswer {
    #[serde(flatten)]
    #[schema(value_type = ReadSheetSchema)]
    sheet: ReadSheet,
    /// Where the time went.
    timing_us: Timing,
}

/// Reads a picture of printed tables or boxes: finds their lines, and reads each cell.
#[utoipa::path(post, path = "/api/sheet", tag = "reading", params(SheetOptions), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json"), (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`; a form with a field `image`"),
    responses((status = 200, content((SheetAnswer = "application/json"), (String = "text/csv")),
            description = "What is written in each cell. With `Accept: text/csv`, a table of the texts; those that are unsure have a question mark at the end, and a question mark alone is no digit"),
        BadRequest, TooLarge, UnsupportedType, Unprocessable, TooManyRequests, Unavailable))]
pub async fn sheet(
    State(app): State<App>,
    Client(client): Client,
    Query(options): Query<SheetOptions>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    // Before the body is read: what is wrong with the options is refused at once.
    let overrides = options.thresholds(&app);
    app.thresholds_over(&app.models.engine().serving(), overrides)?;
    let turns = quarter_turns(options.orientation).map_err(ApiError::malformed)?;
    let columns = known_columns(options.columns.as_deref()).map_err(ApiError::malformed)?;
    let given = given_lines(options.grid.as_deref())?;
    let (bytes, _room) = receive(&app, client, &headers, body).await?;
    let begun = Instant::now();
    let input = Input::of(&headers, bytes)?;
    let find = move |raw: &Raw| raw.tables(given.as_deref(), turns);
    let found = decode(&app, client, input, Aim::Sheet, find);
    let (_, tables) = found.await?;
    let decode = begun.elapsed();
    app.metrics().stage("decode", decode);
    let tables = tables.with_columns(columns);
    let any = |_: &Manifest| Ok(());
    let asked = ask(&app, client, tables, Some(Effort::Heavy), overrides, any).await?;
    let Asked { answer, model, thresholds, queue, compute } = asked;
    let read = answer.map_err(|error| ApiError::Unreadable(error.to_string()))?;
    let explained = options.explain != 0 && !wants_csv(&headers);
    let seen = move |glyph: &Glyph| explained.then(|| data_url(glyph));
    let sheet = move || ReadSheet::new(read, &model.labels, &model.id, thresholds, seen);
    let sheet = match explained {
        // Thousands of glyphs may become PNGs.
        true => app.lanes.lane(Effort::Heavy).compute(client, move || Ok(sheet())).await?,
        false => sheet(),
    };
    if wants_csv(&headers) {
        return csv(&sheet);
    }
    let timing_us =
        Timing { decode: micros(decode), queue: micros(queue), compute: micros(compute) };
    Ok(Json(SheetAnswer { sheet, timing_us }).into_response())
}

/// Whether CSV is asked for before JSON.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    kinds
        .find(|kind| kind == "text/csv" || kind == "application/json" || kind == "*/*")
        .is_some_and(|kind| kind == "text/csv")
}

/// The tables as CSV, with an empty line between two.
fn csv(sheet: &ReadSheet) -> Result<Response, ApiError> {
    if sheet.tables.is_empty() {
        return Err(ApiError::Unreadable(
            "no table with printed lines is in the picture: photograph the whole table, from above, \
             in even light; /api/read reads numbers without a table"
                .to_owned(),
        ));
    }
    let parts: Result<Vec<String>, ApiError> = sheet.tables.iter().map(table).collect();
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"sheet.csv\""),
    ];
    Ok((headers, parts?.join("\n")).into_response())
}

fn table(table: &SheetTable) -> Result<String, ApiError> {
    let failed =
        |error: String| ApiError::Unreadable(format!("the table cannot be written: {error}"));
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    for row in &table.rows {
        writer
            .write_record(row.iter().map(|cell| to_cell(&cell.marked_text()).into_owned()))
            .map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}
