//! Costs the compiler what its bytes do not show.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use worldflux::{
    engine::{CompileLimits, CompiledCache, Compiler, Engine, LoadError},
    names::{Bytes, Digest, Export},
    sandbox::Launcher,
};

use crate::{
    guests::guest,
    lab::{call, is_healthy, lab, launcher, no_rights, run},
};

fn engine(limits: CompileLimits) -> Engine {
    Engine::new(CompiledCache::none(), Compiler::Child { launcher: launcher(), limits }).unwrap()
}

fn component(module: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {module}))")).unwrap()
}

fn refusal(engine: &Engine, component: &[u8]) -> LoadError {
    let error = engine.load(component, Digest::of(component)).err().expect("it is no plugin");
    run(is_healthy(lab()));
    error
}

#[track_caller]
fn limit(limits: CompileLimits, component: &[u8]) -> String {
    match refusal(&engine(limits), component) {
        LoadError::Limit(what) => what,
        other => panic!("{other}"),
    }
}

/// Honest in its shape, and a lot to do: so many functions of so many steps.
fn costly(functions: usize, steps: usize) -> Vec<u8> {
    let step = " local.get 0 local.get 1 i64.mul local.set 0 local.get 0 i64.const 7 i64.rotl local.set 1";
    let body = step.repeat(steps);
    component(&format!("(func (param i64 i64) (result i64){body} local.get 0)").repeat(functions))
}

/// RE11
#[test]
fn the_known_bombs_are_refused_by_their_shape() {
    let begin = std::time::Instant::now();
    for (bomb, reason) in [
        ("(func)".repeat(50_000), "it has more than 40000 functions"),
        (format!("(func {})", "i32.const 1 drop ".repeat(640_000)), "function 1 has 19200"),
        (format!("(func {} {})", "block ".repeat(10_000), "end ".repeat(10_000)), "function 1 has more than 5000 blocks inside each other"),
        (format!("(func (local {}))", "i64 ".repeat(50_000)), "function 1 has 50000 variables, at most 20000 are compiled"),
    ] {
        let said = limit(CompileLimits::default(), &component(&bomb));
        assert!(said.starts_with(reason), "{said}");
    }
    assert!(begin.elapsed() < Duration::from_secs(30));
}

/// RE11
#[test]
fn a_compiler_that_takes_more_than_its_time_or_memory_is_ended() {
    let costly = costly(3_000, 150);
    let processor = CompileLimits { processor: Duration::from_secs(1), ..CompileLimits::default() };
    assert_eq!(limit(processor, &costly), "compiling it takes more than 1 s of processor time");
    let time = CompileLimits { time: Duration::from_millis(300), ..CompileLimits::default() };
    assert_eq!(limit(time, &costly), "compiling it takes more than 300ms");
    let memory = CompileLimits { memory: Bytes::mebi(64), ..CompileLimits::default() };
    assert_eq!(limit(memory, &costly), "compiling it takes more than 64.0 MiB of memory");
}

#[test]
fn what_was_compiled_in_a_child_answers() {
    let engine = engine(CompileLimits::default());
    let bare = fs::read(guest("bare")).unwrap();
    let digest = Digest::of(&bare);
    let plugin = engine.load(&bare, digest).unwrap();
    run(async {
        let call = call(Export::Doctor, no_rights("bare", digest), Duration::from_secs(20));
        assert_eq!(engine.doctor(&plugin, call, &json!({})).await.unwrap()[0].message, "nothing is needed");
    });
}

#[test]
fn bytes_that_are_no_component_are_refused_by_the_child_as_by_the_host() {
    for bytes in [&b""[..], b"\0asm\x0d\0\x01\0\x07\x01\xff", b"hello"] {
        let here = Engine::new(CompiledCache::none(), Compiler::Here).unwrap();
        let (one, other) = (refusal(&here, bytes), refusal(&engine(CompileLimits::default()), bytes));
        assert!(matches!((&one, &other), (LoadError::Invalid(_), LoadError::Invalid(_))), "{one}; {other}");
    }
}

#[test]
fn a_program_that_does_not_dispatch_is_told_so() {
    let launcher = Launcher::with_helper(PathBuf::from("/bin/true"));
    let engine = Engine::new(CompiledCache::none(), Compiler::child(launcher)).unwrap();
    let error = refusal(&engine, &component(""));
    assert!(matches!(&error, LoadError::Compiler(reason) if reason.contains("dispatch")), "{error}");
}

#[test]
fn compilers_leave_no_process_and_several_at_once_take_turns() {
    let bare = fs::read(guest("bare")).unwrap();
    let engine = engine(CompileLimits::default());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| engine.load(&bare, Digest::of(&bare)).unwrap());
        }
    });
    let own = std::process::id().to_string();
    let compilers = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let parent = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        command.windows(9).any(|part| part == b"__compile")
            && parent.rsplit(") ").next().is_some_and(|rest| rest.split(' ').nth(1) == Some(&own))
    });
    assert_eq!(compilers.count(), 0);
}
