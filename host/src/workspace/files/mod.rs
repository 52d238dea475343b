//! Files that have a type: bytes become values, and values become bytes again.
//!
//! A table keeps the order of its columns and what each holds; a document is what JSON can say, and what JSON lacks is written as a table
//! with one key (see special). Whatever is read comes from a stranger: every reader counts what it makes, and stops at a limit.
//!
//! Never: opens a file by itself (a [`super::Root`] does), looks at what a value is for, or runs what a file contains.
//! Callers: the workspace; config, which reads YAML with its places.
//! Read in order: kind, limits, content, special, error, typed; then one file per format: wrapping, json, yaml, `yaml_tree`, `yaml_write`,
//! delimited, sqlite, `sqlite_write`, parquet, `parquet_write`.

mod content;
mod delimited;
mod error;
mod json;
mod kind;
mod limits;
mod parquet;
mod parquet_write;
mod special;
mod sqlite;
mod sqlite_write;
#[cfg(test)]
mod tests;
mod typed;
mod wrapping;
mod yaml;
mod yaml_tree;
mod yaml_write;

pub use content::{Column, ColumnKind, Content, Table};
pub use error::{FileError, Spot};
pub use kind::{FileKind, Format, Wrapping};
pub use limits::FileLimits;
pub use special::{bytes_of, bytes_value, float_of, float_value};
pub use typed::{decode, encode};
pub(crate) use yaml::scalar as yaml_scalar;
pub(crate) use yaml_tree::{YamlNode, YamlValue, yaml_tree};
