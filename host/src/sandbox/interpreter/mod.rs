//! What a program needs to start, beside what every strict command sees: itself, the links that lead to it, the interpreter that its first
//! line names, and the folder that this interpreter's library is in.
//!
//! Never: opens a folder because a program lies in it. A home folder, and whatever contains it, is never a part of the answer.
//! Callers: the launcher, before a strict start.
//! Read in order: needs, digest, links, python, pyenv.

mod digest;
mod links;
mod needs;
mod pyenv;
mod python;

pub(super) use needs::{Needs, needs, tool};
