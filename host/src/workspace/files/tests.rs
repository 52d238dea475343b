//! What typed files promise.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{names::Bytes, workspace::Root};

const LIMITS: FileLimits = FileLimits { bytes: Bytes::mebi(8), rows: 1000, values: 20_000, depth: 20 };

fn read(name: &str, bytes: &[u8]) -> Result<Content, FileError> {
    decode(name, bytes.to_vec(), None, LIMITS)
}

fn write(name: &str, content: &Content) -> Vec<u8> {
    encode(name, content, None, LIMITS).unwrap()
}

fn document(value: Value) -> Content {
    Content::Document(value)
}

fn table(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Value>>) -> Content {
    let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
    Content::Table(Table { columns, rows })
}

/// F220, F222, X73
#[test]
fn the_name_of_a_file_tells_its_type_and_its_compression() {
    use FileKind as Kind;
    use Wrapping as Around;
    for (name, kind, wrapping) in [
        ("a.json", Kind::Json, Around::None),
        ("a.JSON", Kind::Json, Around::None),
        ("deep/a.b.jsonl", Kind::JsonLines, Around::None),
        ("a.ndjson", Kind::JsonLines, Around::None),
        ("a.json.gz", Kind::Json, Around::Gzip),
        ("a.jsonl.bz2", Kind::JsonLines, Around::Bzip2),
        ("a.csv", Kind::Csv, Around::None),
        ("a.csv.gz", Kind::Csv, Around::Gzip),
        ("a.tsv.zst", Kind::Tsv, Around::Zstd),
        ("a.yaml", Kind::Yaml, Around::None),
        ("a.yml", Kind::Yaml, Around::None),
        ("a.yaml.gz", Kind::Yaml, Around::Gzip),
        ("a.sqlite", Kind::Sqlite, Around::None),
        ("a.sqlite3", Kind::Sqlite, Around::None),
        ("a.db", Kind::Sqlite, Around::None),
        ("a.parquet", Kind::Parquet, Around::None),
        ("a.parquet.bz2", Kind::Parquet, Around::Bzip2),
        ("a.txt", Kind::Text, Around::None),
        ("a.md.gz", Kind::Text, Around::Gzip),
        ("a.py", Kind::Text, Around::None),
        ("a.xml.bz2", Kind::Text, Around::Bzip2),
        ("a.bin", Kind::Binary, Around::None),
        ("a.tar", Kind::Binary, Around::None),
        ("a.tar.gz", Kind::Binary, Around::None),
        ("a.tgz", Kind::Binary, Around::None),
        ("a.tar.bz2", Kind::Binary, Around::None),
    ] {
        assert_eq!(Format::of_name(name), Some(Format { kind, wrapping }), "{name}");
    }
    for name in ["a", "a.unknown", "a.gz", ".json.", "json", "a.json.zip.x"] {
        assert_eq!(Format::of_name(name), None, "{name}");
    }
    // A name that tells nothing is text.
    assert_eq!(read("notes.unknown", b"hello").unwrap(), Content::Text("hello".into()));
}

/// F220
#[test]
fn the_first_bytes_tell_what_the_name_does_not() {
    let tables = Content::Tables(BTreeMap::from([("t".to_owned(), Table::of_rows(vec!["a".into()], vec![vec![json!(1)]]))]));
    let database = write("x.db", &tables);
    let columns = write("x.parquet", &table(&[("a", ColumnKind::Integer)], vec![vec![json!(1)]]));
    let packed = write("x.json.gz", &document(json!([1])));
    assert!(matches!(read("no_ending", &database).unwrap(), Content::Tables(_)));
    assert!(matches!(read("no_ending", &columns).unwrap(), Content::Table(_)));
    assert_eq!(read("renamed.json", &packed).unwrap(), document(json!([1])), "compressed, whatever its name says");
    assert_eq!(read("unpacked.json.gz", b"[1]").unwrap(), document(json!([1])), "not compressed, whatever its name says");
    let both = write("x.db.zst", &tables);
    assert!(matches!(read("no_ending", &both).unwrap(), Content::Tables(_)));
}

