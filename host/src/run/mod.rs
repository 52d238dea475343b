//! Door of the run room.
