//! What a runtime is.

pub use crate::bindings::exports::worldflux::runtime::plugin::{Description, Features, FixedPaths, PathMapping};

impl Description {
    /// A runtime that streams and takes standard input, without settings, whose commands see the paths of this machine.
    pub fn new(name: impl Into<String>, version: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            settings_schema: r#"{"type":"object","additionalProperties":false}"#.into(),
            features: Features::STREAMS | Features::STDIN,
            paths: PathMapping::HostPaths,
            details: Vec::new(),
        }
    }

    /// The same with the JSON Schema (draft 2020-12) of its settings.
    #[must_use]
    pub fn settings(mut self, schema: impl Into<String>) -> Self {
        self.settings_schema = schema.into();
        self
    }

    /// The same with these features, instead of the first ones.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// The same with paths that commands see instead of those of this machine.
    #[must_use]
    pub fn paths(mut self, workspace: &str, assets: &str, output: &str) -> Self {
        let (workspace, assets, output) = (workspace.into(), assets.into(), output.into());
        self.paths = PathMapping::Fixed(FixedPaths { workspace, assets, output });
        self
    }
}
