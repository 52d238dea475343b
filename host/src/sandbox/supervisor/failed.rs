//! Why nothing was started.

use std::{io, path::PathBuf};

use crate::sandbox::wire::Step;

/// Why nothing was started.
pub(super) struct Failed {
    pub(super) step: Step,
    pub(super) errno: i32,
    pub(super) file: PathBuf,
}

impl Failed {
    pub(super) fn new(step: Step, error: &io::Error, file: impl Into<PathBuf>) -> Self {
        Self { step, errno: error.raw_os_error().unwrap_or(0), file: file.into() }
    }

    /// A part of the sandbox that could not be made, in words that follow "cannot".
    pub(super) fn confining<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::new(Step::Profile, &error.into(), what)
    }
}
