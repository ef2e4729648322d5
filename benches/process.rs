//! The whole process against a static C program that only execs docker: time and memory.
//!
//! The docker behind both is a static program that ends at once, so that what is measured is what stands in front.
//! `FENDER_BENCH_ENGINE=unix:///path` names a real engine to ask for an image; without it `tests/engine.sh` starts one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot measure ends by a panic, and its output is its result"
)]

#[path = "support/result.rs"]
mod result;

use result::result;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 1500;

struct Bench {
    root: tempfile::TempDir,
    engine: String,
}

fn compile(folder: &Path, name: &str, code: &str) -> PathBuf {
    let (source, program) = (folder.join(format!("{name}.c")), folder.join(name));
    fs::write(&source, code).unwrap();
    let status = Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source).status().unwrap();
    assert!(status.success(), "cc is needed for the comparison");
    program
}

impl Bench {
    fn new() -> Bench {
        let root = tempfile::tempdir().unwrap();
        for folder in ["front", "real", "c", "home"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        compile(&root.path().join("real"), "docker", CLIENT);
        let real = root.path().join("real/docker");
        let code = format!(
            "#include <unistd.h>\nint main(int c, char **v) {{ execv({:?}, v); return 127; }}\n",
            real.display().to_string()
        );
        compile(&root.path().join("c"), "docker", &code);
        compile(&root.path().join("c"), "peak", PEAK);
        // A copy, as install.sh makes one: the pages of a file that a linker has written piece by piece are mapped more slowly
        // (measured: 1.24 and 1.59 times the C program instead of 1.07 and 1.27).
        fs::copy(env!("CARGO_BIN_EXE_fender"), root.path().join("front/docker")).unwrap();
        Bench { root, engine: String::new() }
    }

    fn command(&self, which: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.root.path().join(which).join("docker"));
        let path = format!(
            "{}:{}:/usr/bin:/bin",
            self.root.path().join("front").display(),
            self.root.path().join("real").display()
        );
        command.args(words).env_clear().env("PATH", path).env("HOME", self.root.path().join("home"));
        command.env("DOCKER_HOST", if self.engine.is_empty() { "unix:///nonexistent" } else { &self.engine });
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Median of alternating runs, so that what else the machine does hits both alike.
    fn compare(&self, words: &[&str]) -> (Duration, Duration) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (which, times) in [("c", &mut theirs), ("front", &mut ours)] {
                let start = Instant::now();
                let status = self.command(which, words).status().unwrap();
                times.push(start.elapsed());
                assert!(status.success(), "docker {words:?}");
            }
        }
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2]
        };
        (median(theirs), median(ours))
    }

    /// Peak memory of one run in KiB. What waits is a small C program: what a process had before it became another counts
    /// in the kernel's figure, too.
    fn peak(&self, words: &[&str]) -> u64 {
        let mut command = Command::new(self.root.path().join("c/peak"));
        command.arg(self.root.path().join("front/docker")).args(words).env_clear();
        for (key, value) in self.command("front", words).get_envs() {
            command.env(key, value.unwrap_or_default());
        }
        String::from_utf8_lossy(&command.output().unwrap().stdout).trim().parse().unwrap()
    }
}

/// A client with nothing to do, but that says what it is.
const CLIENT: &str = "#include <stdio.h>\n#include <string.h>\nint main(int c, char **v) {\n\
    if (c == 2 && !strcmp(v[1], \"--version\")) puts(\"Docker version 28.5.2, build x\");\n\
    return 0; }\n";

const PEAK: &str = "#include <stdio.h>\n#include <unistd.h>\n#include <sys/wait.h>\n#include <sys/resource.h>\n\
int main(int c, char **v) { struct rusage r; int s; pid_t p = vfork(); if (!p) { execv(v[1], v + 1); _exit(127); }\n\
wait4(p, &s, 0, &r); printf(\"%ld\\n\", r.ru_maxrss); return 0; }\n";

fn main() {
    let mut bench = Bench::new();
    let size = fs::metadata(env!("CARGO_BIN_EXE_fender")).unwrap().len();
    eprintln!("program: {:.2} MiB", size as f64 / 1_048_576.0);
    result("process", "the program", size as f64 / 1024.0, "KiB");
    eprintln!("{:<52} {:>9} {:>9} {:>6}", "docker …", "C exec", "fender", "times");
    let clean = ["run", "--rm", "-m", "1g", "--init", "-u", "1000", "alpine:3"];
    let row = |name: &str, bench: &Bench, words: &[&str]| {
        let (theirs, ours) = bench.compare(words);
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        eprintln!("{name:<52} {:>6} µs {:>6} µs {ratio:>6.2}", theirs.as_micros(), ours.as_micros());
        result("process", name, ours.as_secs_f64() * 1e6, "µs");
        result("process", &format!("{name}, against a C program that only execs"), ratio, "times");
        (theirs, ours)
    };
    row("ps", &bench, &["ps"]);
    let (_, without) = row("run, nothing to say", &bench, &clean);
    let peaks = [bench.peak(&["ps"]), bench.peak(&clean)];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh");
    let started = Command::new(&script).args(["start", "bench", "new"]).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    bench.engine = format!("unix://{}", String::from_utf8_lossy(&started.stdout).trim());
    // An image that sets a user and brings an init, so that nothing is found and only the image is asked for.
    let import = Command::new("sh")
        .arg("-c")
        .arg("d=$(dirname \"$1\"); b=$(\"$1\" fetch); c=${FENDER_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fender-tests}; DOCKER_HOST=$2 $b/docker import -c 'USER 1000' -c 'ENTRYPOINT [\"/sbin/tini\",\"--\"]' $c/busybox.tar asked:1")
        .args(["sh", script.to_str().unwrap(), &bench.engine])
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let asked = ["run", "--rm", "-m", "1g", "asked:1"];
    let (_, with) = row("run, the image asked of a real engine", &bench, &asked);
    eprintln!("asking a real engine takes {} µs more", with.saturating_sub(without).as_micros());
    result("process", "peak memory of ps", peaks[0] as f64, "KiB");
    result("process", "peak memory of run", peaks[1] as f64, "KiB");
    eprintln!("peak memory: ps {} KiB, run {} KiB, engine asked {} KiB", peaks[0], peaks[1], bench.peak(&asked));
    let _ = Command::new(&script).args(["stop", "bench"]).status();
}
