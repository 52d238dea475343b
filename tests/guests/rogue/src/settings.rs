//! Reads the settings: an object of texts, without a JSON library.

/// The text under the key `export`.
pub fn behaviour(settings: &str, export: &str) -> Option<String> {
    let (_, rest) = settings.split_once(&format!("\"{export}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => text.push(characters.next()?),
            c => text.push(c),
        }
    }
}
