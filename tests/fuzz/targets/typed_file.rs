#![no_main]
#![allow(missing_docs, reason = "the harness makes its entry point")]

#[allow(dead_code, reason = "each program throws bytes at one reader")]
#[path = "../readers.rs"]
mod readers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| readers::typed_file(bytes));
