//! The recipe of the README, through the whole program.

use std::{fs, path::Path};

use serde_json::Value;

use crate::kit::{Place, sha256, text};

// T-W05, T-W06, T-W12.
#[test]
fn the_pendulum_is_learned_and_its_manifest_is_true() {
    let place = Place::new();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recipes/pendulum");
    for file in fs::read_dir(recipe).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|extension| extension == "py")) {
        fs::copy(file.path(), place.work().join(file.file_name())).unwrap();
    }
    let line = ["run", "--json", "--run-id", "pendulum", "--commit", "*.json", "--", "python3", "train.py"];
    let manifest = place.type_in(line).expect(0).json();
    assert_eq!(text(&manifest, "/status"), "succeeded");
    let metric = |name: &str| manifest["metrics"][name].as_f64().unwrap_or_else(|| panic!("no `{name}`: {}", manifest["metrics"]));
    assert!(metric("open_loop_rmse") < metric("baseline_rmse") / 4.0, "{}", manifest["metrics"]);
    assert!(metric("epochs") > 1.0);

    let artifacts = manifest["artifacts"].as_array().unwrap();
    for (name, commit, media_type) in [("model.json", true, "application/json"), ("prediction.svg", false, "image/svg+xml")] {
        let artifact = artifacts.iter().find(|artifact| artifact["name"] == name).unwrap_or_else(|| panic!("no `{name}`: {artifacts:#?}"));
        let content = fs::read(place.output("pendulum").join(text(artifact, "/path"))).unwrap();
        assert_eq!(text(artifact, "/sha256"), sha256(&content), "{name}");
        assert_eq!(artifact["bytes"], Value::from(content.len()), "{name}");
        assert_eq!(artifact["commit"], Value::Bool(commit), "{name}");
        assert_eq!(text(artifact, "/media_type"), media_type);
    }
    let names: Vec<_> = artifacts.iter().map(|artifact| artifact["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    place.type_in(["manifest", "verify", "pendulum"]).expect(0);
}
