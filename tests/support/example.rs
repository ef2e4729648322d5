//! A host and an engine for examples: every path is there, and so are the few things that the rules' examples name.

use std::ffi::OsString;

use std::rc::Rc;

use fender_core::api::EngineProblem;
use fender_core::docker_files::context_folder;
use fender_core::engine::{
    ClientProduct, ContainerFacts, EngineFacts, ImageFacts, Inspect, Lookup, MountFacts, ProjectContainer,
};
use fender_core::files::context::{self, ContextRequest, Sizes, Survey};
use fender_core::files::ignore::{self, Matcher};
use fender_core::files::secrets;
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::judge::{Judgement, JudgementContext, judge};
use fender_core::plan::Facts;
use fender_core::plan::changes::changes;
use fender_core::plan::compose::Project;
use fender_core::plan::inventory::{Container, Endpoint, Image, Inventory, Network, Volume};
use fender_core::plan::preview::Preview;
use fender_core::plan::protect::ProtectPattern;
use fender_core::plan::{Change, ChangeStep, ObjectKind, Plan, Protections, Step, plan};
use fender_core::policy::{Caller, CallerKind, Policy};
use fender_core::rules::{Example, rule};
use fender_core::target::Target;

const COMPOSE: &str = "services:
  worker:
    extends: {file: base.yaml, service: base}
    mem_limit: 1g
";
const BASE: &str = "services:
  base:
    image: safe:1
    init: true
    privileged: ${DEBUG:-true}
";

/// A host on which every path is there.
pub struct EveryPath;

impl Host for EveryPath {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "HOME" => Some("/home/ann".to_owned()),
            "DOCKER_BUILDKIT" => Some("0".to_owned()),
            _ => None,
        }
    }
    fn directory(&self) -> String {
        "/home/ann/project".to_owned()
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some((example, is_bad)) = file_example(path) {
            return match path.ends_with(example.name) {
                true => Ok(if is_bad { example.bad } else { example.good }.as_bytes().to_vec()),
                false => Ok(b"FROM alpine:3.22\nCOPY . /app\nUSER 10001\n".to_vec()),
            };
        }
        match path {
            "compose.prod.yaml" => return Ok(COMPOSE.as_bytes().to_vec()),
            "base.yaml" => return Ok(BASE.as_bytes().to_vec()),
            _ => {}
        }
        for name in ["prod-web", "prod-db"] {
            if path.ends_with(&format!("contexts/meta/{}/meta.json", context_folder(name))) {
                let host = format!("tcp://{name}.example.com:2376");
                return Ok(format!(r#"{{"Name":"{name}","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#).into_bytes());
            }
        }
        if path.ends_with("config.json") { Err("no such file or directory".to_owned()) } else { Ok(Vec::new()) }
    }
    fn exists(&self, path: &str) -> bool {
        !path.contains("/missing/") && !matches!(path, "/.dockerenv" | "/run/.containerenv")
    }
    fn is_directory(&self, path: &str) -> bool {
        !path.contains("://") && !path.contains('@')
    }
    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn resolve(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("/home/ann/project/{path}") }
    }
    fn survey(&self, wanted: &ContextRequest) -> Result<Survey, context::ContextProblem> {
        let ignore = match file_example(&format!("{}/x", wanted.folder)) {
            Some((example, is_bad)) if example.name == ".dockerignore" => {
                if is_bad {
                    example.bad
                } else {
                    example.good
                }
            }
            _ => return Ok(Survey::default()),
        };
        let matcher = Matcher::new(&ignore::read(ignore.as_bytes()).unwrap()).unwrap();
        let files = [".env", ".git/config", "README.md", "id_rsa", "node_modules/x/index.js", "src/main.js"];
        let sent = files.iter().filter(|path| !matcher.matches_alone(path));
        let paths: Rc<[String]> = sent.map(|path| (*path).to_owned()).collect();
        let secrets = secrets::among(&paths, &|_, _| Some(b"DB_PASSWORD=hunter2".to_vec()));
        let sizes = Rc::new(Sizes::new(|paths| vec![1000; paths.len()]));
        let patterns = Rc::new(matcher);
        Ok(Survey {
            paths,
            sizes,
            secrets,
            ignore: Some(".dockerignore".into()),
            patterns,
            root: "/".into(),
            ..Survey::default()
        })
    }
    fn input_is_terminal(&self) -> bool {
        true
    }
    fn output_is_terminal(&self) -> bool {
        true
    }
    fn config_folder(&self, _: Option<&str>) -> String {
        "/home/ann/.docker".to_owned()
    }
    fn has_plugin(&self, name: &str, _: &str) -> bool {
        name == "scout"
    }
}

