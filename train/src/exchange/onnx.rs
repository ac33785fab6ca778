//! The network as ONNX, for any program that runs ONNX.
//!
//! ```text
//! pixels [n, 1, 28, 28], ink 255 on 0 ─Sub, Mul─► Conv, Relu … Flatten ─► Gemm, Relu … Gemm ─► logits [n, labels]
//! ```
//!
//! The manifest is in the file's metadata, because ONNX has no place for labels, temperature and
//! thresholds; with it the file can be imported again. Field numbers are those of `onnx.proto`
//! (github.com/onnx/onnx); only the fields in use are declared.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use glyphic_model::{
    LayerWeights,
    checkpoint::{Checkpoint, Manifest},
    glyph::{MEAN, SIDE, STD},
};
use glyphic_runtime::registry::Registry;
use prost::Message;

use super::metadata::ExportMetadata;

/// Version of the operators; all of those used here are older.
const OPSET: i64 = 13;
/// Version of the file format that goes with them.
const IR_VERSION: i64 = 7;
const FLOAT: i32 = 1;
const INT: i32 = 2;
const INTS: i32 = 7;
const INPUT: &str = "pixels";
const OUTPUT: &str = "logits";

/// A checkpoint's network as an ONNX file.
pub fn export(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    let manifest = &checkpoint.manifest;
    let layers = checkpoint.network.layer_weights()?;
    let (key, value) = ExportMetadata::entry(manifest, &layers)?;
    let model = OnnxModel {
        ir_version: IR_VERSION,
        producer: "glyphic".to_owned(),
        graph: Some(Graph::of(&manifest.id, &layers, manifest.labels.len())),
        operators: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata: vec![Property { key, value }],
    };
    Ok(model.encode_to_vec())
}

/// Publishes a network that [`export`] wrote as a new checkpoint, whose parent is the exported
/// one. Its norms are folded into its weights.
pub fn import(registry: &Registry, bytes: &[u8], id: String) -> Result<Manifest> {
    let model = OnnxModel::decode(bytes).context("it is not an ONNX file")?;
    let entries = model.metadata.into_iter().map(|property| (property.key, property.value));
    let metadata = ExportMetadata::of(&entries.collect())?;
    let manifest = &metadata.manifest;
    let graph = model.graph.context("it has no graph")?;
    let layers = graph.layers()?;
    // Another program may have changed the graph and kept the manifest.
    let as_written = graph == Graph::of(&manifest.id, &layers, manifest.labels.len());
    ensure!(as_written, "it has been changed since `train export` wrote it");
    metadata.publish(registry, id, &layers)
}

impl Graph {
    /// The graph of these layers.
    fn of(name: &str, layers: &[LayerWeights], labels: usize) -> Self {
        let mut graph = Self { name: name.to_owned(), ..Self::default() };
        graph.apply("Sub", vec![(vec![], vec![255.0 * MEAN])], vec![]);
        graph.apply("Mul", vec![(vec![], vec![1.0 / (255.0 * STD)])], vec![]);
        let mut flat = false;
        for (i, layer) in layers.iter().enumerate() {
            match layer {
                LayerWeights::Convolution { shape, weights, bias, stride, padding } => {
                    let constants =
                        vec![(shape.to_vec(), weights.clone()), (vec![shape[0]], bias.clone())];
                    let attributes = vec![
                        Attribute::ints("strides", vec![*stride as i64; 2]),
                        Attribute::ints("pads", vec![*padding as i64; 4]),
                    ];
                    graph.apply("Conv", constants, attributes);
                }
                LayerWeights::Linear { shape, weights, bias } => {
                    if !std::mem::replace(&mut flat, true) {
                        graph.apply("Flatten", vec![], vec![Attribute::int("axis", 1)]);
                    }
                    let constants =
                        vec![(shape.to_vec(), weights.clone()), (vec![shape[1]], bias.clone())];
                    graph.apply("Gemm", constants, vec![]);
                }
            }
            if i + 1 < layers.len() {
                graph.apply("Relu", vec![], vec![]);
            }
        }
        if let Some(last) = graph.nodes.last_mut() {
            last.outputs = vec![OUTPUT.to_owned()];
        }
        graph.inputs = vec![ValueInfo::of(INPUT, &[1, SIDE, SIDE])];
        graph.outputs = vec![ValueInfo::of(OUTPUT, &[labels])];
        graph
    }

