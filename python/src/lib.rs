//! The compiled part of Glyphic's Python package: networks that read arrays, pictures and strokes. The
//! package's Python code, in `glyphic/`, converts what it is given and wraps what is answered.

mod network;
mod threads;

use pyo3::{create_exception, exceptions::PyValueError, prelude::*};

create_exception!(
    glyphic,
    GlyphicError,
    PyValueError,
    "Something cannot be read. The message says what, where, and what to do."
);

#[pymodule]
fn _glyphic(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("GlyphicError", module.py().get_type::<GlyphicError>())?;
    module.add_class::<network::Network>()
}

/// An error of Glyphic as an exception, with the same sentence.
fn raised(error: impl std::fmt::Display) -> PyErr {
    GlyphicError::new_err(error.to_string())
}
