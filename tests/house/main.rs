//! The rules of the house, as tables. Whoever moves a wall changes a table here, and says why in its line.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says by panicking what is wrong")]

mod arrows;
mod attacks;
mod documents;
mod doors;
mod features;
mod generated;
mod named;
mod powers;
mod protocol;
mod shape;
mod sizes;
mod sources;
mod words;
