//! A room is a folder with a door that tells what the room is for.

use std::collections::BTreeSet;

use crate::{
    arrows::rooms_used,
    sources::{File, rust},
};

#[test]
fn every_door_tells_what_the_room_is_for_what_it_never_does_and_who_calls_it() {
    let mut wrong = Vec::new();
    for door in doors() {
        let text = comment(&door);
        for part in ["Never: ", "Callers: ", "Read in order: "] {
            if !text.contains(part) {
                wrong.push(format!("{}: has no `{part}`", door.path));
            }
        }
        if !door.text.starts_with("//! ") || door.text.starts_with("//! Never") {
            wrong.push(format!("{}: does not begin with what the room is for", door.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_door_names_all_that_is_behind_it() {
    let mut wrong = Vec::new();
    for door in doors() {
        let text = comment(&door);
        let order = text.split_once("Read in order: ").map_or("", |(_, order)| order);
        let words: Vec<_> = order.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let behind = statements(&door).into_iter().filter_map(|statement| statement.rsplit_once("mod ").map(|(_, name)| name.to_owned()));
        // What a test promises is read beside the file that it is about.
        for name in behind.filter(|name| !name.starts_with("tests")) {
            if !words.contains(&name.as_str()) {
                wrong.push(format!("{}: the order of reading leaves out `{name}`", door.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_door_names_no_caller_that_does_not_call() {
    let files = rust("host/src");
    let mut wrong = Vec::new();
    for door in doors().iter().filter(|door| door.path.matches('/').count() == 3) {
        let room = door.room().unwrap();
        let text = comment(door);
        let callers = text.split_once("Callers: ").unwrap().1.split("Read in order: ").next().unwrap().to_owned();
        for caller in doors().iter().filter_map(File::room).collect::<BTreeSet<_>>() {
            let named = callers.split(|c: char| !c.is_alphanumeric()).any(|word| word == caller);
            if named && !files.iter().any(|file| file.room() == Some(caller) && rooms_used(file).contains(room)) {
                wrong.push(format!("{}: `{caller}` does not call it", door.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_door_has_no_logic() {
    for door in doors() {
        for statement in statements(&door) {
            let item = statement.rsplit(']').next().unwrap().trim_start();
            let item = item.strip_prefix("pub").map_or(item, |rest| rest.trim_start_matches(|c: char| c != ' ').trim_start());
            let item = item.strip_prefix("crate) ").or_else(|| item.strip_prefix("super) ")).unwrap_or(item);
            assert!(item.starts_with("mod ") || item.starts_with("use ") || item.is_empty(), "{}: `{statement}`", door.path);
        }
    }
}

fn doors() -> Vec<File> {
    let doors: Vec<_> = rust("host/src").into_iter().filter(|file| file.path.ends_with("/mod.rs")).collect();
    assert!(doors.len() > 11, "every room has a door");
    doors
}

/// The comment at the top, as one line.
fn comment(door: &File) -> String {
    let lines = door.text.lines().take_while(|line| line.starts_with("//!"));
    lines.map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ").replace('`', "")
}

/// What stands between the semicolons, without comments.
fn statements(door: &File) -> Vec<String> {
    let code: String = door.code().flat_map(|(_, line)| [line.trim(), " "]).collect();
    let parts = code.split(';').map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}
