//! Files of a session: read, written, unpacked, and the inputs that a run file names.

use std::fs;

use serde_json::json;
use worldflux::{
    config::Mode,
    run::SessionOptions,
    workspace::{Body, Content, ContentLimits, InputFile},
};

use crate::kit::{Place, fresh, says, sh};

fn input(path: &str, content: &str) -> InputFile {
    InputFile::literal(path.parse().unwrap(), Content::Text(content.into()), None)
}

/// F162, F163, F165, F201, N18
#[tokio::test(flavor = "multi_thread")]
async fn files_are_put_into_the_workspace_and_taken_out_of_it() {
    let place = Place::new();
    let session = place.open().await;
    let placed = session.materialize(vec![input("in/a.txt", "a"), input(".hidden", "h")]).await.unwrap();
    assert_eq!(placed.len(), 2);
    assert_eq!(says(&session, "cat in/a.txt .hidden; printf '\\377' > in/b.bin; ln -s /etc/hostname in/link").await, "ah");
    let wanted = [".hidden", "in/*", "none.txt"].map(String::from).to_vec();
    let found = session.contents(wanted, ContentLimits::default()).await.unwrap();
    let files: Vec<_> = found.files.iter().map(|(path, body)| (path.to_string(), body.clone())).collect();
    assert_eq!(
        files,
        [
            (".hidden".into(), Body::Text("h".into())),
            ("in/a.txt".into(), Body::Text("a".into())),
            ("in/b.bin".into(), Body::Bytes(vec![0xff]))
        ]
    );
    assert_eq!((found.missing, found.skipped.len()), (vec!["none.txt".to_owned()], 1));
    session.close().await.unwrap();
}

/// F164, F232, N14, X50, X51, X52, X53
#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_the_workspace_is_read_or_written() {
    let place = Place::new();
    place.write("outside.txt", "secret");
    let session = place.open().await;
    says(&session, "ln -s /etc link; ln -s /etc/hostname file").await;
    for path in ["../../outside.txt", "link/hostname", "file", "/etc/hostname"] {
        let error = session.contents(vec![path.into()], ContentLimits::default()).await.unwrap_err();
        assert_eq!(error.code(), "workspace-read", "{path}: {error}");
    }
    let error = session.materialize(vec![input("link/worldflux-test", "x")]).await.unwrap_err();
    assert_eq!(error.code(), "workspace-write", "{error}");
    assert!("../x".parse::<worldflux::workspace::RelativePath>().is_err());
    session.materialize(vec![input("file", "replaced")]).await.unwrap();
    assert_eq!(says(&session, "cat file; test ! -L file").await, "replaced", "a link is replaced, not followed");

    let evil = "import tarfile,io,sys\nt=tarfile.open('evil.tar','w')\ni=tarfile.TarInfo('../escaped');i.size=1;t.addfile(i,io.BytesIO(b'x'))\nt.close()\n\
                t=tarfile.open('good.tar.gz','w:gz')\ni=tarfile.TarInfo('dir/f');i.size=1;i.mode=0o755;t.addfile(i,io.BytesIO(b'y'))\nt.close()\n";
    session.materialize(vec![input("make.py", evil)]).await.unwrap();
    says(&session, "python3 make.py").await;
    let archive = |name: &str| session.workspace().join(name);
    let error = session.take_archive(archive("evil.tar")).await.unwrap_err();
    assert_eq!(error.code(), "workspace-write", "{error}");
    assert!(!session.workspace().parent().unwrap().join("escaped").exists());
    session.take_archive(archive("good.tar.gz")).await.unwrap();
    assert_eq!(says(&session, "cat dir/f; test -x dir/f").await, "y");
    session.close().await.unwrap();
}

const ASSETS: &str = "[assets.notes]\nfile = 'notes.txt'\nsave_path = 'in/notes.txt'\n[assets.tree]\narchive = 'tree.tar.gz'\n\
                      [environment.env]\nNOTES = '{{static:notes}}'\n";

fn with_assets(place: &Place) {
    place.write("notes.txt", "some notes");
    place.write("tree/a.txt", "leaf");
    let project = place.project();
    let tar = std::process::Command::new("tar").args(["-czf", "tree.tar.gz", "-C", "tree", "a.txt"]).current_dir(project).status();
    assert!(tar.unwrap().success());
}