/// F221, F222, X72
#[test]
fn what_is_written_is_read_again_in_every_format_and_compression() {
    use ColumnKind as Kind;
    let value = json!({ "text": "ä\n\"", "list": [1, 2.5, true, null, []], "deep": { "a": { "b": "007" } }, "empty": {} });
    let rows = || vec![vec![json!("a"), json!(1), json!(0.1), json!(true)], vec![json!("b,\"\n"), json!(-2), json!(2.5), json!(false)]];
    let kinds = [("text", Kind::Text), ("z", Kind::Integer), ("a", Kind::Real), ("flag", Kind::Boolean)];
    for around in ["", ".gz", ".bz2", ".zst"] {
        for (name, content) in [
            ("a.json", document(value.clone())),
            ("a.yaml", document(value.clone())),
            ("a.jsonl", Content::Lines(vec![value.clone(), json!(1), json!("x")])),
            ("a.csv", table(&kinds, rows())),
            ("a.tsv", table(&kinds, rows())),
            ("a.parquet", table(&kinds, rows())),
            ("a.txt", Content::Text("ä\r\n\ttext".into())),
        ] {
            let name = format!("{name}{around}");
            let bytes = write(&name, &content);
            let magic: &[u8] = match around {
                ".gz" => &[0x1f, 0x8b],
                ".bz2" => b"BZh",
                ".zst" => &[0x28, 0xb5, 0x2f, 0xfd],
                _ => &[],
            };
            assert!(bytes.starts_with(magic), "{name}");
            assert_eq!(read(&name, &bytes).unwrap(), content, "{name}");
            assert_eq!(write(&name, &content), bytes, "the same bytes each time: {name}");
        }
    }
}

/// F221
#[test]
fn a_database_keeps_its_tables_with_their_columns_and_values() {
    use ColumnKind as Kind;
    let full = table(
        &[("id", Kind::Integer), ("na\"me", Kind::Text), ("x", Kind::Real), ("raw", Kind::Bytes), ("any", Kind::Any)],
        vec![
            vec![json!(1), json!("007"), json!(1.5), bytes_value(b"\0\xff"), json!("t")],
            vec![json!(2), Value::Null, float_value(f64::INFINITY), Value::Null, json!(7)],
        ],
    );
    let empty = table(&[("only", Kind::Text)], vec![]);
    let (Content::Table(full), Content::Table(empty)) = (full, empty) else { unreachable!() };
    let tables = Content::Tables(BTreeMap::from([("full".to_owned(), full), ("em; DROP TABLE x--\"pty".to_owned(), empty)]));
    let bytes = write("a.sqlite", &tables);
    assert_eq!(read("a.sqlite", &bytes).unwrap(), tables);

    // Given as JSON, in every form that a caller may use.
    for value in
        [json!({ "tables": { "t": [{ "a": 1 }] } }), json!({ "t": [["a"], [1]] }), json!({ "t": { "columns": ["a"], "rows": [[1]] } })]
    {
        let Content::Tables(tables) = Content::from_json(FileKind::Sqlite, value).unwrap() else { unreachable!() };
        assert_eq!(tables["t"].records(), [json!({ "a": 1 })]);
    }
    let Content::Tables(tables) = Content::from_json(FileKind::Sqlite, json!([{ "a": 1 }])).unwrap() else { unreachable!() };
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["table"]);
    let nothing = Content::Tables(BTreeMap::from([("t".to_owned(), Table::default())]));
    assert!(encode("a.db", &nothing, None, LIMITS).unwrap_err().to_string().contains("table `t`: it has neither columns nor rows"));
}

/// F221
#[test]
fn a_database_that_was_left_in_write_ahead_mode_is_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("w.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER, b GENERATED ALWAYS AS (a * 2)); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT * FROM t;").unwrap();
    let root = Root::open(place.path()).unwrap();
    let busy = root.read_typed(&"w.db".parse().unwrap(), None, LIMITS).unwrap_err().to_string();
    assert!(busy.contains("cannot read `w.db` as SQLite: changes of it still stand in `w.db-wal`"), "{busy}");
    database.close().unwrap();
    assert!(root.read_typed(&"w.db".parse().unwrap(), None, LIMITS).is_ok());
    let Content::Tables(tables) = read("w.db", &std::fs::read(&path).unwrap()).unwrap() else { unreachable!() };
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["t"]);
    assert_eq!(tables["t"].records(), [json!({ "a": 1 })], "what is computed is left out");
}

