//! Links the release binary statically.
#![expect(clippy::expect_used, reason = "whatever is missing is to stop the build")]

use std::path::{Path, PathBuf};
use std::{env, fs, process::Command};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("PROFILE").as_deref() == Ok("release") {
        link_statically(&out);
    }
}

/// What common commands run through lies together in the program, in the order in which it runs, instead of all over four
/// megabytes: fewer pages to map and to unmap before docker takes over, which is most of what fender costs. The list is made
/// by `just order`; names that no longer exist cost nothing, and a test says when too few are left.
fn keep_together(out: &Path) {
    println!("cargo:rerun-if-changed=data/order.txt");
    let list = fs::read_to_string("data/order.txt").expect("data/order.txt is part of the program");
    let patterns: Vec<String> = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|name| format!("*(.text.{name})"))
        .collect();
    // A release build aborts on a panic, so nothing unwinds a function: the tables for that, an eleventh of the program, are left
    // out. Those of the C compiler's own start files stay, because their code names them.
    let unwinding = "*(EXCLUDE_FILE(*crtbegin*.o *crtend*.o) .eh_frame .gcc_except_table .gcc_except_table.*)";
    let script = format!(
        "SECTIONS {{ /DISCARD/ : {{ {unwinding} }} .text.start : {{ {} }} }} INSERT BEFORE .text;\n",
        patterns.join("\n")
    );
    let path = out.join("together.ld");
    fs::write(&path, script).expect("OUT_DIR is writable");
    println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    // GNU ld takes a script that inserts something into its own only behind -T; lld takes both.
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", path.display());
}

/// A static program starts a quarter of a millisecond sooner, and fender starts before every docker command.
///
/// `-C target-feature=+crt-static` cannot be set for a plain `cargo build` (procedural macros need a shared C library),
/// so the same is reached at link time: `-static`, and for the libraries that rustc asks for by name, linker scripts
/// in front of the shared ones that name the archives. Where the C library's archive is not installed, the program is
/// linked as usual. See docs/decisions/0003-static-linking.md.
fn link_statically(out: &Path) {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        // musl's programs are static already.
        keep_together(out);
        return;
    }
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("gnu") {
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
