//! A plugin that was built outside of the workspace, from the WIT alone, as its user meets it.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use crate::{guests::guest, program::User};

fn user() -> (User, PathBuf) {
    let user = User::new();
    let file = user.place("bare.wasm", &guest("bare"));
    (user, file)
}

#[test]
fn it_is_listed_when_it_is_named() {
    let (user, _) = user();
    assert_eq!(user.types("runtime list").stdout, "docker\nlocal\nreplicate\n");
    assert_eq!(user.types("runtime list --plugin ./bare.wasm").stdout, "bare\ndocker\nlocal\nreplicate\n");
    assert_eq!(user.types("--plugin bare.wasm runtime list").stdout, "bare\ndocker\nlocal\nreplicate\n");
}

#[test]
fn it_is_found_in_a_folder_of_plugins() {
    let user = User::new();
    user.place("plugins/bare.wasm", &guest("bare"));
    user.place("plugins/notes.txt", &guest("bare"));
    let list = user.command(["runtime", "list"]).env("WORLDFLUX_PLUGIN_PATH", "plugins").output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap(), "bare\ndocker\nlocal\nreplicate\n");
}

#[test]
fn its_doctor_answers() {
    let (user, _) = user();
    let said = user.types("runtime doctor ./bare.wasm");
    assert_eq!((said.code, said.stdout.as_str()), (0, "ok: bare: machine: nothing is needed\n"), "{}", said.stderr);
    let said = user.types("runtime doctor --json --plugin ./bare.wasm bare");
    let health: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(health["bare"]["findings"][0]["check"], "machine");
}

#[test]
fn what_it_is_can_be_seen_with_and_without_running_it() {
    let (user, _) = user();
    let said = user.types("runtime info --json ./bare.wasm");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let info: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(info["plugin"]["name"], "bare");
    assert_eq!(info["granted"]["command"], false);
    let said = user.types("plugin inspect --json ./bare.wasm");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let inspected: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(inspected["digest"], info["digest"]);
    assert_eq!(inspected["imports"], info["imports"]);
    let imports = inspected["imports"].as_array().unwrap();
    assert!(imports.iter().any(|import| import.as_str().unwrap().starts_with("worldflux:runtime/process@")));
    assert!(!imports.iter().any(|import| import.as_str().unwrap().starts_with("wasi:http/")), "{imports:?}");
}

#[test]
fn it_runs_once_the_line_of_the_refusal_was_typed() {
    let (user, file) = user();
    let typed = |line: &str| {
        let output = user.command(line.split_whitespace()).env("WORLDFLUX_PLUGIN_PATH", &file).output().unwrap();
        crate::program::Said::from(output)
    };
    let refused = typed("run --runtime bare --output out -- sh -c echo>marker");
    assert_eq!(refused.code, 10, "{}", refused.stderr);
    assert!(refused.stderr.contains("plugin `bare` may not launch the command that you typed: it is not granted"), "{}", refused.stderr);
    assert!(!user.project().join("marker").exists());
    let line = refused.stderr.lines().find_map(|line| Some(&line[line.find("worldflux plugin grant ")? + "worldflux ".len()..])).unwrap();
    assert_eq!(line, format!("plugin grant {} --command", file.display()));
    // As it stands: without what made the plugin known by its name.
    let granted = user.types(line);
    assert_eq!(granted.code, 0, "{}", granted.stderr);
    let ran = typed("run --runtime bare --output out2 -- echo hello");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "hello\n"), "{}", ran.stderr);
}

#[test]
fn the_line_of_the_refusal_names_the_file_where_a_file_was_named() {
    let (user, file) = user();
    let refused = user.types("run --runtime ./bare.wasm -- true");
    assert_eq!(refused.code, 10, "{}", refused.stderr);
    let line = refused.stderr.lines().find_map(|line| Some(&line[line.find("plugin grant ")?..])).unwrap();
    assert_eq!(line, format!("plugin grant {} --command", file.display()));
    assert_eq!(user.types(line).code, 0);
    assert_eq!(user.types("run --runtime ./bare.wasm -- true").code, 0);
}

#[test]
fn a_grant_is_for_these_bytes_and_no_others() {
    let (user, file) = user();
    assert_eq!(user.types("plugin grant ./bare.wasm --all-asked").code, 0);
    assert_eq!(user.types("run --runtime ./bare.wasm -- true").code, 0);
    let component = fs::read(&file).unwrap();
    let toml = worldflux::plugin::unpack(&component).unwrap().unwrap().replace("from the WIT alone\"", "from the WIT alone \"");
    fs::write(&file, worldflux::plugin::pack(&component, &toml).unwrap()).unwrap();
    assert_eq!(user.types("run --runtime ./bare.wasm -- true").code, 10);
}

#[test]
fn its_result_is_an_artifact_like_any_other() {
    let (user, _) = user();
    assert_eq!(user.types("plugin grant ./bare.wasm --all-asked").code, 0);
    let script = "echo 42 > $WORLDFLUX_OUTPUT_DIR/result.txt";
    let output = user.command(["run", "--json", "--runtime", "./bare.wasm", "--", "sh", "-c", script]).output().unwrap();
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(manifest["artifacts"][0]["name"], "result.txt", "{manifest:#}");
    assert_eq!(manifest["artifacts"][0]["bytes"], 3);
}

#[test]
fn its_manifest_has_the_same_keys_as_one_of_local() {
    let (user, _) = user();
    assert_eq!(user.types("plugin grant ./bare.wasm --all-asked").code, 0);
    let [bare, local] = ["./bare.wasm", "local"].map(|runtime| user.manifest(runtime));
    assert_eq!(keys(&bare, ""), keys(&local, ""));
}

/// The keys of a manifest, with dots; what is below a key whose names are data, or that may be null, is left out.
fn keys(value: &Value, path: &str) -> BTreeSet<String> {
    let is_data = matches!(
        path,
        "runtime"
            | "cost"
            | "metrics"
            | "durations"
            | "spec"
            | "environment"
            | "capabilities.asked"
            | "capabilities.granted"
            | "capabilities.used"
    );
    match value {
        Value::Object(object) if !is_data => {
            let below = |(key, value): (&String, &Value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let mut keys = keys(value, &path);
                keys.insert(path);
                keys
            };
            object.iter().flat_map(below).collect()
        }
        _ => BTreeSet::new(),
    }
}

#[test]
fn a_second_plugin_of_the_same_name_is_told_and_spoils_nothing() {
    let (user, file) = user();
    let component = fs::read(&file).unwrap();
    let toml = worldflux::plugin::unpack(&component).unwrap().unwrap().replace("from the WIT alone\"", "again\"");
    fs::write(user.project().join("other.wasm"), worldflux::plugin::pack(&component, &toml).unwrap()).unwrap();
    let said = user.types("runtime list --plugin ./bare.wasm --plugin ./other.wasm");
    assert_eq!((said.code, said.stdout.as_str()), (0, "bare\ndocker\nlocal\nreplicate\n"));
    assert!(said.stderr.contains("`./other.wasm` calls itself `bare`, and so does "), "{}", said.stderr);
}
