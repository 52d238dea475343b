//! Files that are no plugins: each gets its own error, before anything of it runs.

use std::{fs, path::PathBuf};

use worldflux::{
    engine::{CompiledCache, Compiler, Engine, LoadError},
    names::Digest,
    plugin::{Catalog, PackError, PluginError, PluginFile, pack, unpack},
};

use crate::{
    guests::guest,
    program::User,
    sections::{put_together, sections},
};

const TOML: &str = "[plugin]\nname = 'x'\nversion = '0.1.0'\nprotocol = 'worldflux:runtime@0.1.0'\nsummary = 's'\n";

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).unwrap()
}

fn read(bytes: &[u8]) -> Result<PluginFile, PluginError> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x.wasm");
    fs::write(&path, bytes).unwrap();
    PluginFile::read(&path)
}

#[track_caller]
fn refused(bytes: &[u8]) -> PluginError {
    read(bytes).expect_err("it is no plugin")
}

/// A component that exports an interface of the right name, with `inside` in it.
fn plugin(inside: &str) -> Vec<u8> {
    let text = format!(r#"{inside} (export "worldflux:runtime/plugin@0.1.0" (instance $plugin))"#);
    pack(&component(&text), TOML).unwrap()
}

fn load(bytes: &[u8]) -> LoadError {
    let file = read(bytes).unwrap();
    let engine = Engine::new(CompiledCache::none(), Compiler::Here).unwrap();
    engine.load(file.bytes(), file.digest).err().expect("it is no plugin")
}

#[test]
fn what_is_no_component_is_told_apart() {
    assert!(matches!(refused(b""), PluginError::Packing { cause: PackError::NotWasm, .. }));
    assert!(matches!(refused(b"#!/bin/sh\n"), PluginError::Packing { cause: PackError::NotWasm, .. }));
    let module = refused(&wat::parse_str("(module)").unwrap());
    assert!(matches!(module, PluginError::Packing { cause: PackError::CoreModule, .. }));
    assert!(module.hint().unwrap().contains("wasm32-wasip2"), "{module}");
    assert!(matches!(refused(b"\0asm\x0d\0\x02\0"), PluginError::Packing { cause: PackError::UnknownFormat { .. }, .. }));
}

#[test]
fn a_component_without_its_toml_is_told_how_to_get_it() {
    let bare = fs::read(guest("bare")).unwrap();
    let mut parts = sections(&bare);
    let toml = parts.pop().unwrap();
    let error = refused(&put_together(&parts));
    assert!(matches!(error, PluginError::Unpacked { .. }), "{error}");
    assert!(error.hint().unwrap().starts_with("worldflux plugin pack "));
    parts.extend([toml.clone(), toml]);
    assert!(matches!(refused(&put_together(&parts)), PluginError::Packing { cause: PackError::Twice, .. }));
}

#[test]
fn a_toml_that_cannot_be_used_is_named_with_its_place() {
    let bare = fs::read(guest("bare")).unwrap();
    let with = |toml: &str| refused(&pack(&bare, toml).unwrap()).to_string();
    assert!(with("[plugin").contains("line 1, column "), "{}", with("[plugin"));
    assert!(with(&TOML.replace("'x'", "'../x'")).contains("line 2, column 8"), "{}", with(&TOML.replace("'x'", "'../x'")));
    assert!(with(&format!("{TOML}surprise = 1\n")).contains("unknown field `surprise`"));
    assert!(with(&TOML.replace("0.1.0'\nsummary", "0.2.0'\nsummary")).contains("was made for worldflux:runtime@0.2.0"));
    assert!(with("").contains("missing field `plugin`"));
}

/// PT03
#[test]
fn an_import_that_no_host_has_is_refused_before_anything_is_compiled() {
    for import in ["wasi:nn/tensor@0.2.0", "wasi:cli/run@0.2.0", "worldflux:runtime/process@0.9.0", "worldflux:runtime/leases@0.1.0", "env"]
    {
        let bytes = pack(&component(&format!(r#"(import "{import}" (instance))"#)), TOML).unwrap();
        let error = refused(&bytes);
        assert!(matches!(error, PluginError::UnknownImport { .. }), "{error}");
        assert!(error.to_string().contains(import) && error.is_protocol_mismatch(), "{error}");
    }
}

/// PT04
#[test]
fn a_component_that_exports_no_plugin_is_refused() {
    let error = refused(&pack(&component(""), TOML).unwrap());
    assert!(error.to_string().ends_with("does not export `worldflux:runtime/plugin@0.1.0`; it exports: nothing"), "{error}");
    let other = r#"(instance $i) (export "worldflux:runtime/plugin@0.2.0" (instance $i))"#;
    let error = refused(&pack(&component(other), TOML).unwrap());
    assert!(error.to_string().contains("it exports: worldflux:runtime/plugin@0.2.0"), "{error}");
}

/// PT04
#[test]
fn a_plugin_without_one_of_the_exports_does_not_fit_the_protocol() {
    let error = load(&plugin("(instance $plugin)"));
    assert!(matches!(&error, LoadError::Protocol(_)), "{error}");
    // `describe` is there, as something that answers nothing.
    let wrong = r#"
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $plugin (export "describe" (func $f)))"#;
    let error = load(&plugin(wrong));
    assert!(matches!(&error, LoadError::Protocol(_)), "{error}");
    assert!(error.to_string().starts_with("it does not fit the protocol: "), "{error}");
}

/// PT03
#[test]
fn an_import_of_the_right_name_and_the_wrong_type_does_not_fit_the_protocol() {
    let wrong = r#"(import "worldflux:runtime/log@0.1.0" (instance (export "write" (func (param "x" u8))))) (instance $plugin)"#;
    let error = load(&plugin(wrong));
    assert!(matches!(&error, LoadError::Protocol(_)), "{error}");
}

#[test]
fn a_component_that_is_cut_at_any_border_of_its_sections_is_refused() {
    let whole = fs::read(guest("bare")).unwrap();
    let parts = sections(&whole);
    assert_eq!(put_together(&parts), whole);
    assert!(parts.len() > 20);
    for count in 0..parts.len() {
        let error = refused(&put_together(&parts[..count]));
        assert!(!error.to_string().is_empty(), "{count} sections");
        // With its toml it is whole for `unpack`, and still no plugin.
        let toml = unpack(&whole).unwrap().unwrap();
        if count < parts.len() - 1 {
            let packed = pack(&put_together(&parts[..count]), toml).unwrap();
            let fits = read(&packed).is_ok_and(|file| engine().load(file.bytes(), file.digest).is_ok());
            let rest_is_custom = parts[count..].iter().all(|section| section[0] == 0);
            assert!(!fits || rest_is_custom, "{count} of {} sections are a plugin", parts.len());
        }
    }
}

#[test]
fn a_file_in_the_way_is_no_plugin() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder.wasm");
    fs::create_dir(&folder).unwrap();
    assert!(matches!(PluginFile::read(&folder), Err(PluginError::Read { .. })));
    assert!(matches!(PluginFile::read(&place.path().join("none.wasm")), Err(PluginError::Read { .. })));
    let large = fs::File::create(place.path().join("large.wasm")).unwrap();
    large.set_len(65 << 20).unwrap();
    assert!(PluginFile::read(&place.path().join("large.wasm")).unwrap_err().to_string().contains("more than 64 MiB"));
    let engine = engine();
    let bytes = vec![0; (32 << 20) + 1];
    assert!(matches!(engine.load(&bytes, Digest::of(&bytes)), Err(LoadError::TooLarge { .. })));
}

#[test]
fn a_pipe_of_the_name_of_a_plugin_does_not_hold_the_host_up() {
    let place = tempfile::tempdir().unwrap();
    let pipe = place.path().join("pipe.wasm");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(PluginFile::read(&pipe).is_err()));
    assert_eq!(told.recv_timeout(std::time::Duration::from_secs(10)), Ok(true));
}

#[test]
fn a_bad_file_in_a_folder_of_plugins_spoils_only_itself() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a.wasm"), b"no wasm").unwrap();
    fs::copy(guest("bare"), place.path().join("b.wasm")).unwrap();
    let catalog = Catalog::open(&[place.path().to_owned()], []);
    let names: Vec<_> = catalog.entries().iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(names, ["bare", "docker", "local", "replicate"]);
    assert_eq!(catalog.problems().len(), 1);
}