    /// Adds a node after the last one, with further constants as inputs.
    fn apply(
        &mut self,
        operator: &str,
        constants: Vec<(Vec<usize>, Vec<f32>)>,
        attributes: Vec<Attribute>,
    ) {
        let last = self.nodes.last().and_then(|node| node.outputs.first());
        let mut inputs = vec![last.map_or(INPUT, String::as_str).to_owned()];
        for (shape, values) in constants {
            let name = format!("c{}", self.constants.len());
            inputs.push(name.clone());
            self.constants.push(OnnxTensor {
                shape: shape.into_iter().map(|side| side as i64).collect(),
                kind: FLOAT,
                name,
                bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            });
        }
        let outputs = vec![format!("x{}", self.nodes.len())];
        self.nodes.push(Node { inputs, outputs, operator: operator.to_owned(), attributes });
    }

    /// The layers of a graph that [`export`] made.
    fn layers(&self) -> Result<Vec<LayerWeights>> {
        let constants: HashMap<&str, &OnnxTensor> =
            self.constants.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut layers = Vec::new();
        for node in &self.nodes {
            let constant = |i: usize| -> Result<(Vec<usize>, Vec<f32>)> {
                let name = node.inputs.get(i).context("a node has no weights")?;
                constants.get(name.as_str()).context("a weight is missing")?.values()
            };
            match node.operator.as_str() {
                "Conv" => {
                    let ((shape, weights), (_, bias)) = (constant(1)?, constant(2)?);
                    let shape = shape.try_into().map_err(|_| anyhow!("a kernel is not square"))?;
                    let stride = node.attribute("strides")?;
                    let padding = node.attribute("pads")?;
                    layers.push(LayerWeights::Convolution {
                        shape,
                        weights,
                        bias,
                        stride,
                        padding,
                    });
                }
                "Gemm" => {
                    let ((shape, weights), (_, bias)) = (constant(1)?, constant(2)?);
                    let shape = shape
                        .try_into()
                        .map_err(|_| anyhow!("a matrix does not have two dimensions"))?;
                    layers.push(LayerWeights::Linear { shape, weights, bias });
                }
                "Sub" | "Mul" | "Relu" | "Flatten" => {}
                other => {
                    bail!("it has an operator '{other}', which Glyphic's networks do not have")
                }
            }
        }
        Ok(layers)
    }
}

impl Node {
    /// A whole number that is the same on all sides.
    fn attribute(&self, name: &str) -> Result<usize> {
        let attribute = self.attributes.iter().find(|attribute| attribute.name == name);
        let values = &attribute.with_context(|| format!("a convolution has no {name}"))?.ints;
        let first = *values.first().with_context(|| format!("{name} are empty"))?;
        ensure!(values.iter().all(|value| *value == first), "{name} differ from side to side");
        Ok(usize::try_from(first)?)
    }
}

impl OnnxTensor {
    fn values(&self) -> Result<(Vec<usize>, Vec<f32>)> {
        let shape: Vec<usize> =
            self.shape.iter().map(|&side| usize::try_from(side)).collect::<Result<_, _>>()?;
        let (values, rest) = self.bytes.as_chunks::<4>();
        let count = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let whole = self.kind == FLOAT && rest.is_empty() && count == Some(values.len());
        ensure!(
            whole,
            "the weights '{}' do not have as many numbers as their shape says",
            self.name
        );
        let values: Vec<f32> = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let finite = values.iter().all(|value| value.is_finite());
        ensure!(finite, "the weights '{}' are not all finite numbers", self.name);
        Ok((shape, values))
    }
}

impl Attribute {
    fn ints(name: &str, ints: Vec<i64>) -> Self {
        Self { name: name.to_owned(), int: 0, ints, kind: INTS }
    }

    fn int(name: &str, int: i64) -> Self {
        Self { name: name.to_owned(), int, ints: vec![], kind: INT }
    }
}

impl ValueInfo {
    /// A float tensor of any number of rows of this shape.
    fn of(name: &str, row: &[usize]) -> Self {
        let any = Dimension { value: None, name: Some("n".to_owned()) };
        let sides = row.iter().map(|&side| Dimension { value: Some(side as i64), name: None });
        let shape = OnnxShape { dimensions: [any].into_iter().chain(sides).collect() };
        let tensor = TensorType { kind: FLOAT, shape: Some(shape) };
        Self { name: name.to_owned(), kind: Some(Type { tensor: Some(tensor) }) }
    }
}

#[derive(Clone, PartialEq, Message)]
struct OnnxModel {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    operators: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    metadata: Vec<Property>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSet {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Property {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    constants: Vec<OnnxTensor>,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    outputs: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "4")]
    operator: String,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    int: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct OnnxTensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    shape: Vec<i64>,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<Type>,
}

#[derive(Clone, PartialEq, Message)]
struct Type {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<OnnxShape>,
}

#[derive(Clone, PartialEq, Message)]
struct OnnxShape {
    #[prost(message, repeated, tag = "1")]
    dimensions: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
}