/// F221, X72
#[test]
fn a_parquet_file_keeps_days_moments_bytes_and_nested_values() {
    use ColumnKind as Kind;
    let content = table(
        &[("day", Kind::Date), ("at", Kind::Moment), ("raw", Kind::Bytes), ("any", Kind::Any), ("x", Kind::Real)],
        vec![
            vec![
                json!("1969-12-31"),
                json!("2026-05-01T12:00:00.5Z"),
                bytes_value(&[0, 255]),
                json!({ "a": [1, "007"] }),
                float_value(f64::NAN),
            ],
            vec![Value::Null; 5],
        ],
    );
    let bytes = write("a.parquet", &content);
    assert_eq!(read("a.parquet", &bytes).unwrap(), content);
    let wrong = table(&[("n", Kind::Integer)], vec![vec![json!(1)], vec![json!("x")]]);
    let error = encode("a.parquet", &wrong, None, LIMITS).unwrap_err().to_string();
    assert!(error.contains("`a.parquet` as Parquet, line 2: column `n` holds values of kind integer"), "{error}");
}

/// F221, X72
#[test]
fn a_cell_that_only_looks_like_a_number_keeps_every_character() {
    let text = "zip,n,x,flag,mixed,empty\n007,1,1.5,true,1,\n08901,-20,2.0,false,x,\n";
    let Content::Table(table) = read("a.csv", text.as_bytes()).unwrap() else { unreachable!() };
    let kinds: Vec<_> = table.columns.iter().map(|column| column.kind.name()).collect();
    assert_eq!(kinds, ["text", "integer", "real", "boolean", "text", "text"]);
    assert_eq!(table.rows[0], [json!("007"), json!(1), json!(1.5), json!(true), json!("1"), json!("")]);
    assert_eq!(write("a.csv", &Content::Table(table)), text.as_bytes());
    for cell in ["007", "+1", "1.50", "1e3", " 1", "-0", "9223372036854775808", "NaN", "True", "0x10", ".5", "1."] {
        let Content::Table(table) = read("a.csv", format!("a\n{cell}\n").as_bytes()).unwrap() else { unreachable!() };
        assert_eq!(table.rows, [[json!(cell)]], "{cell}");
    }
}

