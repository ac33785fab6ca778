//! Checkpoints as files for other programs and people: a whole checkpoint in a zip, or its
//! network as ONNX or safetensors.

pub mod archive;
pub mod metadata;
pub mod onnx;
pub mod safetensors;
