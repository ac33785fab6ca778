//! A checkpoint's parameters as plain layers, read without burn.

use std::collections::BTreeMap;

use burn_pack::{
    FORMAT_VERSION, HEADER_SIZE, Header, MAX_CBOR_RECURSION_DEPTH, aligned_data_section_start,
};
use ciborium::{Value, de::from_reader_with_recursion_limit};
use glyphic_kernels::LayerWeights;

use crate::network::{ConvolutionConfig, EPSILON, NetworkConfig};

/// The layers of a network of the given architecture with the parameters in `bytes`, the norms
/// folded into the convolutions.
///
/// # Errors
/// A message, if the bytes are not the parameters of such a network.
pub fn layers_from_bytes(
    config: &NetworkConfig,
    bytes: &[u8],
) -> Result<Vec<LayerWeights>, String> {
    Parameters::read(bytes)?.into_layers(config)
}

/// All parameters by their names in burn's modules.
pub(super) struct Parameters(BTreeMap<String, Parameter>);

struct Parameter {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Parameters {
    /// Reads burnpack bytes, which `burn_pack` describes: a header, a description of the tensors
    /// as CBOR, their numbers. `burn_pack::Reader` reads every type of tensor there is, and would
    /// add 21 KB to the 143 that browsers load.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let header = Header::from_bytes(bytes).map_err(|error| error.to_string())?;
        if header.version > FORMAT_VERSION {
            return Err(format!("its format has version {}", header.version));
        }
        let described = header.metadata_size as usize;
        let cut_short = || "it is cut short".to_owned();
        let description = bytes.get(HEADER_SIZE..HEADER_SIZE + described).ok_or_else(cut_short)?;
        let data = bytes.get(aligned_data_section_start(described)..).unwrap_or_default();
        let description: Value =
            from_reader_with_recursion_limit(description, MAX_CBOR_RECURSION_DEPTH)
                .map_err(|error| error.to_string())?;
        let tensors = field(&description, "tensors").and_then(Value::as_map);
        let tensors = tensors.ok_or("it describes no tensors")?;
        let parameter = |(name, tensor): &(Value, Value)| {
            let name = name.as_text().ok_or("a tensor has no name")?;
            let parameter = Parameter::read(tensor, data).map_err(|e| format!("{name} {e}"))?;
            Ok((name.to_owned(), parameter))
        };
        tensors.iter().map(parameter).collect::<Result<_, _>>().map(Self)
    }

    /// Whether every parameter is a finite number.
    pub(super) fn are_finite(&self) -> bool {
        self.0.values().flat_map(|parameter| &parameter.values).all(|value| value.is_finite())
    }

    /// The layers of a network of this architecture. The message says which parameter is missing,
    /// has another shape or belongs to no layer.
    pub(super) fn into_layers(
        mut self,
        config: &NetworkConfig,
    ) -> Result<Vec<LayerWeights>, String> {
        let mut layers = Vec::new();
        let mut channels_in = 1;
        for (i, convolution) in config.convolutions.iter().enumerate() {
            layers.push(self.convolution(
                &format!("convolutions.{i}"),
                channels_in,
                convolution,
            )?);
            channels_in = convolution.channels;
        }
        let (hidden, output) = config.linear_sizes();
        for (i, &size) in hidden.iter().enumerate() {
            layers.push(self.linear(&format!("hidden.{i}"), size)?);
        }
        layers.push(self.linear("output", output)?);
        match self.0.keys().next() {
            Some(name) => Err(format!("{name} belongs to no layer")),
            None => Ok(layers),
        }
    }

