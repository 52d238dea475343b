//! Door of the engine room.
