//! Input: nothing inherited, nothing that blocks.

use std::{
    io::{Seek, Write},
    time::Duration,
};

use worldflux::{
    names::{Bytes, EndKind},
    sandbox::Stdin,
};

use crate::kit::{order, python, run};

#[test]
fn without_input_a_command_reads_its_end_at_once() {
    let output = run(order(["cat"]).output(|options| options.deadline = Some(Duration::from_secs(10))));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("", EndKind::Exited { code: 0 }));
}

#[test]
fn ten_megabytes_pass_through_a_command_that_answers_while_it_reads() {
    let text = (0..1_000_000).map(|i| format!("{i:9}\n")).collect::<Vec<_>>().concat();
    let bytes = bytes::Bytes::from(text.clone());
    let output = run(order(["cat"]).output(|options| {
        options.stdin = Stdin::Bytes(bytes);
        options.deadline = Some(Duration::from_secs(30));
    }));
    assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
    assert!(output.stdout() == text);
}

#[test]
fn a_command_that_never_reads_its_input_is_no_error() {
    let output = run(order(["echo", "done"]).output(|options| {
        options.stdin = Stdin::Bytes(vec![b'x'; 10_000_000].into());
        options.deadline = Some(Duration::from_secs(10));
    }));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("done\n", EndKind::Exited { code: 0 }));
    assert!(output.took < Duration::from_secs(5));
}

#[test]
fn a_command_that_writes_much_before_it_reads_gets_all_its_input() {
    let script = "
import sys
sys.stdout.write('x' * 5000000)
sys.stdout.flush()
print(len(sys.stdin.buffer.read()))
";
    let output = run(python(script).output(|options| {
        options.stdin = Stdin::Bytes(vec![b'y'; 3_000_000].into());
        options.deadline = Some(Duration::from_secs(30));
    }));
    assert!(output.stdout().ends_with("x3000000\n"));
    assert_eq!(output.exit.ending.stdout_bytes, Bytes(5_000_008));
}

#[test]
fn input_can_be_a_file() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"from a file").unwrap();
    file.rewind().unwrap();
    let output = run(order(["cat"]).output(|options| options.stdin = Stdin::File(file)));
    assert_eq!(output.stdout(), "from a file");
}

#[test]
fn small_input_arrives_with_its_end() {
    let output = run(order(["cat"]).output(|options| options.stdin = Stdin::Bytes("é\n".into())));
    assert_eq!(output.stdout(), "é\n");
}
