//! Door of the plugin room.
