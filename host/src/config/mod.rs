//! Door of the config room.
