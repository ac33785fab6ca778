//! `/api/samples`: pictures and what people say they show.

use std::{
    collections::{BTreeSet, HashMap},
    io,
};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use glyphic_model::{glyph::PREPROCESSING_VERSION, preprocess::Pictures};
use glyphic_runtime::text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{blocking, check_pictures, decode, receive},
    caller::Caller,
    error::ApiError,
    extract::{Client, Id, Json, Query},
    input::{FormInput, Input, JsonInput, Opened},
    openapi::{
        BadRequest, Conflict, Forbidden, Full, NotFound, TooLarge, TooManyRequests, Unauthorized,
        Unavailable, Unprocessable, UnsupportedType,
    },
    pieces, sample_input,
};
use crate::{
    app::App,
    samples::{
        Added, Aim, Count, Filter, Form, Keeping, Kept, NewSample, OfSource, Sample, SampleRecord,
    },
};

/// Largest raw input that is kept, in bytes, where originals are kept.
pub const MAX_RAW: usize = 8 << 20;
/// Most samples that one answer lists.
const MAX_LISTED: i64 = 500;

/// What a sample shows and who sends it: from the query, or from the body's own fields of these
/// names.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct About {
    /// What it shows; without it, the sample is to be labelled later
    pub label: Option<String>,
    /// Who or what sends it; `api`, if it is not given
    pub source: Option<String>,
}

/// A page of the samples that match.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The last id of the page before: `next` of its answer
    before: Option<String>,
    /// Most samples of the page, at most 500; 100, if it is not given
    limit: Option<i64>,
}

/// A sample that was sent.
#[derive(Serialize, ToSchema)]
pub struct AddedSample {
    /// Its id, or the id of the same one that was there already.
    id: String,
    /// What it shows.
    label: Option<String>,
    /// The label that was read before it was kept.
    prediction: String,
    /// The confidence of that, 0 to 1.
    confidence: f64,
    /// The verdict on it: `read`, `unsure` or `not_a_digit`.
    verdict: String,
    /// The checkpoint that read it.
    model: String,
    /// Whether the same picture with the same label was there already.
    duplicate: bool,
    /// The id of a sample of the same picture with another label.
    contradicts: Option<String>,
    /// Whether it is held back from training, to measure what was learned.
    held_back: bool,
}

/// Keeps a sample; answers when it is on disk. A visitor's counts, and may be trained on with its new
/// label, once the token's holder has confirmed it.
#[utoipa::path(post, path = "/api/samples", tag = "samples", params(About), security((), ("visitor" = [])), request_body(content(
        (inline(Vec<u8>) = "image/png"), (inline(Vec<u8>) = "image/jpeg"), (inline(Vec<u8>) = "application/octet-stream"),
        (JsonInput = "application/json", example = json!({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})),
        (FormInput = "multipart/form-data"), (String = "text/plain")),
        description = "An image file; JSON with `image`, `strokes` or `pixels`; a form with a field `image`; 784 bytes of pixels, ink 255 on 0"),
    responses((status = 201, body = AddedSample, description = "It is kept"),
        (status = 200, body = AddedSample, description = "It was there already"),
        BadRequest, Forbidden, TooLarge, UnsupportedType, Unprocessable, TooManyRequests, Unavailable, Full))]
pub async fn add(
    State(app): State<App>,
    Client(client): Client,
    caller: Caller,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<AddedSample>), ApiError> {
    let training = app.training()?;
    let (bytes, _room) = receive(&app, client, &headers, body).await?;
    let input = Input::of(&headers, bytes)?;
    let (keeping, pictures) = (training.keeping, app.models.engine().serving().pictures);
    let kept = decode(&app, client, input, Aim::Symbol, move |raw| keeping.of(raw, pictures));
    let (Opened { label, source, .. }, kept) = kept.await?;
    let label = about.label.or(label).as_deref().map(checked_label).transpose()?;
    let source = checked_label(about.source.or(source).as_deref().unwrap_or("api"))?;
    let kept = kept.ok_or(ApiError::NothingDrawn)?;
    if kept.raw.len() > MAX_RAW {
        return Err(ApiError::BodyTooLarge((MAX_RAW >> 20) as u16));
    }
    let sample = read(&app, kept, pictures, label, source).await?;
    let mut sent = sample.clone();
    if app.memory.is_some() {
        // What is shown for it now: the memory has a part in that.
        let shown = app.models.engine().predict(sample.glyph.clone()).await?;
        let label = shown.model.labels.get(shown.prediction.index);
        sent.prediction = label.cloned().unwrap_or_default();
        sent.confidence = f64::from(shown.prediction.confidence());
        let verdict = app.thresholds(&shown.model).verdict(&shown.prediction);
        sent.verdict = verdict.name().to_owned();
    }
    let sender = caller.sender(client);
    let added = training.store.add(vec![sample], &sender, training.quota).await?.remove(0);
    training.wake();
    let status = if added.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(AddedSample::new(added, sent))))
}

