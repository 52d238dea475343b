//! `worldflux diff`.

use std::fmt::Write as _;

use super::{args::DiffArgs, context::Context, exit::Exit, output::escape};
use crate::{
    names::{Bytes, RunId},
    run::RunError,
    workspace::{Change, ChangeKind, Diff, Lines, Node, WorkspaceError},
};

/// How much text of patches goes into the JSON document.
const DOCUMENT: Bytes = Bytes::mebi(64);

/// The longest line of signs of a statistic.
const SIGNS: usize = 40;

pub(super) fn show(context: &Context, arguments: &DiffArgs) -> Result<Exit, RunError> {
    let host = context.host()?;
    host.settle()?;
    let first = host.state().resolve_run(arguments.run.as_ref().map_or("last", RunId::as_str))?;
    let second = arguments.other.as_ref().map(|run| host.state().resolve_run(run.as_str())).transpose()?;
    let compared = host.compare(&first.id, second.as_ref().map(|row| &row.id))?;
    let diff = compared.diff()?;
    if context.output.json {
        let room = if arguments.stat || arguments.name_only { Bytes(0) } else { DOCUMENT };
        context.output.document(&diff.document(room)?);
    } else if arguments.patch {
        write_patch(context, &diff)?;
    } else if arguments.name_only {
        diff.changes().iter().for_each(|change| context.output.line(&change.path.to_string()));
    } else if arguments.stat {
        context.output.data(&statistic(&diff, context.output.colour_of_data));
    } else {
        show_all(context, &diff)?;
    }
    Ok(Exit::Ok)
}

/// A reader that has gone is not an error: it has seen enough.
fn write_patch(context: &Context, diff: &Diff<'_>) -> Result<(), RunError> {
    match diff.write_patch(&mut context.output.bytes()) {
        Err(WorkspaceError::Hand { cause, .. }) if cause.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        answer => Ok(answer?),
    }
}

/// Everything, for a person: what a stranger's file holds cannot steer the terminal.
fn show_all(context: &Context, diff: &Diff<'_>) -> Result<(), RunError> {
    let colour = context.output.colour_of_data;
    for (change, document) in diff.changes().iter().zip(diff.document(DOCUMENT)?.changes) {
        let mut text = paint(&headline(change), "\x1b[1m", colour);
        text.push('\n');
        let hunks = document.patch.unwrap_or_default();
        let hunks = hunks.split_inclusive('\n').skip_while(|line| !line.starts_with("@@"));
        for line in hunks {
            let line = escape(line.trim_end_matches('\n'));
            let on = match line.as_bytes().first() {
                Some(b'@') => "\x1b[36m",
                Some(b'+') => "\x1b[32m",
                Some(b'-') => "\x1b[31m",
                _ => "",
            };
            let _ = writeln!(text, "{}", paint(&line, on, colour));
        }
        context.output.data(&text);
    }
    context.output.line(&sum(diff));
    Ok(())
}

fn paint(text: &str, on: &str, colour: bool) -> String {
    if colour && !on.is_empty() { format!("{on}{text}\x1b[0m") } else { text.to_owned() }
}

/// What happened to one path, in a line.
fn headline(change: &Change) -> String {
    let what = match change.kind {
        ChangeKind::Created => "created",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Modified => "modified",
        ChangeKind::Renamed => "renamed",
        ChangeKind::Mode => "mode",
        ChangeKind::Type => "type",
    };
    let from = change.from.as_ref().map_or_else(String::new, |from| format!("{from} -> "));
    let mut line = format!("{what:8}  {from}{}", change.path);
    let (old, new) = (change.old.as_ref().map(described), change.new.as_ref().map(described));
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            let _ = write!(line, " ({old} -> {new})");
        }
        (_, Some(node)) | (Some(node), None) if matches!(change.lines, Lines::Binary | Lines::Large) || !node.starts_with("file") => {
            let _ = write!(line, " ({node})");
        }
        _ => {}
    }
    line
}

fn described(node: &Node) -> String {
    match node {
        Node::File { executable: true, bytes, .. } => format!("executable file, {bytes}"),
        Node::File { bytes, .. } => format!("file, {bytes}"),
        Node::Link(target) => format!("link to {}", target.to_string_lossy().escape_debug().take(200).collect::<String>()),
        Node::Folder => "empty folder".to_owned(),
    }
}

fn statistic(diff: &Diff<'_>, colour: bool) -> String {
    let width = diff.changes().iter().map(|change| change.path.to_string().chars().count()).max().unwrap_or(0).min(80);
    let counted = |change: &Change| match change.lines {
        Lines::Counted { added, removed } => Some((added, removed)),
        Lines::Binary | Lines::Large => None,
    };
    let most = diff.changes().iter().filter_map(counted).map(|(added, removed)| added + removed).max().unwrap_or(0).max(1);
    let mut text = String::new();
    for change in diff.changes() {
        let path = change.path.to_string();
        let Some((added, removed)) = counted(change) else {
            let _ = writeln!(text, " {path:width$} | binary");
            continue;
        };
        let signs = |count: usize| if most <= SIGNS { count } else { (count * SIGNS).div_ceil(most) };
        let (plus, minus) = (paint(&"+".repeat(signs(added)), "\x1b[32m", colour), paint(&"-".repeat(signs(removed)), "\x1b[31m", colour));
        let _ = writeln!(text, "{}", format!(" {path:width$} | {:>5} {plus}{minus}", added + removed).trim_end());
    }
    let _ = writeln!(text, "{}", sum(diff));
    text
}

fn sum(diff: &Diff<'_>) -> String {
    let stats = diff.stats();
    let paths = [(stats.created, "created"), (stats.deleted, "deleted"), (stats.modified, "modified"), (stats.renamed, "renamed")];
    let paths: Vec<_> = paths.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if paths.is_empty() {
        return "nothing changed".to_owned();
    }
    format!("{}; lines: {} added, {} removed", paths.join(", "), stats.lines_added, stats.lines_removed)
}
