//! Checkpoints as files for others: the whole of one in a zip, or its network as ONNX.

pub mod archive;
pub mod onnx;
