//! Turns the facts in `data/grammar/*.jsonl` into tables of constants.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)] // Not part of the program.
#![expect(clippy::expect_used, clippy::panic, reason = "whatever is wrong with the facts is to stop the build")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Value};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    tables(&out);
    rules(&out);
}

/// The list of rules: the `mod` lines of `src/rules/mod.rs` below the line that says so, in their order.
fn rules(out: &Path) {
    let path = "src/rules/mod.rs";
    println!("cargo:rerun-if-changed={path}");
    let text = fs::read_to_string(path).expect("the rules are in src/rules");
    let (_, listed) = text.split_once("// The rules.").expect("a line says where the rules begin");
    let names = listed.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let list: Vec<String> = names.map(|name| format!("&{name}::RULE")).collect();
    fs::write(out.join("rules.rs"), format!("&[{}]", list.join(", "))).expect("OUT_DIR is writable");
}

/// One static table of commands, sorted by path; commands with the same flags share one flag table.
fn tables(out: &Path) {
    let mut flag_tables: BTreeMap<String, usize> = BTreeMap::new();
    let mut commands: BTreeMap<String, String> = BTreeMap::new();
    for file in ["docker", "compose", "buildx"] {
        let path = format!("../../data/grammar/{file}.jsonl");
        println!("cargo:rerun-if-changed={path}");
        let text = fs::read_to_string(&path).expect("the grammar's facts are in data/grammar");
        for (number, line) in text.lines().enumerate() {
            let fact: Map<String, Value> =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{path}:{}: {error}", number + 1));
            let next = flag_tables.len();
            let index = *flag_tables.entry(flag_table(&fact)).or_insert(next);
            let typed = text_of(&fact, "path");
            let short = typed.strip_prefix("docker").unwrap_or(typed).trim().to_owned();
            commands.insert(short.clone(), command(&short, &fact, index));
        }
    }
    let mut code = String::new();
    for (table, index) in &flag_tables {
        let _ = writeln!(code, "static F{index}: &[Flag] = &[{table}];");
    }
    let _ = writeln!(
        code,
        "/// Every command of docker, compose and buildx, sorted by path.\npub static COMMANDS: &[Command] = &["
    );
    for (path, line) in &commands {
        // A group has commands below it.
        let group = commands.keys().any(|other| path.is_empty() || other.starts_with(&format!("{path} ")));
        let _ = writeln!(code, "    Command {{ group: {group}, {line} }},");
    }
    let _ = writeln!(code, "];");
    fs::write(out.join("tables.rs"), code).expect("OUT_DIR is writable");
}

fn flag_table(fact: &Map<String, Value>) -> String {
    let mut flags: Vec<(&String, &Value)> = fact["flags"].as_object().expect("flags is an object").iter().collect();
    flags.sort_by_key(|(name, _)| name.as_str());
    let mut code = String::new();
    for (name, flag) in flags {
        let flag = flag.as_object().expect("a flag is an object");
        let letter =
            |flag: &Map<String, Value>| flag.get("short").and_then(Value::as_str).and_then(|s| s.bytes().next());
        // A letter that moved from a deprecated flag to its successor belongs to the successor.
        let moved = flag.contains_key("deprecated")
            && fact["flags"].as_object().into_iter().flatten().any(|(other, value)| {
                other != name && value.as_object().is_some_and(|value| letter(value) == letter(flag))
            });
        let short = letter(flag).filter(|_| !moved).unwrap_or(0);
        let _ = write!(
            code,
            "Flag {{ name: {name:?}, short: {short}, kind: FlagKind::{}, no_opt: {:?}, default: {:?}, deprecated: {:?} }}, ",
            kind(text_of(flag, "type"), flag),
            text_of(flag, "no_opt"),
            text_of(flag, "default"),
            text_of(flag, "deprecated"),
        );
    }
    code
}

fn kind(name: &str, flag: &Map<String, Value>) -> &'static str {
    match name {
        "bool" => "Bool",
        "list" | "gpu-request" | "config" | "secret" | "port" | "pref" | "ulimit" | "mount" | "external-ca" => "List",
        "stringSlice" | "ipSlice" | "ipNetSlice" => "Slice",
        "map" | "stringToString" => "Map",
        "filter" => "Filter",
        "network" => "Network",
        "bytes" if flag.get("go_type").and_then(Value::as_str) == Some("*opts.MemSwapBytes") => "SwapBytes",
        "bytes" => "Bytes",
        "int" | "int64" => "Int64",
        "uint" | "uint64" => "Uint64",
        "uint16" => "Uint16",
        "uint32" => "Uint32",
        "duration" => match flag.get("go_type").and_then(Value::as_str) {
            Some("*opts.PositiveDurationOpt") => "PositiveDuration",
            _ => "Duration",
        },
        "decimal" => "Decimal",
        "float" => "Float",
        "ip" => "Ip",
        "string" | "command" | "credential-spec" | "pem-file" | "node-addr" => "Text",
        other => panic!("the facts have a flag of type {other}, which build.rs does not know"),
    }
}

fn command(path: &str, fact: &Map<String, Value>, flags: usize) -> String {
    let annotations = fact.get("annotations").and_then(Value::as_object);
    // The first of docker's own list of spellings is the management form, such as `docker container run`.
    let canonical = annotations
        .map(|a| text_of(a, "aliases"))
        .filter(|a| !a.is_empty())
        .and_then(|a| a.split(", ").next())
        .map_or(path, |first| first.strip_prefix("docker ").unwrap_or(first));
    let aliases = fact.get("aliases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let counts = fact.get("accepts_arg_counts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let least = counts.first().and_then(Value::as_u64).unwrap_or(0);
    let most = match counts.last().and_then(Value::as_u64) {
        // The facts try up to four operands: a command that takes four takes any number.
        Some(4) | None => "u8::MAX".to_owned(),
        Some(most) => most.to_string(),
    };
    format!(
        "path: {path:?}, canonical: {canonical:?}, aliases: &{:?}, flags: F{flags}, interspersed: {}, least: {least}, most: {most}",
        aliases.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        fact.get("interspersed").and_then(Value::as_bool).unwrap_or(true),
    )
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("")
}
