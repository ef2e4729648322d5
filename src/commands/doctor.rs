//! `fender doctor`: one line for each check, and below each check that fails the command that fixes it.

use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::environment::client::{self, identity, own_identity};
use crate::environment::host::{Surroundings, hostname, today};
use crate::environment::policy::read_layers;
use crate::environment::product;
use crate::exit::{DONE, FAILED};
use crate::session;
use crate::ui::screen::{Screen, shown};
use fender_core::engine::ClientProduct;
use fender_core::engine::Lookup;
use fender_core::engine::{EngineFacts, Inspect};
use fender_core::host::Host as _;
use fender_core::lower::read;
use fender_core::policy::{EnginePlace, Environment, Exception, Policy, is_ci};
use fender_core::target::{Target, choose};

/// One check's outcome.
enum Mark {
    Good,
    /// Worth knowing; nothing is broken.
    Hint,
    Bad,
}

struct Check {
    mark: Mark,
    what: String,
    /// What to do about it.
    fix: Option<String>,
}

fn good(what: impl Into<String>) -> Check {
    Check { mark: Mark::Good, what: what.into(), fix: None }
}

fn hint(what: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { mark: Mark::Hint, what: what.into(), fix: Some(fix.into()) }
}

fn bad(what: impl Into<String>, fix: impl Into<String>) -> Check {
    Check { mark: Mark::Bad, what: what.into(), fix: Some(fix.into()) }
}

pub fn run() -> u8 {
    let screen = Screen::new(stdout().is_terminal());
    let (policy, policy_checks) = policy();
    let mut checks = vec![in_front()];
    checks.extend(real_client(&policy));
    checks.extend([cached_path(), sudo(), aliases()].into_iter().flatten());
    checks.extend(policy_checks);
    checks.push(engine(&policy));
    let mut out = stdout().lock();
    for check in &checks {
        let mark = match check.mark {
            Mark::Good => screen.good("ok  "),
            Mark::Hint => screen.dim("note"),
            Mark::Bad => screen.marked("bad "),
        };
        let _ = writeln!(out, "{mark}  {}", shown(&check.what));
        if let Some(fix) = &check.fix {
            let _ = out.write_all(screen.filled("      ", fix).as_bytes());
        }
    }
    if checks.iter().any(|check| matches!(check.mark, Mark::Bad)) { FAILED } else { DONE }
}

/// The programs named `docker` on PATH, in its order.
fn on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join("docker")).filter(|file| file.is_file()).collect()
}

fn in_front() -> Check {
    let found = on_path();
    let is_fender = |path: &PathBuf| identity(path) == own_identity();
    let own = env::current_exe().unwrap_or_else(|_| PathBuf::from("fender"));
    match found.iter().position(is_fender) {
        Some(0) => good(format!("{} is fender, and the first docker on PATH", found[0].display())),
        Some(at) => bad(
            format!("{} comes before fender's {} on PATH", found[0].display(), found[at].display()),
            format!("put {} first on PATH in your shell's startup file", folder_of(&found[at])),
        ),
        None => bad(
            "no docker on PATH is fender",
            format!(
                "./install.sh puts it there; by hand: ln -s {} into a folder that comes first on PATH",
                own.display()
            ),
        ),
    }
}

fn folder_of(path: &Path) -> String {
    path.parent().map_or_else(String::new, |folder| folder.display().to_string())
}

fn real_client(policy: &Policy) -> Vec<Check> {
    let named = policy.client();
    let client = match client::find(named.as_deref()) {
        Ok(client) => client,
        Err(_) => {
            return vec![bad(
                "there is no real docker client",
                "install one (Debian: apt install docker-cli), or name it in the policy: docker = \"/path/to/docker\"",
            )];
        }
    };
    let product = product::of(&client);
    if product == ClientProduct::Unnamed {
        return vec![bad(
            format!("{} does not say that it is docker's client", client.display()),
            "docker --version of docker's client prints \"Docker version …\"; until this program does, fender judges strictly and keeps nothing; for another client: docker = \"/path/to/docker\" in the policy",
        )];
    }
    if product != ClientProduct::Docker {
        let name = product.name();
        return vec![hint(
            format!("docker is {name} here ({})", client.display()),
            format!(
                "fender does not look at {name}'s containers: it judges strictly and keeps nothing; for docker's client: docker = \"/path/to/docker\" in the policy"
            ),
        )];
    }
    let asked = Command::new(&client).args(["version", "--format", "{{.Client.Version}}"]).output();
    let version = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let major: u32 = version.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let what = format!("the real client is {} {version}", client.display());
    vec![match major {
        23..=29 => good(what),
        0 => bad(
            format!("{} did not say its version", client.display()),
            "check that it is a docker client: docker version",
        ),
        _ => hint(
            what,
            "fender knows docker 23 to 29; it reports options of other versions that it does not know (rule not-understood)",
        ),
    }]
}

/// A shell remembers where it found a program and does not search PATH again, so it misses a program that was installed later.
fn cached_path() -> Option<Check> {
    let shell = env::var("SHELL").unwrap_or_default();
    let name = shell.rsplit('/').next().unwrap_or_default();
    let forget = match name {
        "bash" => "hash -d docker",
        "zsh" => "rehash",
        _ => return None,
    };
    let link = on_path().into_iter().find(|path| identity(path) == own_identity())?;
    let made = fs::symlink_metadata(link).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    if shell_started()? > made {
        return None;
    }
    Some(hint(
        "a shell that ran docker before fender was installed still runs the old path",
        format!("in each open {name}: {forget}"),
    ))
}

