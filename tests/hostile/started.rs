//! Does its harm while an instance is made, before any export is called.

use std::{fs, time::Duration};

use serde_json::json;
use worldflux::{
    engine::{CallError, PluginFault},
    names::{Digest, Export},
};

use crate::{
    guests::guest,
    lab::{call, lab, no_rights, run},
};

/// Begins a component.
const PREAMBLE: usize = 8;

/// `bare` with one more module, of which an instance is made with every instance of it.
fn with_module(text: &str) -> Vec<u8> {
    let mut component = fs::read(guest("bare")).unwrap();
    let index = core_modules(&component);
    let module = wat::parse_str(text).unwrap();
    section(&mut component, 1, &module);
    // One instance, of the module `index`, with no arguments.
    section(&mut component, 2, &[1, 0, u8::try_from(index).unwrap(), 0]);
    component
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    let mut length = content.len();
    while length > 0x7f {
        component.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    component.push(u8::try_from(length).unwrap());
    component.extend_from_slice(content);
}

/// How many modules the component has.
fn core_modules(component: &[u8]) -> usize {
    let (mut at, mut count) = (PREAMBLE, 0);
    while at < component.len() {
        let id = component[at];
        let (mut length, mut shift) = (0, 0);
        at += 1;
        loop {
            let byte = component[at];
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        count += usize::from(id == 1);
        at += length;
    }
    count
}

/// What comes of asking the doctor of `bare` with this module.
fn doctor(text: &str, patience: Duration) -> Result<String, CallError> {
    let component = with_module(text);
    let digest = Digest::of(&component);
    let plugin = lab().engine.load(&component, digest).unwrap();
    run(async {
        let call = call(Export::Doctor, no_rights("bare", digest), patience);
        lab().engine.doctor(&plugin, call, &json!({})).await.map(|findings| findings[0].message.clone())
    })
}

#[track_caller]
fn fault(text: &str) -> PluginFault {
    match doctor(text, Duration::from_millis(500)) {
        Err(CallError::Fault { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_honest_start_is_no_fault() {
    assert_eq!(doctor("(module (func $f) (start $f))", Duration::from_secs(20)).unwrap(), "nothing is needed");
}

/// RE10
#[test]
fn a_start_function_has_the_time_and_the_stack_of_its_call_and_no_more() {
    assert!(matches!(fault("(module (func $f (loop br 0)) (start $f))"), PluginFault::Deadline(_)));
    let PluginFault::Trap(reason) = fault("(module (func $f call $f) (start $f))") else { panic!("it recursed") };
    assert!(reason.contains("call stack exhausted"), "{reason}");
}

/// RE04
#[test]
fn a_table_of_ten_million_elements_is_refused() {
    let refused = "(module (table 1 funcref) (func $f
        (if (i32.ne (table.grow (ref.null func) (i32.const 10000000)) (i32.const -1)) (then unreachable))) (start $f))";
    assert_eq!(doctor(refused, Duration::from_secs(20)).unwrap(), "nothing is needed");
    let from_the_beginning = fault("(module (table 10000000 funcref))");
    assert!(matches!(from_the_beginning, PluginFault::Table(_)), "{from_the_beginning:?}");
}

/// RE03
#[test]
fn memory_that_is_asked_for_from_the_beginning_is_refused_like_memory_that_is_grown() {
    let refused = "(module (memory 1) (func $f
        (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))) (start $f))";
    assert_eq!(doctor(refused, Duration::from_secs(20)).unwrap(), "nothing is needed");
    let fault = fault("(module (memory 65536))");
    assert!(matches!(fault, PluginFault::Memory(_)), "{fault:?}");
}