impl AddedSample {
    fn new(added: Added, sample: NewSample) -> Self {
        Self {
            id: added.id,
            label: sample.label,
            prediction: sample.prediction,
            confidence: sample.confidence,
            verdict: sample.verdict,
            model: sample.checkpoint,
            duplicate: added.duplicate,
            contradicts: added.contradicts,
            held_back: added.held_back,
        }
    }
}

/// A page of samples.
#[derive(Serialize, ToSchema)]
pub struct SampleList {
    /// Number of samples that match, on all pages.
    total: i64,
    /// What to send as `before` for the next page; `null` on the last one.
    next: Option<String>,
    /// Whether only the visitor's own samples are listed.
    own: bool,
    /// The samples, newest first.
    samples: Vec<SampleRecord>,
}

/// The samples that match, newest first: all with the token, else the visitor's own.
#[utoipa::path(get, path = "/api/samples", operation_id = "list_samples", tag = "samples", params(Filter, Page), security((), ("token" = []), ("visitor" = [])),
    responses((status = 200, body = SampleList, description = "A page of samples, newest first"),
        BadRequest, Unauthorized, Unavailable))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(page): Query<Page>,
) -> Result<Json<SampleList>, ApiError> {
    let store = &app.training()?.store;
    let filter = scoped(filter, &caller)?;
    let limit = page.limit.unwrap_or(100).clamp(1, MAX_LISTED);
    let before = page.before.filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric()));
    let samples = store.find(&filter, before.as_deref(), limit).await?;
    let next = (samples.len() as i64 == limit).then(|| samples.last().map(|s| s.id.clone()));
    // Each picture becomes a PNG.
    let shown = blocking(move || {
        let record = |sample: &Sample| SampleRecord::new(sample).with_picture(sample);
        Ok::<_, ApiError>(samples.iter().map(record).collect())
    });
    Ok(Json(SampleList {
        total: store.count(&filter).await?,
        next: next.flatten(),
        own: !caller.is_holder(),
        samples: shown.await?,
    }))
}

/// One sample, with its input: any with the token, else one of the visitor's own.
#[utoipa::path(get, path = "/api/samples/{id}", operation_id = "get_sample", tag = "samples", params(("id" = String, Path)), security((), ("token" = []), ("visitor" = [])),
    responses((status = 200, body = SampleRecord, description = "The sample, with its input"),
        BadRequest, Unauthorized, NotFound, TooManyRequests, Unavailable))]
pub async fn one(
    State(app): State<App>,
    Client(client): Client,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let store = app.training()?.store.clone();
    let sample = store.sample_of(&id, caller.scope()?).await?;
    let is_image = sample.content.form == Form::Image;
    let place = is_image.then(|| app.images.of(caller.is_holder()).take(client)).transpose();
    let place = place.inspect_err(|_| app.metrics().turned_away("answers"))?;
    let (pieces, body) = pieces::body();
    tokio::spawn(async move {
        // Held until the last byte is sent.
        let _place = place;
        let record = SampleRecord::new(&sample).with_picture(&sample);
        if let Err(error) = sample_input::send(&store, &sample, record, &pieces).await {
            tracing::error!(%error, sample = sample.id, "a sample could not be sent to its end");
            // The client gets a broken transfer, not half an image.
            let _ = pieces.send(Err(io::Error::other("the sample broke off"))).await;
        }
    });
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// The new label.
#[derive(Deserialize, ToSchema)]
pub struct Relabel {
    /// What the sample shows.
    label: String,
}

/// Gives a sample another label, or confirms the one it has. A visitor's sample counts from then on.
#[utoipa::path(patch, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path)), request_body = Relabel, security((), ("token" = [])),
    responses((status = 200, body = SampleRecord, description = "The sample as it is now"),
        BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, Unavailable))]
pub async fn relabel(
    State(app): State<App>,
    Id(id): Id,
    Json(change): Json<Relabel>,
) -> Result<Json<SampleRecord>, ApiError> {
    let training = app.training()?;
    let label = checked_label(&change.label)?;
    training.store.relabel(&id, &label).await?;
    training.wake();
    let sample = training.store.sample(&id).await?;
    Ok(Json(SampleRecord::new(&sample).with_picture(&sample)))
}

/// Number of confirmed samples.
#[derive(Serialize, ToSchema)]
pub struct ConfirmedSamples {
    /// How many were confirmed.
    confirmed: u64,
}