/// `examples/RULE/NUMBER/bad/…`: a file of a rule's examples.
fn file_example(path: &str) -> Option<(&'static Example, bool)> {
    let mut parts = path.split("examples/").nth(1)?.split('/');
    let rule = rule(parts.next()?)?;
    let example = rule.files.get(parts.next()?.parse::<usize>().ok()?)?;
    Some((example, parts.next()? == "bad"))
}

/// An engine with the few things that the examples name.
pub struct SmallEngine;

impl Inspect for SmallEngine {
    fn image(&self, name: &str) -> Lookup<ImageFacts> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match name {
            // A user, an init: nothing to say.
            "safe:1" => Lookup::Found(ImageFacts {
                id: "sha256:1".into(),
                user: "1000".into(),
                entrypoint: words(&["/sbin/tini", "--"]),
                command: words(&["server"]),
                ..ImageFacts::default()
            }),
            "tools:1.4" => Lookup::Found(ImageFacts {
                id: "sha256:2".into(),
                command: words(&["server"]),
                ..ImageFacts::default()
            }),
            "stateful:1" => Lookup::Found(ImageFacts {
                id: "sha256:3".into(),
                user: "1000".into(),
                volumes: words(&["/var/lib/state"]),
                ..ImageFacts::default()
            }),
            "app:2" => Lookup::Found(ImageFacts { id: "sha256:4".into(), ..ImageFacts::default() }),
            "registry.example.com/leaky:1" => Lookup::Found(ImageFacts {
                id: "sha256:6".into(),
                env: words(&["PATH=/bin", "API_TOKEN=0123456789abcdef"]),
                ..ImageFacts::default()
            }),
            "docker.io/library/idle:1" => Lookup::Found(ImageFacts { id: "sha256:7".into(), ..ImageFacts::default() }),
            "docker.io/library/app:prod" | "docker.io/library/app:1" | "app:1" => {
                Lookup::Found(ImageFacts { id: "sha256:5".into(), ..ImageFacts::default() })
            }
            _ => Lookup::Missing,
        }
    }
    fn container(&self, name: &str) -> Lookup<ContainerFacts> {
        let volume = MountFacts {
            volume: Some("x".into()),
            source: "/var/lib/docker/volumes/x".into(),
            destination: "/data".into(),
            writable: true,
        };
        match name {
            "heavy" => Lookup::Found(ContainerFacts { name: name.into(), ..ContainerFacts::default() }),
            "light" => Lookup::Found(ContainerFacts { name: name.into(), ..ContainerFacts::default() }),
            "serving" => Lookup::Found(ContainerFacts {
                name: name.into(),
                image: "app:2".into(),
                running: true,
                started_at: "2026-11-23T14:02:09.1Z".into(),
                ..ContainerFacts::default()
            }),
            "orders-db" => Lookup::Found(ContainerFacts {
                name: name.into(),
                image: "registry.example.com/library/postgres:17".into(),
                running: true,
                ..ContainerFacts::default()
            }),
            "hasty-db" | "patient-db" => Lookup::Found(ContainerFacts {
                name: name.into(),
                image: "mariadb:11.4".into(),
                running: true,
                stop_timeout: Some(if name == "hasty-db" { 3 } else { -1 }),
                ..ContainerFacts::default()
            }),
            "ledger-db-1" | "ledger-slow-db-1" => Lookup::Found(ContainerFacts {
                name: name.into(),
                running: true,
                stop_timeout: (name == "ledger-slow-db-1").then_some(120),
                ..ContainerFacts::default()
            }),
            "limited" => Lookup::Found(ContainerFacts {
                name: name.into(),
                running: true,
                memory: 1 << 29,
                nano_cpus: 2_000_000_000,
                ..ContainerFacts::default()
            }),
            "leaky" => Lookup::Found(ContainerFacts {
                name: name.into(),
                running: true,
                env: vec!["API_TOKEN=0123456789abcdef".into()],
                ..ContainerFacts::default()
            }),
            "plain" | "project-db-1" | "keeper" => {
                let volume =
                    MountFacts { volume: Some(if name == "keeper" { "protected-data" } else { "x" }.into()), ..volume };
                Lookup::Found(ContainerFacts { name: name.into(), mounts: vec![volume], ..ContainerFacts::default() })
            }
            _ => Lookup::NoEngine,
        }
    }
    fn engine(&self) -> Lookup<EngineFacts> {
        Lookup::Found(EngineFacts {
            id: "E1".into(),
            name: "build-7".into(),
            labels: Vec::new(),
            memory: 64_000_000_000,
            log_driver: "local".into(),
            containerd: false,
            has_init: true,
        })
    }
    fn uses_image(&self, id: &str) -> Lookup<()> {
        if id == "sha256:7" { Lookup::Missing } else { Lookup::Found(()) }
    }
    fn api_version(&self) -> Lookup<(u32, u32)> {
        Lookup::Found((1, 51))
    }
    fn printed(&self, words: &[String], _: &dyn Host) -> Lookup<Vec<u8>> {
        let services = match words.iter().any(|word| word == "compose.prod.yaml") {
            true => serde_json::json!({"worker": {
                "image": "safe:1", "privileged": true, "mem_limit": "1073741824", "init": true,
                "networks": {"default": null},
            }}),
            false if project(words) == "shop" => {
                serde_json::json!({"web": {"image": "safe:1", "mem_limit": "1073741824"}})
            }
            false => serde_json::json!({}),
        };
        Lookup::Found(serde_json::json!({"name": project(words), "services": services}).to_string().into_bytes())
    }
    fn project_containers(&self, project: &str) -> Lookup<Vec<ProjectContainer>> {
        let web = ProjectContainer {
            name: "shop-web-1".into(),
            service: "web".into(),
            folder: "/srv/a/shop".into(),
            files: vec!["/srv/a/shop/compose.yaml".into()],
            image: "safe:1".into(),
            ..ProjectContainer::default()
        };
        let of_ledger = |service: &str, image: &str| ProjectContainer {
            name: format!("ledger-{service}-1"),
            service: service.into(),
            image: image.into(),
            running: true,
            ..ProjectContainer::default()
        };
        Lookup::Found(match project {
            "shop" => vec![web],
            "ledger" => {
                vec![of_ledger("db", "postgres:17"), of_ledger("slow-db", "mariadb:11.4"), of_ledger("web", "safe:1")]
            }
            _ => Vec::new(),
        })
    }
    fn volume_names(&self) -> Lookup<Vec<String>> {
        Lookup::Found(vec!["app_pgdata".into(), "other-data".into(), "protected-data".into()])
    }
    fn project_names(&self) -> Lookup<Vec<String>> {
        Lookup::Found(["billing", "blog", "prod", "project", "protected", "shop"].map(str::to_owned).to_vec())
    }
}