/// F167, F200, F202, F205, F212, F214, X70
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_has_its_assets_in_the_workspace_and_gets_them_again_after_a_restore() {
    let place = Place::new();
    with_assets(&place);
    let session = place.open_as(Mode::Agent, ASSETS).await;
    let notes = session.resolve(&json!({ "{{static:tree}}": ["cat {{static:notes}}"] })).await.unwrap();
    let workspace = session.workspace().display();
    assert_eq!(notes, json!({ format!("{workspace}/tree"): [format!("cat {workspace}/in/notes.txt")] }));
    assert_eq!(says(&session, "cat $NOTES tree/a.txt; echo changed > in/notes.txt; echo work > work.txt").await, "some notesleaf");
    let checkpoint = session.checkpoint(None).await.unwrap();
    let changed: Vec<_> = checkpoint.diff.changes.iter().map(|change| change.path.path.as_str()).collect();
    assert_eq!(changed, ["work.txt"], "what was given is no work");
    assert!(session.materialize_assets().await.unwrap());
    assert_eq!(says(&session, "cat in/notes.txt; echo changed > in/notes.txt; rm work.txt").await, "some notes");
    session.restore(checkpoint.checkpoint).await.unwrap();
    assert_eq!(says(&session, "cat in/notes.txt tree/a.txt work.txt").await, "some notesleafwork\n");
    assert_eq!(session.assets_for_tests().await.unwrap_err().code(), "wrong-mode");
    session.close().await.unwrap();
}

/// F168, F169, F213, F214, X71
#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_has_its_assets_beside_and_its_tests_find_theirs_by_variables() {
    let place = Place::new();
    with_assets(&place);
    let session = place.open_as(Mode::Evaluation, ASSETS).await;
    assert!(session.places().assets.ends_with("/assets"));
    assert_eq!(says(&session, "ls; cat $NOTES; cat $(dirname $NOTES)/../tree/a.txt; stat -c ' %a' $NOTES").await, "some notesleaf 444\n");
    assert!(!session.materialize_assets().await.unwrap());
    let variables = session.assets_for_tests().await.unwrap();
    assert_eq!(variables.len(), 3);
    let script = "cat $WORLDFLUX_ASSET_NOTES $WORLDFLUX_ASSET_TREE/a.txt; ls -A; ls $WORLDFLUX_ASSETS_DIR";
    assert_eq!(says(&session, script).await, "some notesleaf.evaluation_tests\nin\ntree\n");
    let before = session.current_snapshot().await.unwrap().unwrap();
    assert_eq!(session.snapshot().await.unwrap(), before, "no snapshot shows them");
    session.close().await.unwrap();
}

/// F210, F214, N14, X53, X54
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_no_asset_keeps_the_session_from_being_opened() {
    let place = Place::new();
    place.write("text.tar", "this is no archive");
    let made = "import tarfile,io\nt=tarfile.open('out.tar','w')\ni=tarfile.TarInfo('a/../../out');i.size=1;t.addfile(i,io.BytesIO(b'x'))\nt.close()\n";
    place.write("make.py", made);
    assert!(std::process::Command::new("python3").arg("make.py").current_dir(place.project()).status().unwrap().success());
    for (archive, complaint) in [
        ("archive = 'text.tar'", "archive"),
        ("archive = 'out.tar'", "out"),
        ("archive = 'none.tar'", "there is no `none.tar`"),
        ("archive = 'out.tar'\nsha256 = '0000000000000000000000000000000000000000000000000000000000000000'", "and should have"),
    ] {
        let error = place.refused(Mode::Agent, &format!("[assets.x]\n{archive}\n")).await;
        assert!(error.to_string().starts_with("asset `x`: ") && error.to_string().contains(complaint), "{archive}: {error}");
    }
    assert!(!place.project().join("out").exists());
    let runs = fs::read_dir(place.state().join("runs")).unwrap();
    assert!(runs.into_iter().all(|run| !run.unwrap().path().join("workspace").exists()), "and nothing is left of it");
}

/// F100, F110, F114, F204
#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_the_run_file_is_nothing_to_a_session() {
    let place = Place::new();
    place.write(
        "worldflux.toml",
        "command = 'touch ran'\n[environment.commands]\ncommand = 'python3'\nagent_command = 'sh'\nentry_file = '{entry_file}.sh'\n",
    );
    let settings = place.settings();
    assert_eq!(settings.environment.entry_line("main", Mode::Agent).as_deref(), Some("sh main.sh"));
    assert_eq!(settings.environment.entry_line("main", Mode::Evaluation).as_deref(), Some("python3 main.sh"));
    let session = place.host().open_session(crate::kit::in_mode(Mode::Agent, settings), fresh()).await.unwrap();
    assert_eq!(session.run(sh("ls")).await.unwrap().stdout.len(), 0);
    let manifest = session.close().await.unwrap();
    assert!(manifest.command.is_empty() && manifest.executions.len() == 1);
    let (_, listed) = place.types(&["runs"]);
    assert!(listed.contains("(session)"), "{listed}");
    let named = SessionOptions::default();
    place.host().open_session(crate::kit::anew(place.settings()), named).await.unwrap().close().await.unwrap();
    assert!(!place.project().join("ran").exists());
}
