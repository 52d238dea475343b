# The verbs of development. `just` lists them; each is one line that can be typed without just.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list --unsorted

# Build the program, with the bundled plugins inside
[group('build')]
build:
    cargo build --release --locked

# Put `worldflux` into your PATH
[group('build')]
install:
    cargo install --path host --locked

# Run the example of the README
[group('build')]
example:
    cargo run --release --locked -- run --output outputs/pendulum -- python3 tests/recipes/pendulum/train.py

# All tests of the host; the name of a test target to run that one: `just test house`
[group('test')]
test target='':
    cargo test --workspace --release --locked {{ if target == '' { '' } else { '--test ' + target } }}

# Unit tests of one room: `just room policy`
[group('test')]
room name:
    cargo test --release --locked --lib {{ name }}::

# Tests of the plugins, on this machine
[group('test')]
plugins:
    cd plugins && cargo test --workspace --locked

# Tests of the example recipes; the second needs numpy, and gets it from worldflux
[group('test')]
recipes:
    cd tests/recipes/pendulum && python3 -m unittest
    cargo run --release --locked -- run --workspace tests/recipes/pendulum-numpy --set requirements=requirements.txt -- python3 -m unittest

# Tests of the Python client, against the program that `just build` made
[group('test')]
client:
    cd plugins/clients/python && python3 -m unittest

# Throw bytes at one reader for a while: `just fuzz grants 60`. Needs `cargo install cargo-fuzz --locked` and a nightly toolchain
[group('test')]
fuzz reader seconds='60':
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --sanitizer none {{ reader }} -- -max_total_time={{ seconds }} -max_len=65536

# All that has to pass before a change is taken
[group('gate')]
gate:
    .ci/run

# Formatting, written
[group('gate')]
format:
    cargo fmt --all
    cd plugins && cargo fmt --all

# Lints, of the host and of the plugins on both targets
[group('gate')]
lint:
    cargo clippy --workspace --all-targets --release --locked -- -D warnings
    cd plugins && cargo clippy --workspace --all-targets --locked -- -D warnings
    cd plugins && cargo clippy --workspace --target wasm32-wasip2 --locked -- -D warnings

# The pages of the library, with warnings denied
[group('gate')]
pages:
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --release --locked

# Write anew what is generated: the schemas of the manifest and of `worldflux serve`, the tables in the documents
[group('gate')]
bless:
    WORLDFLUX_BLESS=1 cargo test --release --locked --lib the_committed_schema_is_the_generated_one
    WORLDFLUX_BLESS=1 cargo test --release --locked --test house generated

# The benchmarks; every number is a ratio to an alternative that is measured in the same run
[group('measure')]
bench *arguments:
    cargo bench --locked {{ arguments }}

# What this machine can do
[group('look')]
doctor:
    cargo run --release --locked -- doctor

# Man pages and completions, into outputs/
[group('look')]
manual:
    cargo run --release --locked -- man --out outputs/man
    cargo run --release --locked -- completions bash > outputs/man/worldflux.bash

# Remove the runs and environments that `just example` and your own runs left in this folder
[group('look')]
clean-outputs:
    rm -rf outputs

# Remove the state directory of worldflux, with all runs and environments in it, after asking
[group('look')]
[confirm('Remove every run and environment in the state directory?')]
clean-state:
    rm -rf "${WORLDFLUX_STATE_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/worldflux}"