/// Podman under the name docker: nothing is known of it.
struct SmallPodman;

impl Facts for SmallPodman {}

impl Inspect for SmallPodman {
    fn product(&self) -> ClientProduct {
        ClientProduct::Podman
    }
    fn image(&self, _: &str) -> Lookup<ImageFacts> {
        Lookup::Unknown("it is not asked".into())
    }
    fn container(&self, _: &str) -> Lookup<ContainerFacts> {
        Lookup::Unknown("it is not asked".into())
    }
    fn engine(&self) -> Lookup<EngineFacts> {
        Lookup::Unknown("it is not asked".into())
    }
    fn api_version(&self) -> Lookup<(u32, u32)> {
        Lookup::Unknown("it is not asked".into())
    }
}

/// The name that the words give their project.
fn project(words: &[String]) -> &str {
    let flag = words.iter().position(|word| matches!(word.as_str(), "-p" | "--project-name"));
    flag.and_then(|at| words.get(at + 1)).map_or("project", String::as_str)
}

impl Facts for SmallEngine {
    fn protections(&self) -> Result<Rc<Protections>, EngineProblem> {
        let pattern = |kind| ProtectPattern { kind, glob: "protected*".to_owned(), source: "policy.toml:2".to_owned() };
        let patterns = vec![pattern(ObjectKind::Container), pattern(ObjectKind::Volume)];
        Ok(Rc::new(Protections { patterns, ..Protections::default() }))
    }
    fn plan(&self, steps: &[Step]) -> Result<Rc<Plan>, EngineProblem> {
        let protections = self.protections()?;
        let mut plan = plan(steps, &inventory(), &protections);
        let about_volumes = |step: &Step| {
            matches!(step, Step::Volume { .. } | Step::PruneVolumes(_) | Step::Compose(_))
                || matches!(step, Step::Container { volumes: true, .. })
        };
        let no_volume = plan.of(ObjectKind::Volume).next().is_none();
        if plan.deletes.is_empty() || (no_volume && steps.iter().any(about_volumes)) {
            // It does not hold all that the examples name, and what is not there is not asked about.
            plan.unclear.push("the small engine holds only a few things".to_owned());
        }
        Ok(Rc::new(plan))
    }
    fn changes(&self, steps: &[ChangeStep]) -> Result<Vec<Change>, EngineProblem> {
        Ok(changes(steps, &inventory(), &*self.protections()?))
    }
    fn protected_volume(&self, name: &str) -> Lookup<Option<String>> {
        let volume = Volume { name: name.to_owned(), ..Volume::default() };
        match self.protections() {
            Ok(protections) => Lookup::Found(protections.volume(&volume).map(|protected| protected.why)),
            Err(problem) => problem.as_lookup(),
        }
    }
    fn preview(&self, invocation: &Invocation, _: &dyn Host) -> Lookup<Rc<Preview>> {
        // Of one project something is not as its files say.
        let is_small = invocation.above.iter().any(|set| set.flag.name == "project-name" && set.value == "small");
        let lines = if is_small { " DRY-RUN MODE -  Container light  Recreate " } else { "" };
        Lookup::Found(Rc::new(Preview::read("", lines, true)))
    }
    fn project(&self, invocation: &Invocation, _: &dyn Host) -> Lookup<Project> {
        let name = invocation.above.iter().find(|set| set.flag.name == "project-name");
        let name = name.map_or_else(|| "project".to_owned(), |set| set.value.clone());
        Lookup::Found(Project { name, model: None })
    }
}

