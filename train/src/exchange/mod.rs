//! Checkpoints as files for others: the whole of one in a zip, or its network as ONNX or
//! safetensors.

pub mod archive;
pub mod onnx;
pub mod safetensors;
pub mod stated;
