//! Uses up stack, memory and handles.

use worldflux::{
    engine::PluginFault,
    names::{Bytes, Export},
};

use crate::lab::attack;

/// RE02
#[test]
fn recursion_without_end_traps_on_either_stack() {
    for (behaviour, reason) in [("recurse", "out of bounds"), ("recurse-calls", "call stack exhausted")] {
        for export in [Export::Doctor, Export::Describe] {
            let report = attack(export, behaviour).run();
            assert!(report.trap().contains(reason), "{behaviour}: {}", report.trap());
        }
    }
}

/// RE03
#[test]
fn memory_ends_at_its_limit_and_the_guest_can_go_on() {
    let report = attack(Export::Doctor, "grow").run();
    let said = report.said();
    let mebibytes: u64 = said.strip_prefix("denied: memory ends at ").unwrap().strip_suffix(" MiB").unwrap().parse().unwrap();
    assert!((200..=256).contains(&mebibytes), "{said}");
}

#[test]
fn a_guest_that_cannot_live_with_its_memory_is_told_apart_from_other_traps() {
    let report = attack(Export::Plan, "allocate").run();
    assert_eq!(*report.fault(), PluginFault::Memory(Bytes::mebi(256)));
}

/// RE05
#[test]
fn handles_of_the_host_are_bounded() {
    let report = attack(Export::Collect, "handles").run();
    assert!(matches!(report.fault(), PluginFault::Trap(_)), "{:?}", report.fault());
}
