//! Links the release binary statically.

use std::path::{Path, PathBuf};
use std::{env, fs, process::Command};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("PROFILE").as_deref() == Ok("release") {
        link_statically(&out);
    }
}

/// What every command runs through lies together in the program, instead of all over three megabytes: fewer pages to map
/// and to unmap before docker takes over, which is most of what fender costs. Names that no longer exist cost nothing.
fn keep_together(out: &Path) {
    let ours = [
        "main",
        "_ZN6fender7process",
        "_ZN6fender4shim",
        "_ZN6fender11environment6client",
        "_ZN11fender_core7grammar5parse",
        "_ZN11fender_core7grammar4",
        "_ZN11fender_core7grammar5child",
        "_ZN11fender_core7grammar10only_reads",
        "_ZN11fender_core5lower4read",
        "_ZN11fender_core5judge15changes_nothing",
        "_ZN6fender11environment6policy11read_client",
        "_ZN6fender11environment6policy9user_path",
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
