//! Server-sent events, read as their bytes come (WHATWG HTML, 9.2).

/// The longest event, in bytes. One that is longer is cut there; a plugin has little memory.
const LONGEST: usize = 4 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its `event:`; `message` where it has none.
    pub kind: String,
    /// Its `data:` lines, joined by line feeds.
    pub data: String,
    /// The last `id:` of the stream so far; a server goes on after it where it finds it in the header `Last-Event-ID`.
    pub id: String,
}

/// Reads events out of bytes that come in any pieces.
#[derive(Debug, Clone, Default)]
pub struct Events {
    line: Vec<u8>,
    after_return: bool,
    kind: String,
    data: Option<String>,
    id: String,
}

impl Events {
    /// A reader that goes on after the event with this id.
    #[must_use]
    pub fn after(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// The events that end in these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                // The second half of a line end that was counted already.
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.line_ended(&String::from_utf8_lossy(&line)));
                }
                byte => {
                    self.after_return = false;
                    if self.line.len() < LONGEST {
                        self.line.push(*byte);
                    }
                }
            }
        }
        events
    }

    fn line_ended(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            let data = self.data.take()?;
            return Some(Event { kind: if kind.is_empty() { "message".into() } else { kind }, data, id: self.id.clone() });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => match &mut self.data {
                Some(data) if data.len() + value.len() < LONGEST => {
                    data.push('\n');
                    data.push_str(value);
                }
                Some(_) => {}
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\nevent: output\nid: 1:0\ndata: Once\n\nevent: output\r\nid: 1:1\r\ndata:  upon\r\ndata:\r\ndata: a\r\n\r\n\
        retry: 5\n\nevent: done\nid: 1:2\ndata: {}\n\ndata: cut";

    #[test]
    fn events_are_the_same_in_whatever_pieces_they_come() {
        let whole = Events::default().push(STREAM.as_bytes());
        let event = |kind: &str, data: &str, id: &str| Event { kind: kind.into(), data: data.into(), id: id.into() };
        assert_eq!(whole, [event("output", "Once", "1:0"), event("output", " upon\n\na", "1:1"), event("done", "{}", "1:2")]);
        for size in 1..20 {
            let mut events = Events::default();
            let pieces: Vec<_> = STREAM.as_bytes().chunks(size).flat_map(|piece| events.push(piece)).collect();
            assert_eq!(pieces, whole, "{size}");
        }
    }

    #[test]
    fn an_event_without_a_name_is_a_message_and_keeps_the_last_id() {
        let events = Events::after("7").push(b"data\n\n");
        assert_eq!(events, [Event { kind: "message".into(), data: String::new(), id: "7".into() }]);
    }
}
