//! Door of the store room.