#[test]
fn the_program_ends_with_the_code_for_another_protocol() {
    let user = User::new();
    let write = |name: &str, bytes: &[u8]| {
        let path: PathBuf = user.project().join(name);
        fs::write(path, bytes).unwrap();
    };
    write("module.wasm", &wat::parse_str("(module)").unwrap());
    write("empty.wasm", b"");
    write("lacks.wasm", &plugin("(instance $plugin)"));
    write("cut.wasm", &fs::read(guest("bare")).unwrap()[..50_000]);
    for name in ["module", "empty", "lacks", "cut"] {
        let said = user.types(&format!("run --runtime ./{name}.wasm -- touch marker"));
        assert_eq!(said.code, 13, "{name}: {}", said.stderr);
        assert!(said.stderr.starts_with("error: "), "{name}: {}", said.stderr);
        assert!(!user.project().join("marker").exists());
    }
    let said = user.types("run --runtime ./none.wasm -- true");
    assert_eq!(said.code, 2, "{}", said.stderr);
}

/// RE11
#[test]
fn the_program_ends_with_the_code_for_a_limit_where_compiling_would_cost_too_much() {
    let user = User::new();
    let bomb = plugin(&format!("(core module {}) (instance $plugin)", "(func)".repeat(50_000)));
    fs::write(user.project().join("bomb.wasm"), bomb).unwrap();
    let said = user.types("runtime info ./bomb.wasm");
    assert_eq!(said.code, 12, "{}", said.stderr);
    assert!(said.stderr.contains("it has more than 40000 functions"), "{}", said.stderr);
}

/// PT02
#[test]
fn a_plugin_that_would_call_itself_through_the_host_is_refused() {
    for import in ["worldflux:runtime/plugin@0.1.0", "worldflux:runtime/plugin"] {
        let bytes = pack(&component(&format!(r#"(import "{import}" (instance))"#)), TOML).unwrap();
        let error = refused(&bytes);
        assert!(matches!(error, PluginError::UnknownImport { .. }), "{error}");
    }
}

fn engine() -> Engine {
    Engine::new(CompiledCache::none(), Compiler::Here).unwrap()
}