    /// A convolution with its batch norm folded in: see `Convolution::fold`.
    fn convolution(
        &mut self,
        name: &str,
        channels_in: usize,
        config: &ConvolutionConfig,
    ) -> Result<LayerWeights, String> {
        let ConvolutionConfig { channels, kernel, stride, padding } = *config;
        let shape = [channels, channels_in, kernel, kernel];
        let mut weights = self.take(format!("{name}.conv.weight"), &shape)?;
        let mut of_norm = |part| self.take(format!("{name}.norm.{part}"), &[channels]);
        let (mut gain, mut bias) = (of_norm("gamma")?, of_norm("beta")?);
        let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
        for (gain, variance) in gain.iter_mut().zip(variance) {
            *gain /= (variance + EPSILON as f32).sqrt();
        }
        for ((bias, mean), gain) in bias.iter_mut().zip(mean).zip(&gain) {
            *bias -= mean * gain;
        }
        for (weights, gain) in weights.chunks_exact_mut(channels_in * kernel * kernel).zip(gain) {
            weights.iter_mut().for_each(|weight| *weight *= gain);
        }
        Ok(LayerWeights::Convolution { shape, weights, bias, stride, padding })
    }

    fn linear(&mut self, name: &str, shape: [usize; 2]) -> Result<LayerWeights, String> {
        let weights = self.take(format!("{name}.weight"), &shape)?;
        let bias = self.take(format!("{name}.bias"), &shape[1..])?;
        Ok(LayerWeights::Linear { shape, weights, bias })
    }

    /// Removes a parameter of this shape.
    fn take(&mut self, name: String, shape: &[usize]) -> Result<Vec<f32>, String> {
        match self.0.remove(&name) {
            None => Err(format!("{name} is missing")),
            Some(parameter) if parameter.shape != shape => {
                Err(format!("{name} has the shape {:?}, not {shape:?}", parameter.shape))
            }
            Some(parameter) => Ok(parameter.values),
        }
    }
}

impl Parameter {
    /// Reads a tensor by its description. The error says what is wrong with it.
    fn read(tensor: &Value, data: &[u8]) -> Result<Self, String> {
        // Quantized tensors have more than a name for their type.
        let data_type = field(tensor, "dtype").and_then(Value::as_text).unwrap_or("quantized");
        if data_type != "F32" {
            return Err(format!("is {data_type}, not F32"));
        }
        let numbers = |key| {
            let numbers = field(tensor, key)?.as_array()?.iter();
            let number = |value: &Value| usize::try_from(value.as_integer()?).ok();
            numbers.map(number).collect::<Option<Vec<usize>>>()
        };
        let shape = numbers("shape").ok_or("has no shape")?;
        let bytes = match numbers("data_offsets").as_deref() {
            Some(&[from, to]) => data.get(from..to),
            _ => None,
        };
        let (values, rest) = bytes.ok_or("is cut short")?.as_chunks();
        let count = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        if count != Some(values.len()) || !rest.is_empty() {
            return Err(format!("has not the length of its shape {shape:?}"));
        }
        let values = values.iter().map(|&value| f32::from_le_bytes(value)).collect();
        Ok(Self { shape, values })
    }
}

