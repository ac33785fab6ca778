//! A network's parameters as burnpack bytes.

use burn::{
    module::{Module, ModuleVisitor, Param},
    store::ModuleRecord,
    tensor::{Bytes, DType, Device, Tensor},
};
use burn_pack::{Reader, Writer};
use sha2::{Digest, Sha256};

use crate::network::{Network, NetworkConfig};

/// The parameters with burn's ids, to which an optimiser's state refers: for a run that may be
/// resumed.
///
/// # Errors
/// burn's message, if the parameters cannot be written.
pub fn network_to_bytes(network: &Network) -> Result<Vec<u8>, String> {
    let record = network.valid().into_record();
    record.into_bytes().map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
}

/// The parameters without burn's ids, for a checkpoint. The ids are random; without them equal
/// parameters give equal bytes.
///
/// # Errors
/// burn's message, if the parameters cannot be written.
pub fn weights_to_bytes(network: &Network) -> Result<Vec<u8>, String> {
    let without_ids = || {
        let bytes = Bytes::from_bytes_vec(network_to_bytes(network)?);
        let mut tensors = Reader::from_bytes(bytes)?.into_tensors()?;
        tensors.iter_mut().for_each(|tensor| tensor.param_id = None);
        Ok(Writer::new(tensors).into_bytes()?.to_vec())
    };
    without_ids().map_err(|error: WeightsError| error.to_string())
}

/// A network of the given architecture on `device` with the parameters in `bytes`.
///
/// # Errors
/// A message, if the bytes are not the parameters of such a network.
pub fn network_from_bytes(
    config: &NetworkConfig,
    bytes: Vec<u8>,
    device: &Device,
) -> Result<Network, String> {
    // Checked here because burn panics if a tensor is not of floats.
    let tensors = Reader::from_bytes(Bytes::from_bytes_vec(bytes.clone()))
        .and_then(Reader::into_tensors)
        .map_err(|error| error.to_string())?;
    if let Some(tensor) = tensors.iter().find(|tensor| tensor.dtype != DType::F32) {
        return Err(format!("{} is {:?}, not F32", tensor.name, tensor.dtype));
    }
    drop(tensors);
    let record =
        ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|e| e.to_string())?;
    config.init(device).try_load_record(record).map_err(|e| e.to_string())
}

/// SHA-256 of `bytes`, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether every parameter is a finite number.
pub(super) fn is_finite(network: &Network) -> bool {
    struct Finite(bool);
    impl ModuleVisitor for Finite {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values: Result<Vec<f32>, _> = param.val().try_into_vec_as();
            self.0 &= values.is_ok_and(|values| values.iter().all(|v| v.is_finite()));
        }
    }
    let mut finite = Finite(true);
    network.visit(&mut finite);
    finite.0
}

type WeightsError = Box<dyn std::error::Error>;