/// F221, F232
#[test]
fn each_complaint_names_the_file_the_format_and_the_line() {
    for (name, content, expected) in [
        ("a.json", "{\n  \"a\": }", "cannot read `a.json` as JSON, line 2, column 8: expected value"),
        ("a.json", "", "cannot read `a.json` as JSON, line 1, column 1: EOF while parsing a value"),
        ("a.jsonl", "1\n\n{\"a\"\n", "cannot read `a.jsonl` as JSON lines, line 3, column 4: EOF while parsing an object"),
        (
            "a.csv",
            "a,b\n1,2\n\n\"x\ny\",2,3\n",
            "cannot read `a.csv` as CSV, line 4: the row has 3 cells, and the first row names 2 columns",
        ),
        ("a.yaml", "a: 1\nb: [1\nc: 2\n", "cannot read `a.yaml` as YAML, line 3"),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "cannot read `a.yaml` as YAML, line 3: the key `a` stands there twice"),
        ("a.yaml", "a: !run rm\n", "cannot read `a.yaml` as YAML, line 1: `!run` is no type that is known here"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "there is a second document"),
        ("a.db", "nonsense", "cannot read `a.db` as SQLite: it does not begin as a database does"),
        ("a.parquet", "PAR1nonsensePAR1", "cannot read `a.parquet` as Parquet: "),
    ] {
        let error = read(name, content.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = read("a.csv", b"a\nok\n\xff\n").unwrap_err().to_string();
    assert_eq!(error, "cannot read `a.csv` as CSV, line 3: it is not UTF-8");
    let mut cut = write("a.json.gz", &document(json!("x".repeat(1000))));
    cut.truncate(20);
    let error = read("a.json.gz", &cut).unwrap_err().to_string();
    assert!(error.starts_with("cannot read `a.json.gz` as JSON in gzip: its compression is broken"), "{error}");
    let error = decode("a.json.gz", b"[1]".to_vec(), Some(Format { kind: FileKind::Json, wrapping: Wrapping::Gzip }), LIMITS).unwrap_err();
    assert!(error.to_string().contains("it does not begin as gzip does"), "{error}");
    let error = encode("noname", &document(json!(1)), None, LIMITS).unwrap_err();
    assert!(error.hint().unwrap().contains("say the type"));
    assert!(
        encode("a.csv", &document(json!({ "a": 1 })), None, LIMITS).unwrap_err().to_string().starts_with("cannot write `a.csv` as CSV: ")
    );
}

/// F224, X55
#[test]
fn a_text_that_is_no_text_is_bytes() {
    assert_eq!(read("a.txt", b"caf\xe9").unwrap(), Content::Bytes(b"caf\xe9".to_vec()));
    assert_eq!(read("a.txt", "café".as_bytes()).unwrap(), Content::Text("café".into()));
    assert_eq!(read("a.bin", b"text").unwrap(), Content::Bytes(b"text".to_vec()));
}

/// F221, X72
#[test]
fn a_text_in_a_json_file_is_json_and_bytes_are_not_packed_into_base64() {
    assert_eq!(write("a.json", &document(json!("bare"))), b"\"bare\"\n");
    assert_eq!(write("a.json", &Content::Text("bare".into())), b"\"bare\"\n");
    let bytes = Content::from_json(FileKind::Binary, json!("text")).unwrap();
    assert_eq!(write("a.bin", &bytes), b"text");
    let bytes = Content::from_json(FileKind::Binary, bytes_value(&[0, 1])).unwrap();
    assert_eq!(write("a.bin", &bytes), [0, 1]);
    assert_eq!(Content::from_json(FileKind::Text, json!({ "a": 1 })).unwrap(), Content::Text("{\"a\":1}".into()));
    assert_eq!(Content::from_json(FileKind::JsonLines, json!({ "a": 1 })).unwrap(), Content::Lines(vec![json!({ "a": 1 })]));
}

/// F221
#[test]
fn a_small_file_that_means_much_meets_a_limit() {
    let zeros = Content::Text("0".repeat(LIMITS.bytes.as_len()));
    for around in ["gz", "bz2", "zst"] {
        let bomb = write(&format!("a.txt.{around}"), &zeros);
        let small = FileLimits { bytes: Bytes::mebi(1), ..LIMITS };
        let error = decode(&format!("a.txt.{around}"), bomb, None, small).unwrap_err();
        assert!(matches!(error, FileError::TooMuch { .. }), "{error}");
        assert!(error.to_string().ends_with("it has more than 1.0 MiB"), "{error}");
    }
    let aliases = (1..30).map(|level| format!("a{level}: &a{level} [*a{}, *a{}]\n", level - 1, level - 1)).collect::<Vec<_>>().concat();
    for (name, content, limit) in [
        ("a.yaml", format!("a0: &a0 [x]\n{aliases}"), "values"),
        ("a.json", "[".repeat(50) + &"]".repeat(50), "20 levels of nesting"),
        ("a.json", "[".repeat(100_000), "20 levels of nesting"),
        ("a.yaml", "[".repeat(100_000), "20 levels of nesting"),
        ("a.json", format!("[{}0]", "0,".repeat(30_000)), "20000 values"),
        ("a.jsonl", "0\n".repeat(1001), "1000 rows"),
        ("a.csv", "a\n".repeat(1002), "1000 rows"),
    ] {
        let error = read(name, content.as_bytes()).unwrap_err();
        assert!(matches!(error, FileError::TooMuch { .. }) && error.to_string().contains(limit), "{error}");
    }
    let rows: Vec<_> = (0..1001).map(|n| vec![json!(n)]).collect();
    let long = Content::Tables(BTreeMap::from([("t".to_owned(), Table::of_rows(vec!["n".into()], rows))]));
    for (name, content) in [("a.db", long.clone()), ("a.parquet", long)] {
        let error = read(name, &write(name, &content)).unwrap_err();
        assert!(error.to_string().ends_with("line 1001: it has more than 1000 rows"), "{error}");
    }
}

/// F221
#[test]
fn yaml_means_what_its_core_schema_says() {
    let text = "int: 12\nneg: -3\nhex: 0x1F\noct: 0o17\nreal: 1.5\nexp: 1e3\ninf: -.inf\nyes: yes\nno: 'no'\nquoted: '12'\nnothing:\ntilde: ~\n\
                flag: true\ndate: 2026-05-01\nversion: 1.2.3\nbinary: !!binary aGk=\nstr: !!str 12\nbase: &b { x: 1, y: 2 }\nuse:\n  <<: *b\n  y: 3\n\
                text: |\n  a\n  b\n";
    let Content::Document(value) = read("a.yaml", text.as_bytes()).unwrap() else { unreachable!() };
    assert_eq!(
        value,
        json!({
            "int": 12, "neg": -3, "hex": 31, "oct": 15, "real": 1.5, "exp": 1000.0, "inf": { "$float": "-inf" }, "yes": "yes", "no": "no",
            "quoted": "12", "nothing": null, "tilde": null, "flag": true, "date": "2026-05-01", "version": "1.2.3",
            "binary": { "$bytes": "aGk=" }, "str": "12", "base": { "x": 1, "y": 2 }, "use": { "x": 1, "y": 3 }, "text": "a\nb\n"
        })
    );
    assert_eq!(
        write("a.yaml", &document(json!({ "a": [{ "b": "no", "c": [] }, [1]], "d": "x y" }))),
        b"a:\n  - b: \"no\"\n    c: []\n  - - 1\nd: \"x y\"\n"
    );
}

/// F221, X52
#[test]
fn a_typed_file_is_written_in_one_step_and_stays_in_its_folder() {
    let place = tempfile::tempdir().unwrap();
    let root = Root::open(place.path()).unwrap();
    let path = "deep/er/a.json".parse().unwrap();
    let content = document(json!({ "a": 1 }));
    root.write_typed(&path, &content, None, 0o666, LIMITS).unwrap();
    assert_eq!(root.read_typed(&path, None, LIMITS).unwrap(), content);
    std::os::unix::fs::symlink(place.path().join("elsewhere"), place.path().join("link.json")).unwrap();
    let link = "link.json".parse().unwrap();
    assert!(root.read_typed(&link, None, LIMITS).is_err());
    root.write_typed(&link, &content, None, 0o666, LIMITS).unwrap();
    assert!(!place.path().join("elsewhere").exists(), "the link is replaced, not followed");
    let unwritable = Content::Table(Table::default());
    assert!(root.write_typed(&path, &unwritable, Some(Format::plain(FileKind::Parquet)), 0o666, LIMITS).is_err());
    assert_eq!(root.read_typed(&path, None, LIMITS).unwrap(), content, "what could not be replaced is as it was");
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["\\PC{0,12}", "[ \\t\\n\"'#:{}\\[\\],&*!|>%@`-]{0,6}", "(yes|no|null|true|007|1e3|~|- a|a: b|.inf|0x1)"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..5).prop_map(|table| Value::Object(table.into_iter().collect())),
        ]
    })
}