/// The value of a key of a map.
fn field<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    let found = map.as_map()?.iter().find(|(name, _)| name.as_text() == Some(key));
    found.map(|(_, value)| value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::{
        module::{Module, Param, RunningState},
        tensor::{Device, Distribution, Tensor},
    };
    use burn_pack::{Bytes, DType, Reader, Writer};

    use super::*;
    use crate::{
        checkpoint::{network_from_bytes, weights_to_bytes},
        network::Network,
    };

    fn odd() -> NetworkConfig {
        let conv = |channels, kernel, stride, padding| ConvolutionConfig {
            channels,
            kernel,
            stride,
            padding,
        };
        let convolutions = vec![conv(3, 4, 3, 0), conv(7, 2, 2, 1), conv(5, 3, 1, 2)];
        NetworkConfig { convolutions, hidden: vec![11, 5], classes: 3 }
    }

    /// A network whose norms are not those of a new one.
    fn trained(config: &NetworkConfig) -> Network {
        let device = Device::flex();
        let mut network = config.init(&device);
        for convolution in &mut network.convolutions {
            let norm = convolution.norm.as_mut().unwrap();
            let [channels] = norm.gamma.val().dims();
            let random = |low, high| {
                Tensor::<1>::random([channels], Distribution::Uniform(low, high), &device)
            };
            norm.gamma = Param::from_tensor(random(-2.0, 2.0));
            norm.beta = Param::from_tensor(random(-1.0, 1.0));
            norm.running_mean = RunningState::new(random(-1.0, 1.0));
            norm.running_var = RunningState::new(random(0.0, 3.0));
        }
        network
    }

    /// The weights of a small network, changed as its parameters are.
    fn changed(change: impl FnOnce(&mut Vec<burn_pack::Tensor>)) -> Vec<u8> {
        let bytes = weights_to_bytes(&odd().init(&Device::flex())).unwrap();
        let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes)).unwrap();
        let mut tensors = reader.into_tensors().unwrap();
        change(&mut tensors);
        Writer::new(tensors).into_bytes().unwrap().to_vec()
    }

    #[test]
    fn the_layers_are_burns_to_the_last_bit() {
        let presets = [NetworkConfig::small(10), NetworkConfig::large(10), NetworkConfig::mlp(10)];
        for config in presets.into_iter().chain([odd()]) {
            let network = trained(&config);
            let layers = layers_from_bytes(&config, &weights_to_bytes(&network).unwrap()).unwrap();
            let burn = network.layer_weights().unwrap();
            assert_eq!(layers.len(), burn.len());
            // Not by assert_eq, which would print every weight.
            assert!(layers == burn, "{config:?}");
        }
    }

    #[test]
    fn rejects_parameters_of_another_network() {
        let read = |bytes: &[u8]| layers_from_bytes(&odd(), bytes).map(|_| ()).unwrap_err();
        let missing = changed(|tensors| tensors.retain(|t| t.name != "hidden.1.bias"));
        assert_eq!(read(&missing), "hidden.1.bias is missing");
        let shape = changed(|tensors| {
            let tensor = tensors.iter_mut().find(|t| t.name == "output.weight").unwrap();
            tensor.shape = vec![3, 5].into();
        });
        assert_eq!(read(&shape), "output.weight has the shape [3, 5], not [5, 3]");
        let left_over = changed(|tensors| {
            let mut tensor = tensors[0].clone();
            tensor.name = "hidden.2.bias".to_owned();
            tensors.push(tensor);
        });
        assert_eq!(read(&left_over), "hidden.2.bias belongs to no layer");
        for bytes in [missing, shape, left_over, Vec::new(), vec![0; 4096]] {
            assert!(layers_from_bytes(&odd(), &bytes).is_err());
            assert!(network_from_bytes(&odd(), bytes, &Device::flex()).is_err());
        }
    }

    #[test]
    fn sees_numbers_that_are_not_finite_in_every_parameter() {
        assert!(Parameters::read(&changed(|_| ())).unwrap().are_finite());
        let count = odd()
            .init(&Device::flex())
            .into_record()
            .into_bytes()
            .map(|bytes| Reader::from_bytes(bytes).unwrap().tensor_names().len());
        for i in 0..count.unwrap() {
            let infinite = changed(|tensors| {
                let tensor = &mut tensors[i];
                let mut bytes = tensor.to_bytes().unwrap().to_vec();
                bytes[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
                let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
                let bytes = Bytes::from_bytes_vec(bytes);
                *tensor = burn_pack::Tensor::new(name, DType::F32, shape, None, bytes);
            });
            assert!(!Parameters::read(&infinite).unwrap().are_finite(), "parameter {i}");
        }
    }

    #[test]
    fn damaged_bytes_are_taken_or_refused_as_burn_does_and_never_panic() {
        let whole = changed(|_| ());
        // Most of the damage in the header and the descriptions of the parameters.
        let described = whole.windows(13).rposition(|w| w == b"output.weight").unwrap() + 60;
        let mut state = 1u32;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let mut refused = 0;
        for round in 0..2000 {
            let mut bytes = whole.clone();
            let below = if round % 4 == 0 { bytes.len() } else { described };
            for _ in 0..1 + random(3) {
                bytes[random(below)] = random(256) as u8;
            }
            if round % 10 == 0 {
                bytes.truncate(random(bytes.len()));
            }
            let ours = layers_from_bytes(&odd(), &bytes).is_err();
            let burns = network_from_bytes(&odd(), bytes, &Device::flex()).is_err();
            assert_eq!(ours, burns, "round {round}");
            refused += usize::from(ours);
        }
        assert!((500..1900).contains(&refused), "{refused}");
    }
}
