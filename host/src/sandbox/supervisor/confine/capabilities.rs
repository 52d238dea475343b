//! The rights of root, given up for good.

use std::io;

use rustix::{
    io::Errno,
    process::getuid,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    },
};

/// Give up every capability, also those that a program could get back by being executed.
///
/// Not only for tidiness: with two of them the kernel lets root read the environment of processes outside, whatever Landlock says.
pub(super) fn drop_all() -> io::Result<()> {
    if !getuid().is_root() && capabilities(None)?.permitted.is_empty() {
        // It has none, and may not even say that it wants none. That it gets none by executing a program is seen to elsewhere.
        return Ok(());
    }
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            // Bubblewrap has removed it, and who has none may remove none.
            Ok(false) => {}
            // The first that this kernel does not know.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}