/// Confirms the labels of all samples that match, of those that visitors sent. They count from then
/// on, and are trained on with labels that the network does not have yet. `undo` takes it back.
#[utoipa::path(post, path = "/api/samples/confirm", tag = "samples", params(Filter), security((), ("token" = [])),
    responses((status = 200, body = ConfirmedSamples, description = "They are confirmed"),
        BadRequest, Unauthorized, Forbidden, Unavailable))]
pub async fn confirm(
    State(app): State<App>,
    Query(filter): Query<Filter>,
) -> Result<Json<ConfirmedSamples>, ApiError> {
    check(&filter)?;
    narrowed(&filter)?;
    let training = app.training()?;
    let confirmed = training.store.confirm(&filter).await?;
    training.wake();
    Ok(Json(ConfirmedSamples { confirmed }))
}

/// Number of deleted samples.
#[derive(Serialize, ToSchema)]
pub struct DeletedSamples {
    /// How many were deleted.
    deleted: u64,
}

/// How samples are deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteOptions {
    /// 1: `undo` does not bring them back, and nothing of them is left. Visitors always delete like
    /// this
    #[serde(default)]
    #[param(required = false)]
    for_good: u8,
}

/// Deletes a sample: any with the token, else one of the visitor's own. With the token, `undo` brings
/// it back, unless it is deleted for good.
#[utoipa::path(delete, path = "/api/samples/{id}", tag = "samples", params(("id" = String, Path), DeleteOptions), security((), ("token" = []), ("visitor" = [])),
    responses((status = 200, body = DeletedSamples, description = "It is deleted"),
        BadRequest, Unauthorized, Forbidden, NotFound, Unavailable))]
pub async fn delete_one(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    Query(options): Query<DeleteOptions>,
) -> Result<Json<DeletedSamples>, ApiError> {
    let store = &app.training()?.store;
    match caller.scope()? {
        None if options.for_good == 0 => store.delete_one(&id).await?,
        visitor => store.erase_one(&id, visitor).await?,
    }
    Ok(Json(DeletedSamples { deleted: 1 }))
}

/// Deletes all samples that match, a whole source for example; without the token all that match of
/// the visitor's own.
#[utoipa::path(post, path = "/api/samples/delete", tag = "samples", params(Filter, DeleteOptions), security((), ("token" = []), ("visitor" = [])),
    responses((status = 200, body = DeletedSamples, description = "They are deleted"),
        BadRequest, Unauthorized, Forbidden, Unavailable))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(options): Query<DeleteOptions>,
) -> Result<Json<DeletedSamples>, ApiError> {
    let filter = scoped(filter, &caller)?;
    let store = &app.training()?.store;
    if caller.is_holder() {
        narrowed(&filter)?;
    }
    let deleted = match caller.is_holder() && options.for_good == 0 {
        true => store.delete(&filter).await?,
        false => store.erase(&filter).await?,
    };
    Ok(Json(DeletedSamples { deleted }))
}

/// A change that was undone.
#[derive(Serialize, ToSchema)]
pub struct Undone {
    /// `delete`, `relabel` or `confirm`.
    undone: String,
    /// Number of samples that are as before.
    samples: u64,
}

/// Undoes the last deletion, relabelling or confirmation. What was deleted for good is not brought
/// back.
#[utoipa::path(post, path = "/api/samples/undo", tag = "samples", security((), ("token" = [])),
    responses((status = 200, body = Undone, description = "What was undone"),
        Unauthorized, Forbidden, Conflict, Unavailable))]
pub async fn undo(State(app): State<App>) -> Result<Json<Undone>, ApiError> {
    let (undone, samples) = app.training()?.store.undo().await?;
    Ok(Json(Undone { undone, samples }))
}

/// Counts of samples.
#[derive(Serialize, ToSchema)]
pub struct SampleSummary {
    /// All samples.
    total: i64,
    /// Those with a label.
    labelled: i64,
    /// Those that are still to be labelled.
    to_label: i64,
    /// Those that count and were labelled since the last successful fine-tuning began.
    since_training: i64,
    /// Those that count and are held back from training, to measure what is learned. Without any,
    /// `POST /api/jobs` fine-tunes nothing.
    held_back: i64,
    /// By label, without those in `unconfirmed`.
    labels: Vec<Count>,
    /// Those that visitors sent and nobody has confirmed yet, by label.
    unconfirmed: Vec<Count>,
    /// By source.
    sources: Vec<Count>,
    /// Whether only the visitor's own samples are counted.
    own: bool,
    /// What is kept.
    #[schema(inline)]
    kept: KeptInputs,
}

