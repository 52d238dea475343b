//! A thousand damaged plugins: each is refused with a typed error, or it loads; none takes the host with it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use worldflux::{
    engine::{CompiledCache, Compiler, Engine},
    plugin::PluginFile,
};

use crate::{
    guests::guest,
    sections::{PREAMBLE, put_together, sections},
};

const MUTANTS: usize = 1_000;

/// Longest time for one of them. Compiling a good one takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers from a seed (xorshift64*, Vigna 2016), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// One damage.
fn mutant(whole: &[u8], parts: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match numbers.below(8) {
        // Most of the bytes are code, which can be changed without harm and then takes its time to compile: the rest is changed more often.
        0 => flip(&mut bytes, numbers.below(whole.len()), numbers),
        1 | 2 => {
            let small: Vec<_> = (0..parts.len()).filter(|index| parts[*index].len() < 4_000).collect();
            let chosen = small[numbers.below(small.len())];
            let begin = PREAMBLE.len() + parts[..chosen].iter().map(Vec::len).sum::<usize>();
            flip(&mut bytes, begin + numbers.below(parts[chosen].len()), numbers);
        }
        3 => flip(&mut bytes, numbers.below(64), numbers),
        4 => bytes.truncate(numbers.below(whole.len())),
        5 => {
            let mut parts = parts.to_vec();
            let (one, other) = (numbers.below(parts.len()), numbers.below(parts.len()));
            parts.swap(one, other);
            bytes = put_together(&parts);
        }
        6 => {
            let mut parts = parts.to_vec();
            let chosen = numbers.below(parts.len());
            if numbers.below(2) == 0 {
                parts.remove(chosen);
            } else {
                let again = parts[chosen].clone();
                parts.insert(numbers.below(parts.len()), again);
            }
            bytes = put_together(&parts);
        }
        _ => {
            let at = numbers.below(whole.len());
            let more: Vec<u8> = (0..=numbers.below(16)).map(|_| numbers.next().to_le_bytes()[0]).collect();
            bytes.splice(at..at, more);
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], at: usize, numbers: &mut Numbers) {
    bytes[at] ^= 1 << numbers.below(8);
}

/// What came of one, as one word.
fn outcome(engine: &Engine, path: &Path) -> &'static str {
    let file = match PluginFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return "refused";
        }
    };
    match engine.load(file.bytes(), file.digest) {
        Ok(_) => "loaded",
        Err(error) => {
            assert!(!matches!(error, worldflux::engine::LoadError::Engine(_)), "the host broke: {error}");
            "not loaded"
        }
    }
}

/// RE12
#[test]
fn a_thousand_mutants_are_refused_or_load() {
    let whole = fs::read(guest("bare")).unwrap();
    let parts = sections(&whole);
    let engine = Engine::new(CompiledCache::none(), Compiler::Here).unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("mutant.wasm");
    let (mut numbers, mut counts) = (Numbers(0x5eed_0001), std::collections::BTreeMap::<_, usize>::new());
    let mut slowest = Duration::ZERO;
    for number in 0..MUTANTS {
        let bytes = mutant(&whole, &parts, &mut numbers);
        fs::write(&path, &bytes).unwrap();
        let begin = Instant::now();
        *counts.entry(outcome(&engine, &path)).or_default() += 1;
        let took = begin.elapsed();
        assert!(took < PATIENCE, "mutant {number} took {took:?}");
        slowest = slowest.max(took);
    }
    println!("{counts:?}, the slowest took {slowest:?}");
    assert!(counts["refused"] > MUTANTS / 10 && counts["not loaded"] > MUTANTS / 10, "{counts:?}");
}