proptest! {
    /// F221
    #[test]
    fn any_value_survives_json_and_yaml(value in any_value()) {
        for name in ["a.json", "a.yaml"] {
            let bytes = write(name, &document(value.clone()));
            prop_assert_eq!(read(name, &bytes).unwrap(), document(value.clone()), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    /// F221
    #[test]
    fn any_csv_is_written_again_with_every_cell_as_it_was(rows in proptest::collection::vec(proptest::collection::vec("[a-z0-9 ,\"\n.+-]{0,6}", 2), 1..6)) {
        let mut writer = csv::Writer::from_writer(vec![]);
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let content = read("a.csv", &bytes).unwrap();
        prop_assert_eq!(write("a.csv", &content), bytes);
    }

    /// F221
    #[test]
    fn any_bytes_are_read_or_refused_and_never_end_the_host(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..FileKind::ALL.len()) {
        let _ = decode("a", bytes, Some(Format::plain(FileKind::ALL[kind])), LIMITS);
    }

    /// F221
    #[test]
    fn a_broken_file_is_refused_and_never_ends_the_host(at in 0_usize..4000, byte in any::<u8>(), which in 0_usize..3) {
        let rows = (0..50).map(|n| vec![json!(n), json!(format!("text {n}"))]).collect();
        let rows = Table::of_rows(vec!["n".into(), "t".into()], rows);
        let (name, content) = [
            ("a.parquet", Content::Table(rows.clone())),
            ("a.db", Content::Tables(BTreeMap::from([("t".to_owned(), rows.clone())]))),
            ("a.csv.zst", Content::Table(rows)),
        ][which].clone();
        let mut bytes = write(name, &content);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(name, &bytes);
    }
}
