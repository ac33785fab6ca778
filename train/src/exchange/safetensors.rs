//! The network as safetensors, for training with PyTorch or JAX.
//!
//! Tensors are named and laid out as PyTorch has them: `convolutions.N.weight` of
//! `[out, in, side, side]`, `linears.N.weight` of `[out, in]`, and a `bias` of `[out]` for each,
//! all F32, norms folded; the maps are flattened channel by channel. Every layer but the last
//! is followed by ReLU, strides and paddings are in the manifest, and a glyph goes in as
//! (pixel / 255 − mean) / deviation of [`MEAN`](glyphic_model::glyph::MEAN) and
//! [`STD`](glyphic_model::glyph::STD).

use anyhow::{Context, Result, ensure};
use glyphic_model::{
    LayerWeights,
    checkpoint::{Checkpoint, Manifest},
};
use glyphic_runtime::registry::Registry;
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

use super::metadata::ExportMetadata;

/// A checkpoint's network as a safetensors file.
pub fn export(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    let layers = checkpoint.network.layer_weights()?;
    let tensors: Vec<_> = layers.iter().zip(names(&layers)).flat_map(tensors).collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        Ok((name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    let entry = ExportMetadata::entry(&checkpoint.manifest, &layers)?;
    Ok(serialize(views, Some([entry].into()))?)
}

/// Publishes a network that [`export`] wrote, trained further or not, as a new checkpoint.
/// Programs that save tensors often drop the metadata; then `like` is a checkpoint of the same
/// labels and shape.
pub fn import(
    registry: &Registry,
    bytes: &[u8],
    id: String,
    like: Option<Manifest>,
) -> Result<Manifest> {
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).context("it is not a safetensors file")?;
    let file = SafeTensors::deserialize(bytes).context("it is not a safetensors file")?;
    let exported = match like {
        Some(manifest) => ExportMetadata::like(manifest),
        None => ExportMetadata::of(&metadata.metadata().clone().unwrap_or_default())?,
    };
    let config = exported.manifest.network.clone();
    let mut layers = Vec::new();
    for (i, convolution) in config.convolutions.iter().enumerate() {
        let name = format!("convolutions.{i}");
        let (shape, weights) = floats(&file, &format!("{name}.weight"))?;
        let shape = shape.try_into().ok().with_context(|| {
            format!("{name}.weight does not have the four dimensions of a convolution")
        })?;
        let (_, bias) = floats(&file, &format!("{name}.bias"))?;
        let (stride, padding) = (convolution.stride, convolution.padding);
        layers.push(LayerWeights::Convolution { shape, weights, bias, stride, padding });
    }
    for i in 0..=config.hidden.len() {
        let name = format!("linears.{i}");
        let (shape, weights) = floats(&file, &format!("{name}.weight"))?;
        let shape: [usize; 2] = shape
            .try_into()
            .ok()
            .with_context(|| format!("{name}.weight does not have two dimensions"))?;
        let (_, bias) = floats(&file, &format!("{name}.bias"))?;
        let weights = transposed(&weights, shape);
        layers.push(LayerWeights::Linear { shape: [shape[1], shape[0]], weights, bias });
    }
    ensure!(
        file.len() == 2 * layers.len(),
        "it has {} tensors, but its manifest's network has {}",
        file.len(),
        2 * layers.len()
    );
    exported.publish(registry, id, &layers)
}

/// A name for each layer.
fn names(layers: &[LayerWeights]) -> Vec<String> {
    let convolution = |layer: &&LayerWeights| matches!(layer, LayerWeights::Convolution { .. });
    let convolutions = layers.iter().filter(convolution).count();
    let name = |i: usize| match i < convolutions {
        true => format!("convolutions.{i}"),
        false => format!("linears.{}", i - convolutions),
    };
    (0..layers.len()).map(name).collect()
}

/// The names, shapes and bytes of a layer's two tensors.
fn tensors((layer, name): (&LayerWeights, String)) -> [(String, Vec<usize>, Vec<u8>); 2] {
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let (shape, weights, bias) = match layer {
        LayerWeights::Convolution { shape, weights, bias, .. } => {
            (shape.to_vec(), bytes(weights), bias)
        }
        LayerWeights::Linear { shape, weights, bias } => {
            (vec![shape[1], shape[0]], bytes(&transposed(weights, *shape)), bias)
        }
    };
    [
        (format!("{name}.weight"), shape, weights),
        (format!("{name}.bias"), vec![bias.len()], bytes(bias)),
    ]
}

/// The transpose of a matrix with these rows and columns.
fn transposed(matrix: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..columns * rows).map(|i| matrix[i % rows * columns + i / rows]).collect()
}

/// A tensor's shape and its numbers, which are all finite.
fn floats(file: &SafeTensors, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
    let tensor = file.tensor(name).with_context(|| format!("it has no tensor '{name}'"))?;
    ensure!(tensor.dtype() == Dtype::F32, "'{name}' is {:?}, not F32", tensor.dtype());
    let (numbers, _) = tensor.data().as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    ensure!(
        numbers.iter().all(|number| number.is_finite()),
        "'{name}' has numbers that are not finite"
    );
    Ok((tensor.shape().to_vec(), numbers))
}