/// The moment at which the small engine is looked at, in seconds since 1970.
pub const NOW: i64 = 1_795_600_000;

/// What the small engine holds for plans: a production host with a job that is done and some images.
fn inventory() -> Inventory {
    let container = |name: &str, state: &str, status: &str, image: char| Container {
        id: name.chars().next().unwrap().to_string().repeat(64),
        names: vec![format!("/{name}")],
        state: state.to_owned(),
        status: status.to_owned(),
        image_id: format!("sha256:{}", image.to_string().repeat(64)),
        created: NOW - 7200,
        ..Container::default()
    };
    let mut web = container("protected-web", "running", "Up 3 days", 'f');
    web.labels = [("com.docker.compose.project".to_owned(), "protected".to_owned())].into();
    let mut job = container("migrate-once", "exited", "Exited (0) 2 hours ago", 'e');
    job.size_rw = Some(412_000_000);
    let of_project = |name: &str, project: &str, layer: i64| Container {
        labels: [
            ("com.docker.compose.project".to_owned(), project.to_owned()),
            ("com.docker.compose.service".to_owned(), name.to_owned()),
        ]
        .into(),
        size_rw: Some(layer),
        ..container(name, "running", "Up 3 days", 'f')
    };
    let (heavy, light) = (of_project("heavy", "shop", 412_000_000), of_project("light", "small", 1000));
    let mut batch = container("api-batch", "restarting", "Restarting (1) 5 seconds ago", 'f');
    batch.network_settings.networks = [("batch_default".to_owned(), Endpoint { network_id: "b".repeat(64) })].into();
    let volume = |name: &str| Volume { name: name.to_owned(), driver: "local".to_owned(), ..Volume::default() };
    let image = |id: char, tag: &str, size: i64, pulled: bool| Image {
        id: format!("sha256:{}", id.to_string().repeat(64)),
        repo_tags: vec![tag.to_owned()],
        repo_digests: if pulled {
            vec![format!("{}@sha256:{}", tag.split(':').next().unwrap(), "9".repeat(64))]
        } else {
            Vec::new()
        },
        size,
        created: NOW - 22 * 86_400,
        ..Image::default()
    };
    let mut images = vec![
        image('e', "billing:2026-11-02", 1_200_000_000, false),
        image('f', "registry.example.com/api:1.4", 300_000_000, true),
    ];
    images.extend(('0'..='9').map(|id| image(id, &format!("registry.example.com/tool-{id}:1"), 900_000_000, true)));
    images.push(Image { repo_tags: Vec::new(), ..image('d', "", 2_300_000_000, false) });
    let network = Network {
        id: "b".repeat(64),
        name: "batch_default".to_owned(),
        created: "2026-11-01T10:00:00Z".to_owned(),
        scope: "local".to_owned(),
        driver: "bridge".to_owned(),
        dangling: true,
        ..Network::default()
    };
    Inventory {
        api: (1, 51),
        now: NOW,
        containers: vec![web, job, batch, heavy, light],
        volumes: vec![volume("protected-data"), volume("other-data")],
        networks: vec![network],
        images,
        ..Inventory::default()
    }
}

