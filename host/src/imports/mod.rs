//! Door of the imports room.