/// What this server keeps of what is sent to it.
#[derive(Serialize, ToSchema)]
pub struct KeptInputs {
    /// Most bytes of a sample's input.
    bytes: usize,
    /// Whether pictures are kept as they were sent, with all that is in their files.
    originals: bool,
    /// Whether what two networks read differently is kept, though nobody taught it.
    disagreements: bool,
}

/// Counts of samples, by label and by source: of all with the token, else of the visitor's own.
#[utoipa::path(get, path = "/api/samples/summary", tag = "samples", security((), ("token" = []), ("visitor" = [])),
    responses((status = 200, body = SampleSummary, description = "The counts"),
        BadRequest, Unauthorized, Unavailable))]
pub async fn summary(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<SampleSummary>, ApiError> {
    let training = app.training()?;
    let store = &training.store;
    let visitor = caller.scope()?;
    let since = store.last_learned().await?;
    let all = Filter { visitor: visitor.map(str::to_owned), ..Filter::default() };
    let that_are = |labelled| Filter { labelled: Some(labelled), ..all.clone() };
    let unconfirmed = match visitor {
        None => store.by_label(true, None).await?,
        Some(_) => Vec::new(),
    };
    let Keeping { bytes, originals, disagreements } = training.keeping;
    Ok(Json(SampleSummary {
        total: store.count(&all).await?,
        labelled: store.count(&that_are(1)).await?,
        to_label: store.count(&that_are(0)).await?,
        since_training: store.labelled_since(since, visitor).await?,
        held_back: store.held_back().await?,
        labels: store.by_label(false, visitor).await?,
        unconfirmed,
        sources: by_source(&app, store.by_source(visitor).await?).await?,
        own: visitor.is_some(),
        kept: KeptInputs { bytes, originals, disagreements },
    }))
}

/// The counts by source. A checkpoint that was deleted counts as if it had had every label.
async fn by_source(app: &App, groups: Vec<OfSource>) -> Result<Vec<Count>, ApiError> {
    let registry = app.models.registry().clone();
    blocking(move || {
        let checkpoints: BTreeSet<&String> = groups.iter().map(|group| &group.checkpoint).collect();
        let labels = |id: &String| Some((id.clone(), registry.manifest(id).ok()?.labels));
        let labels: HashMap<String, Vec<String>> =
            checkpoints.into_iter().filter_map(labels).collect();
        let knew = |checkpoint: &str, label: &str| {
            let labels = labels.get(checkpoint);
            labels.is_none_or(|labels| labels.iter().any(|known| known == label))
        };
        Ok::<_, ApiError>(Count::by_source(groups, knew))
    })
    .await
}

/// Has the network, without its memory, read what is kept of an input, which was prepared for these
/// pictures, and makes a sample of both.
pub async fn read(
    app: &App,
    kept: Kept,
    pictures: Pictures,
    label: Option<String>,
    source: String,
) -> Result<NewSample, ApiError> {
    let Kept { form, raw, glyph } = kept;
    // What others taught would hide what this sample teaches, and which labels are wrong.
    let network = app.models.engine().clone().without_memory();
    let predicted = network.predict(glyph.clone()).await?;
    let (model, prediction) = (predicted.model, predicted.prediction);
    check_pictures(form, pictures, &model)?;
    Ok(NewSample {
        source,
        label,
        prediction: model.labels.get(prediction.index).cloned().unwrap_or_default(),
        confidence: f64::from(prediction.confidence()),
        verdict: app.thresholds(&model).verdict(&prediction).name().to_owned(),
        checkpoint: model.id.clone(),
        preprocessing: PREPROCESSING_VERSION,
        form,
        raw,
        glyph,
        held_back: None,
    })
}

/// A label or a source in its normal form, without the spaces around it.
pub fn checked_label(label: &str) -> Result<String, ApiError> {
    Ok(text::label(label)?)
}

/// The filter for what its sender may see.
///
/// # Errors
/// It is one that no database takes, or its sender may see nothing.
pub fn scoped(filter: Filter, caller: &Caller) -> Result<Filter, ApiError> {
    check(&filter)?;
    Ok(Filter { visitor: caller.scope()?.map(str::to_owned), ..filter })
}

/// Refuses a filter that matches everything.
fn narrowed(filter: &Filter) -> Result<(), ApiError> {
    match filter.is_empty() {
        false => Ok(()),
        true => Err(ApiError::malformed(
            "say which samples: label, prediction, verdict, model, source, since, until, \
             disagreement, labelled, held_back or unconfirmed",
        )),
    }
}

/// Refuses a filter that no database takes.
fn check(filter: &Filter) -> Result<(), ApiError> {
    match filter.is_sound() {
        true => Ok(()),
        false => Err(ApiError::malformed("a filter must not contain a NUL")),
    }
}
