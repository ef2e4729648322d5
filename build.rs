//! Turns the facts in `data/grammar/*.jsonl` into tables of constants, and links the release binary statically.
#![allow(clippy::disallowed_methods)] // Not part of the program: it asks the world.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process::Command};

use serde_json::{Map, Value};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    tables(&out);
    if env::var("PROFILE").as_deref() == Ok("release") {
        link_statically(&out);
    }
}

/// One static table of commands, sorted by path; commands with the same flags share one flag table.
fn tables(out: &Path) {
    let mut flag_tables: BTreeMap<String, usize> = BTreeMap::new();
    let mut commands: BTreeMap<String, String> = BTreeMap::new();
    for file in ["docker", "compose", "buildx"] {
        let path = format!("data/grammar/{file}.jsonl");
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
    let _ = writeln!(code, "pub static COMMANDS: &[Command] = &[");
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
            "Flag {{ name: {name:?}, short: {short}, kind: Kind::{}, no_opt: {:?}, default: {:?}, deprecated: {:?} }}, ",
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

/// What every command runs through lies together in the program, instead of all over three megabytes: fewer pages to map
/// and to unmap before docker takes over, which is most of what fender costs. Names that no longer exist cost nothing.
fn keep_together(out: &Path) {
    let ours = [
        "main",
        "_ZN6fender7process",
        "_ZN6fender4shim",
        "_ZN6fender5facts6client",
        "_ZN6fender7grammar5parse",
        "_ZN6fender7grammar4",
        "_ZN6fender7grammar5child",
        "_ZN6fender7grammar10only_reads",
        "_ZN6fender5judge4read",
        "_ZN6fender5judge15changes_nothing",
        "_ZN6fender6policy4file11read_client",
        "_ZN6fender6policy4file9user_path",
        "_ZN5which",
        "_ZN3nix",
    ];
    let below = [
        "_ZN3std3env",
        "_ZN3std4path",
        "_ZN3std3ffi",
        "_ZN3std2fs",
        "_ZN3std4sync",
        "_ZN3std3sys2fs",
        "_ZN3std3sys4args",
        "_ZN3std3sys3pal",
        "_ZN3std3sys3env",
        "_ZN3std3sys4sync",
        "_ZN*std..ffi",
        "_ZN*std..path",
        "_ZN5alloc7raw_vec",
        "_ZN5alloc3vec",
        "_ZN5alloc5alloc",
        "_ZN5alloc6string",
        "_ZN5alloc3str",
        "_ZN*alloc..vec",
        "_ZN*alloc..boxed",
        "_ZN*alloc..string",
        "_ZN4core3str",
        "_ZN*core..str",
        "_ZN4core5slice6memchr",
        "_ZN4core3ffi",
        "_ZN4core3ptr",
    ];
    let sections = |names: &[&str]| names.iter().map(|name| format!(".text.{name}*")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "SECTIONS {{ .text.start : {{ *({}) *({}) }} }} INSERT BEFORE .text;\n",
        sections(&ours),
        sections(&below)
    );
    let path = out.join("together.ld");
    fs::write(&path, script).expect("OUT_DIR is writable");
    println!("cargo:rustc-link-arg-bins=-Wl,{}", path.display());
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A static program starts a quarter of a millisecond sooner, and fender starts before every docker command.
///
/// `-C target-feature=+crt-static` cannot be set for a plain `cargo build` (procedural macros need a shared C library),
/// so the same is reached at link time: `-static`, and for the libraries that rustc asks for by name, linker scripts
/// in front of the shared ones that name the archives. Where the C library's archive is not installed, the program is
/// linked as usual. See docs/decisions/0003-static-linking.md.
fn link_statically(out: &Path) {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux")
        || env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("gnu")
    {
        return;
    }
    if env::var("HOST") != env::var("TARGET") {
        return;
    }
    let archive = |name: &str| {
        let printed = Command::new("cc").arg(format!("-print-file-name={name}")).output().ok()?;
        let path = String::from_utf8(printed.stdout).ok()?;
        Path::new(path.trim()).is_absolute().then_some(())
    };
    let libraries = ["c", "m", "dl", "rt", "pthread", "util"];
    if archive("libgcc_eh.a").is_none() || libraries.iter().any(|name| archive(&format!("lib{name}.a")).is_none()) {
        return;
    }
    let scripts = out.join("static");
    fs::create_dir_all(&scripts).expect("OUT_DIR is writable");
    fs::write(scripts.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n").expect("OUT_DIR is writable");
    for name in libraries {
        fs::write(scripts.join(format!("lib{name}.so")), format!("INPUT(-l:lib{name}.a)\n"))
            .expect("OUT_DIR is writable");
    }
    // For the program alone: the tests and benchmarks are linked as usual.
    println!("cargo:rustc-link-arg-bins=-L{}", scripts.display());
    println!("cargo:rustc-link-arg-bins=-static");
    println!("cargo:rustc-link-arg-bins=-no-pie");
    // Nothing is relocated in such a program, so there is nothing to protect after relocation.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,norelro");
    keep_together(out);
}
