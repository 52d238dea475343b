//! Two texts, line by line.

use std::{io::Write as _, ops::Range};

use imara_diff::{Algorithm, Hunk, InternedInput, Token};

/// Lines shown before and after a change.
const CONTEXT: u32 = 3;

/// Which lines are different.
pub(super) struct LineDiff<'t> {
    input: InternedInput<&'t [u8]>,
    diff: imara_diff::Diff,
}

impl<'t> LineDiff<'t> {
    pub(super) fn new(old: &'t [u8], new: &'t [u8]) -> Self {
        let input = InternedInput::new(old, new);
        let mut diff = imara_diff::Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        Self { input, diff }
    }

    /// How many lines were added, and how many removed.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.diff.count_additions() as usize, self.diff.count_removals() as usize)
    }

    /// The hunks of a unified diff.
    pub(super) fn unified(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut hunks = self.diff.hunks().peekable();
        let mut together: Vec<Hunk> = Vec::new();
        while let Some(hunk) = hunks.next() {
            let end = hunk.before.end;
            together.push(hunk);
            // Two changes whose context would touch are shown as one.
            if hunks.peek().is_none_or(|next| next.before.start - end > 2 * CONTEXT) {
                self.hunk(&together, &mut text);
                together.clear();
            }
        }
        text
    }

    fn hunk(&self, changes: &[Hunk], text: &mut Vec<u8>) {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
        let lines = u32::try_from(self.input.before.len()).unwrap_or(u32::MAX);
        let lead = first.before.start.min(CONTEXT);
        let trail = (lines - last.before.end).min(CONTEXT);
        let old = first.before.start - lead..last.before.end + trail;
        let new = first.after.start - lead..last.after.end + trail;
        let _ = writeln!(text, "@@ -{} +{} @@", Position(&old), Position(&new));
        let mut at = old.start;
        for change in changes {
            self.lines(&self.input.before, at..change.before.start, b' ', text);
            self.lines(&self.input.before, change.before.clone(), b'-', text);
            self.lines(&self.input.after, change.after.clone(), b'+', text);
            at = change.before.end;
        }
        self.lines(&self.input.before, at..old.end, b' ', text);
    }

    fn lines(&self, tokens: &[Token], range: Range<u32>, mark: u8, text: &mut Vec<u8>) {
        for token in tokens.get(range.start as usize..range.end as usize).unwrap_or_default() {
            let line = self.input.interner[*token];
            text.push(mark);
            text.extend_from_slice(line);
            if line.last() != Some(&b'\n') {
                text.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    }
}

/// A range of lines as a hunk names it: the first line and how many; where there are none, the line before.
struct Position<'r>(&'r Range<u32>);

impl std::fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Range { start, end } = *self.0;
        match end - start {
            0 => write!(f, "{start},0"),
            1 => write!(f, "{}", start + 1),
            count => write!(f, "{},{count}", start + 1),
        }
    }
}
