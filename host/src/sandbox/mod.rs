//! Door of the sandbox room.
