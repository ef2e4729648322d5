//! Compose's plugin is asked itself where docker's client says that it starts this one, and through the client otherwise.

use std::fs;
use std::path::PathBuf;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::place::{error, script};
use crate::support::{cache, real_docker};

/// A plugin that writes down who started it, and becomes compose.
struct PluginLog<'a> {
    guarded: Guarded<'a>,
    log: PathBuf,
    config: PathBuf,
}

impl PluginLog<'_> {
    fn install(&self, mark: &str) {
        let folder = fs::read(cache().join("config/config.json")).unwrap();
        let folder: serde_json::Value = serde_json::from_slice(&folder).unwrap();
        let real = PathBuf::from(folder["cliPluginsExtraDirs"][0].as_str().unwrap()).join("docker-compose");
        let folder = self.config.join("cli-plugins");
        fs::create_dir_all(&folder).unwrap();
        // Docker's client gives each plugin that it runs a socket; where it only asks what it is, it says so.
        let text = format!(
            "#!/bin/sh\n# {mark}\ncase \"$1\" in docker-cli-plugin-metadata) by=listed ;; *) by=${{DOCKER_CLI_PLUGIN_SOCKET:+docker}} ;; esac\n\
             echo \"${{by:-fender}}: $*\" >>{}\nexec {} \"$@\"\n",
            self.log.display(),
            real.display()
        );
        script(&folder.join("docker-compose"), &text);
    }

    /// What the plugin was asked for `compose up -d`, sorted: two questions run at once.
    fn asked(&self) -> Vec<String> {
        let _ = fs::remove_file(&self.log);
        let output = self.guarded.docker(&["compose", "up", "-d"]).env("DOCKER_CONFIG", &self.config).output().unwrap();
        assert!(output.status.success(), "{}", error(&output));
        let mut lines: Vec<String> = fs::read_to_string(&self.log).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

const CONFIG: &str = "compose config --format json";
const DRY_RUN: &str = "compose --progress plain --dry-run up -d";
const LISTED: &str = "listed: docker-cli-plugin-metadata";

#[test]
fn compose_is_asked_itself_where_docker_starts_it() {
    let engine = Engine::start("compose-plugin", "new", "");
    engine.image("stand-in:1", &["USER 1000"]);
    let guarded = Guarded::new(&engine);
    let (log, config) = (guarded.place.path("out/plugin"), guarded.place.path("home/config"));
    let plugin = PluginLog { guarded, log, config };
    plugin.install("first");
    let file = "name: shop\nservices:\n  db: {image: \"stand-in:1\", init: true, mem_limit: 100m, \
                logging: {driver: local}, stop_grace_period: 0s, command: sleep 9999}\n";
    fs::write(plugin.guarded.place.path("home/compose.yaml"), file).unwrap();
    // Nothing is there: a dry run could wait for a registry, and is not begun.
    let first = plugin.asked();
    assert!(first.contains(&format!("fender: {CONFIG}")), "{first:#?}");
    assert!(!first.iter().any(|line| line.ends_with(DRY_RUN)), "{first:#?}");

    let directly = |listed: usize| {
        let mut lines = vec!["docker: compose up -d".to_owned()];
        lines.extend([DRY_RUN, CONFIG].map(|words| format!("fender: {words}")));
        lines.extend(vec![LISTED.to_owned(); listed]);
        lines
    };
    // Docker lists it once for the command itself.
    assert_eq!(plugin.asked(), directly(1), "which plugin docker starts is remembered");
    plugin.install("another version of it");
    assert_eq!(plugin.asked(), directly(2), "docker is asked again about another file");
    assert_eq!(plugin.asked(), directly(1));

    // What a script sets before it starts docker is not known.
    let client = plugin.guarded.place.path("real/docker");
    fs::remove_file(&client).unwrap();
    script(&client, &format!("#!/bin/sh\nexec {} \"$@\"\n", real_docker().display()));
    let through_it = plugin.asked();
    assert!(!through_it.iter().any(|line| line.starts_with("fender")), "{through_it:#?}");
    assert!(through_it.contains(&format!("docker: {CONFIG}")), "{through_it:#?}");
}
