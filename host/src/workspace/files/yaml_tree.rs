//! A YAML document as a tree that remembers where everything stands.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{FileLimits, error::Trouble, limits::Budget};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct YamlNode {
    /// In bytes, in the text.
    pub(crate) span: Range<usize>,
    /// From 1.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) value: YamlValue,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum YamlValue {
    /// A text, whether it stands there without quotes, and the type that the file says it has (`int`, `binary`).
    Scalar { text: String, plain: bool, tag: Option<String> },
    /// A list.
    List(Vec<YamlNode>),
    /// A table, in its order. Keys are nodes too.
    Table(Vec<(YamlNode, YamlNode)>),
}

/// Where and why a text is not YAML that is understood: line, column, both from 1, and the reason.
pub(crate) type YamlMistake = (usize, usize, String);

/// The only document of `text`. An alias becomes a copy of what it stands for, with
/// the places of that, and counts as such. `None` for a text without a document.
pub(crate) fn yaml_tree(text: &str, limits: FileLimits) -> Result<Option<YamlNode>, YamlMistake> {
    let mut budget = Budget::new(limits);
    tree(text, &mut budget).map_err(|trouble| {
        let text = if trouble.is_limit { format!("it has more than {}", trouble.text) } else { trouble.text };
        let place = |part: Option<u64>| part.and_then(|part| usize::try_from(part).ok()).unwrap_or(1);
        (place(trouble.spot.line), place(trouble.spot.column), text)
    })
}

pub(super) fn tree(text: &str, budget: &mut Budget) -> Result<Option<YamlNode>, Trouble> {
    let mut builder = Builder { offsets: Offsets { text, character: 0, byte: 0 }, open: vec![], anchors: HashMap::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            // Its own limit is met before the first event comes where all brackets stand in one line.
            let is_deep = error.info().contains("recursion limit");
            let deep = if is_deep { budget.at_depth(usize::MAX).err() } else { None };
            deep.unwrap_or_else(|| Trouble::new(error.info())).at(error.marker().line() as u64, error.marker().col() as u64 + 1)
        })?;
        builder.take(event, span, budget).map_err(|trouble| trouble.at(span.start.line() as u64, span.start.col() as u64 + 1))?;
    }
    Ok(builder.root)
}

struct Builder<'t> {
    offsets: Offsets<'t>,
    /// Lists and tables that are not closed, outermost first.
    open: Vec<Open>,
    /// What an alias can name.
    anchors: HashMap<usize, YamlNode>,
    root: Option<YamlNode>,
}

struct Open {
    anchor: usize,
    start: usize,
    line: usize,
    is_table: bool,
    elements: Vec<YamlNode>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span, budget: &mut Budget) -> Result<(), Trouble> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => return Err(Trouble::new("there is a second document, and one is read")),
            Event::Scalar(text, style, anchor, tag) => {
                budget.value(text.len())?;
                let (start, end) = (self.offsets.of(span.start.index()), self.offsets.of(span.end.index()));
                let value = YamlValue::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain, tag: named(tag.as_ref()) };
                self.put(anchor, YamlNode { span: start..end.max(start), line: span.start.line(), value }, budget)?;
            }
            Event::SequenceStart(anchor, tag) => self.open(anchor, tag.as_ref(), span, false, budget)?,
            Event::MappingStart(anchor, tag) => self.open(anchor, tag.as_ref(), span, true, budget)?,
            Event::SequenceEnd | Event::MappingEnd => {
                let end = self.offsets.of(span.end.index());
                if let Some(open) = self.open.pop() {
                    let (anchor, node) = open.close(end);
                    self.put(anchor, node, budget)?;
                }
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or_else(|| Trouble::new("an alias stands inside of what it names"))?;
                count(node, self.open.len() + 1, budget)?;
                let node = node.clone();
                self.put(0, node, budget)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, tag: Option<&Cow<'_, Tag>>, span: Span, is_table: bool, budget: &mut Budget) -> Result<(), Trouble> {
        budget.value(0)?;
        budget.at_depth(self.open.len() + 1)?;
        if let Some(tag) = named(tag).filter(|tag| tag != if is_table { "map" } else { "seq" }) {
            return Err(Trouble::new(format!("`!{tag}` is no type that is known here")));
        }
        let start = self.offsets.of(span.start.index());
        self.open.push(Open { anchor, start, line: span.start.line(), is_table, elements: vec![] });
        Ok(())
    }

    fn put(&mut self, anchor: usize, node: YamlNode, budget: &mut Budget) -> Result<(), Trouble> {
        if anchor != 0 {
            // What is kept for an alias is a copy as well.
            count(&node, self.open.len(), budget)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.elements.push(node),
            None if self.root.is_none() => self.root = Some(node),
            None => return Err(Trouble::new("there is a second document, and one is read")),
        }
        Ok(())
    }
}

impl Open {
    fn close(self, end: usize) -> (usize, YamlNode) {
        let value = if self.is_table {
            let mut entries = Vec::new();
            let mut elements = self.elements.into_iter();
            while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
                entries.push((key, value));
            }
            YamlValue::Table(entries)
        } else {
            YamlValue::List(self.elements)
        };
        (self.anchor, YamlNode { span: self.start..end.max(self.start), line: self.line, value })
    }
}

/// Count a copy as if it were written out. Stops aliases of aliases from becoming more than the memory holds.
fn count(node: &YamlNode, depth: usize, budget: &mut Budget) -> Result<(), Trouble> {
    budget.at_depth(depth)?;
    match &node.value {
        YamlValue::Scalar { text, .. } => budget.value(text.len()),
        YamlValue::List(elements) => {
            budget.value(0)?;
            elements.iter().try_for_each(|element| count(element, depth + 1, budget))
        }
        YamlValue::Table(entries) => {
            budget.value(0)?;
            entries.iter().try_for_each(|(key, value)| count(key, depth + 1, budget).and_then(|()| count(value, depth + 1, budget)))
        }
    }
}

/// The name of a type of YAML's own, or the whole name of another.
fn named(tag: Option<&Cow<'_, Tag>>) -> Option<String> {
    let tag = tag?;
    Some(match tag.handle.as_str() {
        "tag:yaml.org,2002:" | "!!" => tag.suffix.clone(),
        "" if tag.suffix == "!" => "str".to_owned(),
        "!" if tag.suffix.is_empty() => "str".to_owned(),
        handle => format!("{handle}{}", tag.suffix).trim_start_matches('!').to_owned(),
    })
}

/// From characters to bytes. Asked in rising order nearly always, so the text is walked once.
struct Offsets<'t> {
    text: &'t str,
    character: usize,
    byte: usize,
}

impl Offsets<'_> {
    fn of(&mut self, character: usize) -> usize {
        if character < self.character {
            let back = self.character - character;
            let before = self.text.get(..self.byte).unwrap_or_default();
            self.byte = before.char_indices().rev().nth(back - 1).map_or(0, |(at, _)| at);
        } else {
            let rest = self.text.get(self.byte..).unwrap_or_default();
            let forward = character - self.character;
            self.byte = rest.char_indices().nth(forward).map_or(self.text.len(), |(at, _)| self.byte + at);
        }
        self.character = character;
        self.byte
    }
}
