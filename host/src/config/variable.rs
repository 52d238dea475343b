//! Environment variables that the user gives to the command.

/// What is written where the name of a variable is expected.
pub(super) const EXPECTED_NAME: &str = "the name of a variable: not empty, at most 256 bytes, without `=` and NUL";

/// What is written where the value of a variable is expected.
pub(super) const EXPECTED_VALUE: &str = "a value without NUL, at most 128 KiB";

/// The longest value that Linux passes to a program (`MAX_ARG_STRLEN`, name and `=` included).
const LONGEST: usize = (128 << 10) - 258;

/// What is wrong with a variable, if anything is: what would have been right.
#[must_use]
pub fn variable_fault(name: &str, value: &str) -> Option<&'static str> {
    match (is_name(name), is_value(value)) {
        (true, true) => None,
        (true, false) => Some(EXPECTED_VALUE),
        (false, _) => Some(EXPECTED_NAME),
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.contains(['=', '\0'])
}

pub(super) fn is_value(value: &str) -> bool {
    value.len() <= LONGEST && !value.contains('\0')
}