/// The judgement on a line as a shell would read it, for a person.
pub fn judged(line: &str, environment: &str) -> Judgement {
    judged_for(line, environment, CallerKind::Person)
}

/// The same for any caller.
pub fn judged_for(line: &str, environment: &str, caller: CallerKind) -> Judgement {
    let words: Vec<OsString> = shell_words::split(line).unwrap().into_iter().map(OsString::from).collect();
    with_caller(environment, caller, |context| judge(&words, context))
}

/// Everything that a judgement in front of the small engine needs.
pub fn with_context<T>(environment: &str, work: impl FnOnce(&JudgementContext) -> T) -> T {
    with_caller(environment, CallerKind::Person, work)
}

fn with_caller<T>(environment: &str, caller: CallerKind, work: impl FnOnce(&JudgementContext) -> T) -> T {
    with_policy(&Policy::default(), environment, Caller::of(caller), work)
}

/// The same under a policy.
pub fn with_policy<T>(
    policy: &Policy,
    environment: &str,
    caller: Caller,
    work: impl FnOnce(&JudgementContext) -> T,
) -> T {
    let facts = |target: &Target| -> Rc<dyn Facts> {
        if target.host.contains("podman") { Rc::new(SmallPodman) } else { Rc::new(SmallEngine) }
    };
    work(&JudgementContext {
        host: &EveryPath,
        policy,
        facts: &facts,
        hostname: "laptop".to_owned(),
        today: 20_784,
        ids: (1000, 1000),
        caller,
        environment: policy.named(environment),
    })
}
