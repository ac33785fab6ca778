//! A network's parameters as burnpack bytes.

use burn::{
    module::Module,
    store::ModuleRecord,
    tensor::{Bytes, Device},
};
use burn_pack::{Reader, Writer};

use super::parameters::Parameters;
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
    Parameters::read(&bytes)?;
    let record =
        ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|e| e.to_string())?;
    config.init(device).try_load_record(record).map_err(|e| e.to_string())
}

type WeightsError = Box<dyn std::error::Error>;
