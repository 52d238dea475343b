//! Door of the workspace room.
