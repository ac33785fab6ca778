//! Devices that other machines lend, through burn's remote backend.

use burn::{
    remote::{ConnectError, RemoteHost},
    tensor::Device,
};

use super::{
    address::{RemoteAddress, TOKEN_VARIABLE},
    compute::ComputeDevice,
    error::DeviceError,
};

/// Connects to the lender with the token in [`TOKEN_VARIABLE`].
pub fn open(address: RemoteAddress) -> Result<ComputeDevice, DeviceError> {
    let token = std::env::var(TOKEN_VARIABLE).unwrap_or_default();
    address.connect(&token)
}

impl RemoteAddress {
    /// Connects to the lender with its token.
    ///
    /// # Errors
    /// The lender cannot be reached, rejects the token, or has no such device.
    pub fn connect(self, token: &str) -> Result<ComputeDevice, DeviceError> {
        let host = RemoteHost::websocket(&self.url).with_credential(token);
        match Device::remote_options(&host).device_index(self.number).init() {
            Ok(device) => {
                Ok(ComputeDevice { device, adapter: None, remote: Some(self), note: None })
            }
            Err(error) => {
                let advice = match error {
                    ConnectError::Unauthorized => {
                        format!("; set {TOKEN_VARIABLE} to the lender's token")
                    }
                    ConnectError::Unreachable { .. } => "; `train lend` lends one".to_owned(),
                    ConnectError::NoSuchDevice { .. } => "; devices are numbered from 0".to_owned(),
                    _ => String::new(),
                };
                Err(DeviceError::NotLent { reason: format!("{error}{advice}"), address: self })
            }
        }
    }
}
