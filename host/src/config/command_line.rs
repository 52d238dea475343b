//! A command that is written as one text.

/// What is written where a command is expected.
pub(super) const EXPECTED: &str = "a list of words, or a text that splits into words";

/// Split a text into words as a POSIX shell would, without being one: quotes and backslashes group and escape, and nothing is expanded.
///
/// What a shell would act on (`|`, `>`, `$HOME`) is an error rather than a literal argument that surprises. Patterns such as `*.csv` stay
/// as they are, which is also what a shell does when nothing matches. The error says what was expected.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    const SHELL: &str = "no `|`, `&`, `;`, `<`, `>`, `(`, `)`, `$`, backtick or line break outside quotes, since no shell reads it: write `[\"sh\", \"-c\", \"…\"]` to use one";
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '\n' => return Err(SHELL),
            space if space.is_ascii_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(inner) => word.push(inner),
                        None => return Err("a closing `'`"),
                    }
                }
            }
            '"' => double_quoted(&mut characters, word.get_or_insert_default(), SHELL)?,
            '\\' => match characters.next() {
                Some('\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err("a character after the last `\\`"),
            },
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' => return Err(SHELL),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(characters: &mut std::str::Chars<'_>, word: &mut String, shell: &'static str) -> Result<(), &'static str> {
    loop {
        match characters.next() {
            Some('"') => return Ok(()),
            Some('\\') => match characters.next() {
                Some('\n') => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            Some('$' | '`') => return Err(shell),
            Some(inner) => word.push(inner),
            None => break,
        }
    }
    Err("a closing `\"`")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would() {
        for (text, words) in [
            ("python3 train.py", vec!["python3", "train.py"]),
            ("  a\t b  ", vec!["a", "b"]),
            ("a 'b c' \"d e\" f\\ g", vec!["a", "b c", "d e", "f g"]),
            ("a'b'\"c\"d", vec!["abcd"]),
            ("'' \"\"", vec!["", ""]),
            ("'a\"b' \"a'b\"", vec!["a\"b", "a'b"]),
            (r#""a\"b\\c\d\$""#, vec!["a\"b\\c\\d$"]),
            ("'$HOME | x' \\$HOME", vec!["$HOME | x", "$HOME"]),
            ("ls *.csv", vec!["ls", "*.csv"]),
            ("a \\\n b\n", vec!["a", "b"]),
            ("", vec![]),
        ] {
            assert_eq!(split(text), Ok(words.into_iter().map(str::to_owned).collect()), "{text:?}");
        }
    }

    #[test]
    fn what_only_a_shell_understands_is_refused() {
        for text in ["a | b", "a > b", "a && b", "a; b", "echo $HOME", "echo \"$HOME\"", "`id`", "$(id)", "a\nb", "(a)", "a < b"] {
            assert!(split(text).is_err(), "{text:?}");
        }
        assert_eq!(split("a 'b"), Err("a closing `'`"));
        assert_eq!(split("a \"b"), Err("a closing `\"`"));
        assert_eq!(split("a \\"), Err("a character after the last `\\`"));
    }

    proptest! {
        #[test]
        fn quoted_words_come_back_as_they_were(words in proptest::collection::vec("[^\0]{0,12}", 0..5)) {
            let text: Vec<_> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
            prop_assert_eq!(split(&text.join(" ")), Ok(words));
        }
    }
}
