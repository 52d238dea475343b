//! The files that a run leaves behind.

use std::{collections::BTreeSet, path::Path};

use super::{pattern::Pattern, walk::Walk};
use crate::{Artifact, Failure, context::Context, log};

/// The most artifacts of one run. Beyond it the rest is left out, and the person is told.
const MOST_ARTIFACTS: usize = 10_000;

/// What the host itself keeps in `/output`; no artifact unless a pattern names it.
const OF_THE_HOST: &[&str] = &["logs", "manifest.json"];

/// The regular files that `context.collection` asks for, and whether there were too many to take all.
///
/// Without patterns: everything below `/output` but `logs/` and `manifest.json`; the metrics file is an artifact like any other. With patterns:
/// what matches below `/output`, then what matches below `/workspace`. A pattern without a special character that names a folder takes
/// all of it. Links are never followed. The order depends on nothing but the names.
pub fn artifacts(context: &Context) -> Result<(Vec<Artifact>, bool), Failure> {
    let found = find(context)?;
    for note in &found.notes {
        log::warning(note);
    }
    Ok((found.artifacts, found.cut))
}

#[derive(Debug, Default)]
struct Found {
    artifacts: Vec<Artifact>,
    names: BTreeSet<String>,
    notes: Vec<String>,
    cut: bool,
}

fn find(context: &Context) -> Result<Found, Failure> {
    let patterns = |field: &str, texts: &[String]| texts.iter().map(|text| Pattern::new(field, text)).collect::<Result<Vec<_>, _>>();
    let wanted = patterns("collection.artifacts", &context.collection.artifacts)?;
    let commit = patterns("collection.commit", &context.collection.commit)?;
    let (output, workspace) = (&context.folders.output.guest, &context.folders.workspace.guest);
    let mut found = Found::default();
    if wanted.is_empty() {
        found.add(output, Walk::all_but(Path::new(output), OF_THE_HOST, MOST_ARTIFACTS)?, &commit);
        return Ok(found);
    }
    for root in [output, workspace] {
        let most = MOST_ARTIFACTS.saturating_sub(found.artifacts.len());
        found.add(root, Walk::of(Path::new(root), &wanted, most)?, &commit);
    }
    for (pattern, text) in wanted.iter().zip(&context.collection.artifacts) {
        let path_of = |artifact: &Artifact| {
            let inside = artifact.path.strip_prefix(output.as_str()).or_else(|| artifact.path.strip_prefix(workspace.as_str()));
            inside.is_some_and(|path| pattern.matches(path.trim_start_matches('/')))
        };
        if !found.artifacts.iter().any(path_of) {
            found.notes.push(format!("no file matches `{}`, neither in /output nor in /workspace", text.escape_debug()));
        }
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, root: &str, walk: Walk, commit: &[Pattern]) {
        for path in walk.files {
            // The same relative path in both folders is two files: the second one is told apart by its folder.
            let mut name = path.clone();
            while self.names.contains(&name) {
                name.insert_str(0, "workspace/");
            }
            self.names.insert(name.clone());
            let commit = commit.iter().any(|pattern| pattern.matches(&path));
            let media_type = media_type(&path).map(str::to_owned);
            self.artifacts.push(Artifact { name, path: format!("{root}/{path}"), commit, media_type });
        }
        if walk.unnamable > 0 {
            self.notes.push(format!("{} files in {root} are left out: their names are too long or not text", walk.unnamable));
        }
        if walk.cut && !self.cut {
            self.cut = true;
            self.notes.push(format!("{root} holds more than can be taken: the first {} artifacts are kept", self.artifacts.len()));
        }
    }
}

fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "jsonl" => "application/jsonl",
        "md" => "text/markdown",
        "mp4" => "video/mp4",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" | "log" => "text/plain",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    struct Run {
        folder: tempfile::TempDir,
        context: Context,
    }

    fn run(files: &[&str]) -> Run {
        let folder = tempfile::tempdir().unwrap();
        for name in ["output", "workspace"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        let mut context = crate::context::tests::context();
        context.folders.output.guest = folder.path().join("output").display().to_string();
        context.folders.workspace.guest = folder.path().join("workspace").display().to_string();
        Run { folder, context }
    }

    impl Run {
        fn wants(mut self, patterns: &[&str]) -> Self {
            self.context.collection.artifacts = patterns.iter().map(ToString::to_string).collect();
            self
        }

        fn names(&self) -> Vec<String> {
            find(&self.context).unwrap().artifacts.into_iter().map(|artifact| artifact.name).collect()
        }
    }

    #[test]
    fn without_patterns_all_of_output_is_taken_but_what_the_host_keeps_there() {
        let run = run(&["output/b/c.txt", "output/a.json", "output/logs/r.log", "output/manifest.json", "output/b/logs/x", "workspace/w"]);
        assert_eq!(run.names(), ["a.json", "b/c.txt", "b/logs/x"]);
    }

    #[test]
    fn patterns_look_in_output_and_then_in_the_workspace() {
        let run = run(&["output/m.json", "workspace/m.json", "workspace/plots/p.svg", "workspace/other"]);
        let run = run.wants(&["*.json", "plots"]);
        assert_eq!(run.names(), ["m.json", "workspace/m.json", "plots/p.svg"]);
        let found = find(&run.context).unwrap();
        assert!(found.artifacts[1].path.ends_with("/workspace/m.json"));
        assert!(found.notes.is_empty());
    }

    #[test]
    fn a_link_is_neither_taken_nor_followed() {
        let run = run(&["output/real", "workspace/secret/key"]).wants(&["**", "out/key", "out/*"]);
        symlink(run.folder.path().join("workspace/secret"), run.folder.path().join("output/out")).unwrap();
        symlink("/etc/passwd", run.folder.path().join("output/passwd")).unwrap();
        assert_eq!(run.names(), ["real", "secret/key"]);
    }

    #[test]
    fn those_that_match_are_marked_for_upload() {
        let mut run = run(&["output/a.json", "output/b.bin"]);
        run.context.collection.commit = vec!["*.json".into()];
        let marks: Vec<bool> = find(&run.context).unwrap().artifacts.iter().map(|artifact| artifact.commit).collect();
        assert_eq!(marks, [true, false]);
    }

    #[test]
    fn a_pattern_that_finds_nothing_is_told() {
        let run = run(&["output/a"]).wants(&["a", "*.pt"]);
        assert_eq!(find(&run.context).unwrap().notes, ["no file matches `*.pt`, neither in /output nor in /workspace"]);
    }

    #[test]
    fn too_many_files_are_cut_at_the_same_place_every_time() {
        let run = run(&[]);
        for number in 0..=MOST_ARTIFACTS {
            fs::write(run.folder.path().join(format!("output/{number:05}")), b"").unwrap();
        }
        let found = find(&run.context).unwrap();
        assert!(found.cut);
        assert_eq!(found.artifacts.len(), MOST_ARTIFACTS);
        assert_eq!(found.artifacts.last().unwrap().name, format!("{:05}", MOST_ARTIFACTS - 1));
    }

    #[test]
    fn a_chain_of_folders_deeper_than_the_bound_ends() {
        let run = run(&[]);
        let mut path = run.folder.path().join("output");
        for _ in 0..200 {
            path.push("d");
        }
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("f"), b"").unwrap();
        assert!(run.names().is_empty());
    }
}
