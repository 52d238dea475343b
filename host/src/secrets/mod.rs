//! Keeps secrets, puts them where they are used, and takes them out of what comes back.
//!
//! A plugin knows the names of secrets and never a value. The host puts a value into a request, for the place that the grant names, or into
//! the environment of the user's command; whatever comes back, and whatever is written down, goes through a [`Scrubber`] first. As soon as
//! there is a value in this process, nobody else of this user can read its memory, and it leaves no core file.
//!
//! Never: decides who may use which secret (policy does), reads the environment of the host (config does), sends a request.
//! Callers: run, which finds the values of a run; imports, which puts them into requests; cli, to set and remove them.
//! Read in order: value, guard; vault, file, keyring; held, inject, scrub, stream; error.

mod error;
mod file;
mod guard;
mod held;
mod inject;
mod keyring;
mod scrub;
mod stream;
mod value;
mod vault;

pub use error::SecretError;
pub use held::Held;
pub use inject::is_readable;
pub use scrub::Scrubber;
pub use stream::ScrubStream;
pub use value::{LONGEST, SHORTEST, SecretValue};
pub use vault::{SessionBus, Source, Store, Vault, variable_of};
