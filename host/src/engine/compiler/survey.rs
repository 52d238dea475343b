//! What a component looks like, before it is compiled.
//!
//! Each of these limits stops a component that is small and costs the compiler a lot. An honest one, with the interpreter of a language
//! inside, has a third of it at most.

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use super::answer::Answer;

/// Functions in all modules together. Each costs a tenth of a millisecond and ten kilobytes, however short it is.
const FUNCTIONS: u64 = 40_000;

/// Bytes of one function. One function is compiled by one thread, in memory that grows faster than its length.
const FUNCTION: usize = 1 << 20;

/// Variables of one function, and of all together: a few bytes declare thousands, and the compiler looks after each.
const LOCALS: (u64, u64) = (20_000, 4_000_000);

/// Blocks inside each other.
const NESTING: usize = 5_000;

/// Sections of all modules and components together.
const SECTIONS: u64 = 100_000;

/// Modules and components inside each other and beside each other.
const MODULES: u64 = 1_000;

/// The first limit that `component` is above, or why it is no component.
pub(super) fn check(component: &[u8]) -> Result<(), Answer> {
    let mut seen = Survey::default();
    for payload in Parser::new(0).parse_all(component) {
        seen.take(payload.map_err(invalid)?)?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed over by `map_err`")]
fn invalid(error: BinaryReaderError) -> Answer {
    Answer::Invalid(format!("{} (at byte {})", error.message(), error.offset()))
}

#[derive(Default)]
struct Survey {
    functions: u64,
    locals: u64,
    sections: u64,
    modules: u64,
    number: u64,
}

impl Survey {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), Answer> {
        count(&mut self.sections, 1, SECTIONS, "sections")?;
        match payload {
            Payload::Version { .. } => count(&mut self.modules, 1, MODULES, "modules and components"),
            Payload::CodeSectionStart { count: functions, .. } => {
                // Every function is counted below once more, as a payload of the parser.
                self.sections = self.sections.saturating_sub(u64::from(functions));
                count(&mut self.functions, u64::from(functions), FUNCTIONS, "functions")
            }
            Payload::CodeSectionEntry(body) => self.function(&body),
            _ => Ok(()),
        }
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), Answer> {
        self.number += 1;
        let bytes = body.range().len();
        if bytes > FUNCTION {
            return Err(Answer::Limit(format!("function {} has {bytes} bytes, at most {FUNCTION} are compiled", self.number)));
        }
        let mut locals = 0;
        for group in body.get_locals_reader().map_err(invalid)? {
            locals += u64::from(group.map_err(invalid)?.0);
        }
        if locals > LOCALS.0 {
            return Err(Answer::Limit(format!("function {} has {locals} variables, at most {} are compiled", self.number, LOCALS.0)));
        }
        count(&mut self.locals, locals, LOCALS.1, "variables in its functions")?;
        let mut depth = 0_usize;
        for operator in body.get_operators_reader().map_err(invalid)? {
            match operator.map_err(invalid)? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Try { .. } | Operator::TryTable { .. } => {
                    depth += 1;
                }
                Operator::End => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > NESTING {
                let message = format!("function {} has more than {NESTING} blocks inside each other", self.number);
                return Err(Answer::Limit(message));
            }
        }
        Ok(())
    }
}

fn count(sum: &mut u64, more: u64, most: u64, what: &str) -> Result<(), Answer> {
    *sum = sum.saturating_add(more);
    if *sum > most { Err(Answer::Limit(format!("it has more than {most} {what}"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Result<(), Answer> {
        check(&wat::parse_str(format!("(component (core module {text}))")).unwrap())
    }

    fn limit(text: &str) -> String {
        match module(text) {
            Err(Answer::Limit(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_limit_is_met_just_above_it() {
        let functions = |count: u64| "(func)".repeat(usize::try_from(count).unwrap());
        assert_eq!(module(&functions(FUNCTIONS)), Ok(()));
        assert_eq!(limit(&functions(FUNCTIONS + 1)), "it has more than 40000 functions");

        let locals = |count: u64| format!("(func (local {}))", "i32 ".repeat(usize::try_from(count).unwrap()));
        assert_eq!(module(&locals(LOCALS.0)), Ok(()));
        assert_eq!(limit(&locals(LOCALS.0 + 1)), "function 1 has 20001 variables, at most 20000 are compiled");
        let many = locals(LOCALS.0).repeat(usize::try_from(LOCALS.1 / LOCALS.0).unwrap() + 1);
        assert_eq!(limit(&many), "it has more than 4000000 variables in its functions");

        let blocks = |count: usize| format!("(func {} {})", "block ".repeat(count), "end ".repeat(count));
        assert_eq!(module(&blocks(NESTING)), Ok(()));
        assert_eq!(limit(&blocks(NESTING + 1)), "function 1 has more than 5000 blocks inside each other");

        let long = |count: usize| format!("(func {})", "nop ".repeat(count));
        assert_eq!(module(&long(FUNCTION / 2)), Ok(()));
        assert!(limit(&long(FUNCTION)).starts_with("function 1 has 10485"), "{}", limit(&long(FUNCTION)));
    }

    #[test]
    fn functions_of_all_modules_count_together_and_are_no_sections() {
        let one = format!("(core module {})", "(func)".repeat(20_001));
        let both = wat::parse_str(format!("(component {one} {one})")).unwrap();
        assert!(matches!(check(&both), Err(Answer::Limit(_))));
        let modules = wat::parse_str(format!("(component {})", "(core module)".repeat(1_000))).unwrap();
        assert!(matches!(check(&modules), Err(Answer::Limit(reason)) if reason.ends_with("modules and components")));
    }

    #[test]
    fn what_is_no_component_is_told_with_its_place() {
        assert!(matches!(check(b"\0asm\x0d\0\x01\0\x01\xff"), Err(Answer::Invalid(reason)) if reason.contains("at byte")));
    }
}