/// The kernel's unit for times in `/proc`: USER_HZ, which is 100 on every architecture that docker runs on.
const TICKS_PER_SECOND: u64 = 100;

/// When the shell that called was started, in seconds since 1970: proc(5), field 22 of `stat` and `btime`.
fn shell_started() -> Option<u64> {
    let parent = nix::unistd::getppid();
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).ok()?;
    let ticks: u64 = stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + ticks / TICKS_PER_SECOND)
}

/// sudo has a PATH of its own.
fn sudo() -> Option<Check> {
    let mut texts = vec![fs::read_to_string("/etc/sudoers").ok()?];
    for entry in fs::read_dir("/etc/sudoers.d").into_iter().flatten().flatten() {
        texts.extend(fs::read_to_string(entry.path()).ok());
    }
    let line = texts
        .iter()
        .flat_map(|text| text.lines())
        .rfind(|line| line.trim_start().starts_with("Defaults") && line.contains("secure_path"))?;
    let value = line.split_once('=').map_or("", |(_, value)| value).trim().trim_matches('"').to_owned();
    let first = env::split_paths(&value).map(|folder| folder.join("docker")).find(|file| file.is_file())?;
    Some(match identity(&first) == own_identity() {
        true => good(format!("sudo's secure_path finds fender's {}", first.display())),
        false => hint(
            format!("sudo docker is not guarded: its secure_path finds {}", first.display()),
            "./install.sh --system puts fender into /usr/local/bin, which comes first there",
        ),
    })
}

/// An alias or function goes before PATH.
fn aliases() -> Option<Check> {
    let home = env::var("HOME").ok()?;
    let files = [".bashrc", ".bash_aliases", ".zshrc", ".profile", ".config/fish/config.fish"];
    for file in files {
        let path = Path::new(&home).join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let found = text.lines().find(|line| {
            let line = line.trim_start();
            line.starts_with("alias docker=") || line.starts_with("alias docker ") || line.starts_with("docker()")
        });
        if let Some(line) = found {
            return Some(hint(
                format!("{} has: {}", path.display(), line.trim()),
                "a shell uses an alias before PATH: remove it, or let it call fender docker",
            ));
        }
    }
    None
}

/// What is to be said of an exception: that it has ended or ends soon, or that it is for an image whose content can change.
fn exception_check(exception: &Exception) -> Option<Check> {
    let by = exception.allowed_by(today());
    let (rule, source) = (exception.rule(), &by.source);
    if by.has_ended() {
        let said = format!("{source}: the exception for {rule} has ended ({})", by.until?);
        return Some(hint(said, "remove it, or set a later day"));
    }
    if by.ends_soon() {
        return Some(hint(
            format!("{source}: the exception for {rule} ends on {}", by.until?),
            "set a later day if it is still needed",
        ));
    }
    let moving = exception.moving_image()?;
    let said = format!("{source}: the exception for {rule} is for the name {moving:?}, whatever image it has");
    Some(hint(said, "a digest binds it to one image: image = \"NAME@sha256:…\""))
}

fn policy() -> (Policy, Vec<Check>) {
    match read_layers() {
        Ok(layers) if layers.is_empty() => {
            (Policy::default(), vec![good("no policy file: the built-in presets apply")])
        }
        Ok(layers) => {
            let mut checks: Vec<Check> =
                layers.iter().map(|layer| good(format!("the policy {} has no errors", layer.path.display()))).collect();
            let policy = Policy { layers };
            checks.extend(policy.without_effect().into_iter().map(|idle| {
                hint(format!("{}: {} has no effect", idle.source, idle.key), format!("{}; remove the line", idle.why))
            }));
            checks.extend(policy.exceptions().filter_map(|exception| exception_check(&exception)));
            (policy, checks)
        }
        Err(problem) => {
            let check = bad(problem.to_string(), "until this is fixed, only read-only commands run");
            (Policy::default(), vec![check])
        }
    }
}

/// The environment of the engine that docker would reach here.
pub fn environment_here(policy: &Policy) -> Environment {
    with_place(policy, |place| policy.environment(place)).1
}

fn here(policy: &Policy) -> (Target, Environment, Lookup<EngineFacts>) {
    with_place(policy, |place| policy.environment(place))
}

/// Looks at the place that a command would act on here; also its target, and what the engine says of itself.
pub fn with_place<T>(policy: &Policy, look: impl FnOnce(&EnginePlace) -> T) -> (Target, T, Lookup<EngineFacts>) {
    let host = Surroundings { assume_terminal: true };
    let target: Target = choose(&read(&[], &host), &host);
    let client = client::find(policy.client().as_deref()).unwrap_or_else(|_| PathBuf::from("docker"));
    let facts = session::engine(&target, &client, policy);
    let known = facts.engine();
    let labels = || facts.labels(false);
    let address = if target.is_local() { "" } else { target.address() };
    let ci = is_ci(&env::var_os("CI").unwrap_or_default().to_string_lossy());
    let place = EnginePlace::new(&target.context, &target.host, address, &hostname(), ci, labels)
        .unclear(target.unclear.clone())
        .resolving(|path| host.resolve(path))
        .with_id(|| facts.engine().map(|engine| engine.id));
    let found = look(&place);
    drop(place);
    (target, found, known)
}

fn engine(policy: &Policy) -> Check {
    let (target, environment, known) = here(policy);
    let environment = format!("{} ({})", environment.name, environment.because);
    match known {
        Lookup::Found(engine) => good(format!("the engine is {} at {}: {environment}", engine.name, target.host)),
        _ => hint(
            format!("the engine at {} does not answer; its environment would be {environment}", target.host),
            "start it, or choose another engine with DOCKER_HOST or docker context use",
        ),
    }
}
