//! `POST /api/read`: a drawing or a picture to the numbers in it.

use std::time::{Duration, Instant};

use axum::{body::Body, extract::State, http::HeaderMap};
use glyphic_model::{answer::ReadText, checkpoint::Manifest, number::Bounds};
use glyphic_runtime::reader::quarter_turns;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    ask::{Asked, ask},
    body::{check_pictures, decode, receive},
    error::ApiError,
    extract::{Client, Json, Query},
    input::{FormInput, Input, JsonInput},
    openapi::{BadRequest, TooLarge, TooManyRequests, Unavailable, Unprocessable, UnsupportedType},
    predict::{Timing, micros},
    schemas::ReadTextSchema,
};
use crate::{
    app::App,
    config::ThresholdOverrides,
    samples::{Aim, Effort, data_url},
};

/// Most boxes in a request.
const MOST_BOXES: usize = 256;

/// How a picture is read.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadOptions {
    /// 1 adds the glyphs that the network read
    #[serde(default)]
    #[param(required = false)]
    explain: u8,
    /// The threshold for `not_a_digit`, 0 to 1
    #[param(minimum = 0, maximum = 1)]
    reject_below: Option<f32>,
    /// The threshold for `unsure`, 0 to 1
    #[param(minimum = 0, maximum = 1)]
    unsure_below: Option<f32>,
    /// Where the symbols are: `[[x, y, width, height], …]`
    boxes: Option<String>,
    /// By how many degrees a picture is turned clockwise before it is read: 0, 90, 180 or 270. Without
    /// it, that is found out from its digits, or is 0 if `boxes` are given
    orientation: Option<usize>,
}

impl ReadOptions {
    fn thresholds(&self) -> ThresholdOverrides {
        ThresholdOverrides { reject_below: self.reject_below, unsure_below: self.unsure_below }
    }

    fn boxes(&self) -> Result<Option<Vec<Bounds>>, ApiError> {
        let Some(text) = &self.boxes else { return Ok(None) };
        let bad = |problem: String| {
            let form = "boxes must be [[x, y, width, height], …]";
            ApiError::malformed(format!("{form}: {problem}"))
        };
        let boxes: Vec<[f32; 4]> =
            serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        if boxes.is_empty() || boxes.len() > MOST_BOXES {
            return Err(bad(format!(
                "there must be 1 to {MOST_BOXES} of them, not {}",
                boxes.len()
            )));
        }
        let checked = boxes.iter().map(|&numbers| Bounds::checked(numbers)).enumerate();
        let checked = checked.map(|(i, bounds)| {
            bounds.ok_or_else(|| bad(format!("box {i} has a side below 0 or a number beyond 1e6")))
        });
        checked.collect::<Result<_, _>>().map(Some)
    }
}

/// The text in a picture, and how it was read.
#[derive(Serialize, ToSchema)]
pub struct ReadAnswer {
    #[serde(flatten)]
    #[schema(value_type = ReadTextSchema)]
    text: ReadText,
    /// Where the time went.
    timing_us: Timing,
}

/// Reads a picture of numbers: finds all segmentations into symbols, and takes the most probable.
#[utoipa::path(post, path = "/api/read", tag = "reading", params(ReadOptions), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 200, body = ReadAnswer, description = "The text of each line, and where it is"),
        BadRequest, TooLarge, UnsupportedType, Unprocessable, TooManyRequests, Unavailable))]
pub async fn read(
    State(app): State<App>,
    Client(client): Client,
    Query(options): Query<ReadOptions>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReadAnswer>, ApiError> {
    // Before the body is read: wrong thresholds are refused at once.
    app.thresholds_over(&app.models.engine().serving(), options.thresholds())?;
    let (boxes, turns) =
        (options.boxes()?, quarter_turns(options.orientation).map_err(ApiError::malformed)?);
    let (bytes, _room) = receive(&app, client, &headers, body).await?;
    let begun = Instant::now();
    let input = Input::of(&headers, bytes)?;
    let aim = Aim::Number { boxed: boxes.is_some() };
    let pictures = app.models.engine().serving().pictures;
    let found =
        decode(&app, client, input, aim, move |raw| raw.lattice(pictures, boxes.as_deref(), turns));
    let (opened, lattice) = found.await?;
    let decode = micros(begun.elapsed());
    let check = |model: &Manifest| check_pictures(opened.raw.form(), pictures, model);
    let asked = ask(&app, client, lattice, None, options.thresholds(), check).await?;
    let Asked { answer: reading, model, thresholds, queue, compute } = asked;
    let symbols = reading.lines.iter().flat_map(|line| &line.symbols);
    app.shadow.compare(&model, symbols.map(|symbol| (&symbol.glyph, &symbol.prediction)));
    app.metrics().stage("decode", Duration::from_micros(decode));
    let explained = options.explain != 0;
    let text = move || {
        let seen = |glyph: &_| explained.then(|| data_url(glyph));
        Ok(ReadText::new(reading, &model.labels, &model.id, thresholds, seen))
    };
    let text = match explained {
        // Hundreds of glyphs may become PNGs.
        true => app.lanes.lane(Effort::Light).compute(client, text).await?,
        false => text()?,
    };
    Ok(Json(ReadAnswer {
        text,
        timing_us: Timing { decode, queue: micros(queue), compute: micros(compute) },
    }))
}
