//! Ends instead of answers.

use worldflux::{engine::PluginFault, names::Export};

use crate::lab::attack;

#[test]
fn a_trap_in_any_export_is_a_fault_of_the_plugin() {
    for export in Export::ALL {
        let report = attack(export, "trap").run();
        assert!(report.trap().starts_with("wasm trap: wasm `unreachable` instruction executed"), "{export}: {}", report.trap());
        assert!(report.answer.unwrap_err().to_string().starts_with(&format!("plugin fault in `{export}`: it trapped")), "{export}");
    }
}

#[test]
fn a_panic_is_a_fault_and_its_message_is_in_the_record() {
    let report = attack(Export::Plan, "panic").run();
    assert!(report.trap().contains("unreachable"), "{}", report.trap());
    assert!(report.lines().iter().any(|line| line.contains("the rogue panics")), "{:?}", report.lines());
}

#[test]
fn exiting_is_no_answer_whatever_the_code() {
    for (export, behaviour, code) in [(Export::Doctor, "exit:0", 0), (Export::Teardown, "exit:1", 1), (Export::Describe, "exit:0", 0)] {
        let report = attack(export, behaviour).run();
        assert_eq!(*report.fault(), PluginFault::Exit(code), "{export} {behaviour}");
    }
}

#[test]
fn a_no_of_the_plugin_is_a_refusal_and_not_a_fault() {
    for export in Export::ALL.into_iter().filter(|export| *export != Export::Describe) {
        let report = attack(export, "failure").run();
        let error = report.answer.unwrap_err();
        let worldflux::engine::CallError::Refused(failure) = error else { panic!("{export}: {error}") };
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), ("the rogue says no", Some("do not use it")));
    }
}
