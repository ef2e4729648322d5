//! The tests' own engines: none stays behind, and a cold cache is fetched once.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::process::{engine_script, program, root};

/// Whoever starts an engine and is killed cannot stop it any more.
#[test]
fn an_engine_goes_with_the_program_that_started_it() {
    let script = root().join("tests/engine.sh");
    let run = tempfile::tempdir().unwrap();
    let mut owner = engine_script(&[]);
    // A shell in the script's place, with the script's variables.
    let mut shell = program("sh");
    shell.envs(owner.env("FENDER_TEST_RUN", run.path()).get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.args(["-c", "FENDER_TEST_OWNER=$$ \"$1\" start interrupted new && kill -9 $$", "sh"]).arg(&script);
    let output = shell.process_group(0).output().unwrap();
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = run.path().join("interrupted");
    let start = Instant::now();
    while folder.exists() || processes_of(&folder) > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "the engine still runs");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Processes that name this folder in their arguments.
fn processes_of(folder: &Path) -> usize {
    let folder = folder.display().to_string();
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&folder)
    })
    .count()
}

/// Several tests at once on a machine that has fetched nothing: apt is run by one of them.
#[test]
fn a_cold_cache_is_fetched_once() {
    let place = tempfile::tempdir().unwrap();
    let (cache, tools) = (place.path().join("cache"), place.path().join("tools"));
    fs::create_dir(&tools).unwrap();
    // An apt-get that takes its time, and a dpkg that lays out what the script looks for.
    let apt = format!(
        "#!/bin/sh\ncase \"$*\" in *download*) sleep 0.3; echo x >>{0}/runs; touch x.deb ;; esac\n",
        place.path().display()
    );
    let dpkg = "#!/bin/sh\nmkdir -p \"$3/usr/bin\" \"$3/usr/libexec/docker/cli-plugins\" \"$3/bin\"\n\
                : >\"$3/usr/libexec/docker/cli-plugins/docker-compose\"\n\
                printf '#!/bin/sh\\n' >\"$3/bin/busybox\"; chmod +x \"$3/bin/busybox\"\n";
    crate::support::place::script(&tools.join("apt-get"), &apt);
    crate::support::place::script(&tools.join("dpkg"), dpkg);
    let fetch = || {
        let mut command = engine_script(&["fetch"]);
        let path = format!("{}:{}", tools.display(), crate::support::process::system_path());
        command.env("PATH", path).env("FENDER_TEST_CACHE", &cache);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| fetch()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), cache.join("new/usr/bin").display().to_string());
    }
    // Two suites for the new engine, one for the old, one for the older compose.
    assert_eq!(fs::read_to_string(place.path().join("runs")).unwrap().lines().count(), 4);
}
