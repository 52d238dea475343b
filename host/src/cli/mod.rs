//! Door of the cli room.
