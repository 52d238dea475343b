//! What keeps the memory of this process to itself once a secret is in it.

use std::sync::Once;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// No core file of this process, and no look at its memory, its variables or its descriptors through `/proc` by any other process of the
/// user, from here on. What it starts is as always, and writes no core file unless it asks for one.
///
/// A variable that this process was started with stays in the kernel's copy of its environment; that too is closed by this.
pub(super) fn guard() {
    static GUARDED: Once = Once::new();
    GUARDED.call_once(|| {
        // Neither can fail: the first has a value that the kernel knows, the second lowers a limit. A kernel that refused them would not be
        // made safer by refusing the secret, which the user has given to this process already.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let Rlimit { maximum, .. } = getrlimit(Resource::Core);
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    });
}
