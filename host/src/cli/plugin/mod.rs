//! `worldflux plugin`: what a person does with plugins.
//!
//! Never: believes a stranger's text; changes anything before the last question is answered.
//! Callers: entry; runtime, for rights in words.
//! Read in order: verb, find, rights, words, pack, inspect, list, add, grant, revoke, update, audit, story.

mod add;
mod audit;
mod find;
mod grant;
mod inspect;
mod list;
mod pack;
mod revoke;
pub(super) mod rights;
mod story;
mod update;
mod verb;
mod words;

pub(super) use verb::plugin;
