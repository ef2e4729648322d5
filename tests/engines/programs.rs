//! What programs run: their command sequences once with the client alone and once through fender, on a real engine. Both must give
//! the same output, the same errors and the same exit codes, command for command.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::support;
use crate::support::engine::Engine;
use crate::support::place::Place;
use crate::support::process::{program, without_terminal};

/// A program's name, whether it runs in CI (where losses are noted, not asked about), and its commands. `< TEXT |` in front is
/// what the command reads; `FOLDER` stands for a folder with a Dockerfile and compose files.
struct Scenario {
    name: &'static str,
    in_ci: bool,
    commands: &'static str,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "clean up if it is there",
        in_ci: false,
        commands: "
            rm nosuch
            rm -f nosuch
            rm -fv nosuch other
            rm -v nosuch
            stop nosuch
            kill nosuch
            volume rm nosuch
            volume rm -f nosuch
            network rm nosuch
            network rm -f nosuch
            rmi nosuch
            rmi -f nosuch:1
            image rm nosuch
            context rm nosuch
            context rm -f nosuch
            plugin rm nosuch
            plugin rm -f nosuch
            plugin disable nosuch
            swarm leave
            swarm leave --force
            node rm x
            node rm -f x
            stack rm nosuch
            service rm nosuch
            secret rm nosuch
            config rm nosuch
            compose -p nosuch down
            compose -p nosuch down -v
            compose -p nosuch down -v --remove-orphans --rmi all
            exec --privileged nosuch sh
            exec nosuch sh
            < n | volume prune
            < y | volume prune
            volume prune
            volume prune -f
            volume prune -af
            network prune -f
            container prune -f
            image prune -f
            < n | system prune
            < n | container prune
            builder prune -f --filter until=9000h
            run --no-such-flag x
            no-such-command
            compose -f nosuch.yaml up
        ",
    },
    Scenario {
        name: "a project without volumes",
        in_ci: false,
        commands: "
            compose -f FOLDER/compose.yaml up -d --pull never
            compose -f FOLDER/compose.yaml down -v -t 0
            compose -f FOLDER/compose.yaml down -v
        ",
    },
    Scenario {
        name: "deploy script of CI",
        in_ci: true,
        commands: "
            version --format {{.Server.Os}}
            info --format {{.OSType}}
            compose version --short
            network create deploy
            volume create deploy-data
            run -d --name deploy-db --network deploy -v deploy-data:/data --health-cmd true base sleep 600
            inspect -f {{.State.Running}} deploy-db
            ps --filter name=deploy --format {{.Names}}
            exec deploy-db sh -c 'echo 1 > /data/v; cat /data/v'
            exec deploy-db false
            exec deploy-db sh -c 'echo err >&2; exit 3'
            run --rm --network deploy base true
            run --rm base sh -c 'exit 7'
            logs deploy-db
            stop -t 0 deploy-db
            rename deploy-db deploy-old
            run -d --name deploy-db --network deploy -v deploy-data:/data base sleep 600
            rm -f deploy-old
            wait nosuch
            rm -f deploy-db
            volume rm deploy-data
            network rm deploy
        ",
    },
    Scenario {
        name: "testcontainers",
        in_ci: true,
        commands: "
            info --format {{.ServerVersion}}
            create --name tc-1 --label org.testcontainers=true --label session=1 -p 127.0.0.1::80 base sleep 600
            start tc-1
            inspect --format {{.Config.Labels}} tc-1
            create --name tc-2 --label org.testcontainers=true --rm base sleep 600
            start tc-2
            ps -a --filter label=org.testcontainers=true --format {{.Names}}
            cp FOLDER/file tc-1:/tmp/file
            exec tc-1 cat /tmp/file
            stop -t 0 tc-2
            kill tc-1
            kill tc-1
            rm -fv tc-1
            rm -fv tc-1
            volume ls -q --filter label=org.testcontainers=true
            container prune -f --filter label=session=1
            network prune -f --filter label=session=1
            volume prune -f --filter label=session=1
            image prune -f --filter label=session=1
        ",
    },
    Scenario {
        name: "devcontainer",
        in_ci: true,
        commands: "
            ps -q -a --filter label=devcontainer.local_folder=/w
            inspect --type image base --format {{.Os}}
            inspect --type image nosuch
            volume create vscode
            run --sig-proxy=false -d --name dc --label devcontainer.local_folder=/w -v vscode:/vscode -w /tmp --entrypoint /bin/sh base -c 'while sleep 1; do :; done'
            inspect --type container dc --format {{.Config.WorkingDir}}
            exec -i -u root dc /bin/sh -c 'id -u'
            < echo in | exec -i dc /bin/sh
            exec -e A=1 -w / dc sh -c 'echo $A; pwd'
            exec -u nobody dc id -un
            stop -t 0 dc
            start dc
            exec dc true
            rm -f dc
            volume rm vscode
        ",
    },
    Scenario {
        name: "python-on-whales",
        in_ci: true,
        commands: "
            image inspect base --format {{.Architecture}}
            image ls -q --no-trunc nosuch
            image tag base whales:1
            image ls --format {{.Repository}}:{{.Tag}} whales
            container create --name pw base sleep 600
            container start pw
            container inspect pw --format {{.Name}}
            container list --all --format {{.Names}} --filter name=pw
            container logs pw
            container pause pw
            container unpause pw
            container restart -t 0 pw
            container rename pw pw2
            container stats --no-stream --format {{.Name}} pw2
            container diff pw2
            container top pw2 -o comm
            container commit pw2 whales:2
            container stop -t 0 pw2
            container export -o out.tar pw2
            container remove --force --volumes pw2
            image history -q whales:2
            image save -o image.tar whales:2
            image remove whales:2
            image load -q -i image.tar
            image remove -f whales:2 whales:1
            system df --format {{.Type}}
            volume create pw-volume
            volume inspect pw-volume --format {{.Driver}}
            volume list -q --filter name=pw-volume
            volume remove pw-volume
            volume remove pw-volume
        ",
    },
    Scenario {
        name: "compose end to end",
        in_ci: true,
        commands: "
            compose -f FOLDER/compose.yaml config --services
            compose -f FOLDER/compose.yaml config -q
            compose -f FOLDER/compose.yaml create --pull never
            compose -f FOLDER/compose.yaml up -d --pull never
            compose -f FOLDER/compose.yaml ps --services
            compose -f FOLDER/compose.yaml exec -T web echo hello
            compose -f FOLDER/compose.yaml exec -T web sh -c 'exit 4'
            compose -f FOLDER/compose.yaml run --rm -T web echo once
            compose -f FOLDER/compose.yaml logs --no-color web
            compose -f FOLDER/compose.yaml stop -t 0
            compose -f FOLDER/compose.yaml start
            compose -f FOLDER/compose.yaml kill
            compose -f FOLDER/compose.yaml rm -f
            compose -f FOLDER/compose.yaml down -t 0
            compose -f FOLDER/compose.yaml down -v
            compose -f FOLDER/compose.yaml up -d --pull never nosuch
            compose -f FOLDER/broken.yaml up -d
            compose ls -q
        ",
    },
    Scenario {
        name: "backup",
        in_ci: true,
        commands: "
            volume create bk
            run --rm -v bk:/data base sh -c 'echo kept > /data/file'
            run --rm -v bk:/data:ro base tar -C /data -cf - .
            run --rm -v bk:/data:ro base cat /data/file
            < some | run --rm -i -v bk:/data base sh -c 'cat > /data/in; cat /data/in'
            run --rm -v bk:/data:ro base sh -c 'echo x > /data/file'
            create --name bk-c -v bk:/data base
            cp bk-c:/data/file -
            cp bk-c:/data/file out.txt
            cp bk-c:/nosuch out.txt
            export bk-c -o bk.tar
            rm bk-c
            volume rm bk
            volume rm bk
            ps -aq
        ",
    },
    Scenario {
        name: "build and push",
        in_ci: true,
        commands: "
            buildx version
            pull nosuch.invalid/x:1
            push nosuch.invalid/x:1
            tag base localhost:1/built:1
            push localhost:1/built:1
            inspect -f {{.Os}} localhost:1/built:1
            rmi localhost:1/built:1
            rmi localhost:1/built:1
            image ls -q localhost:1/built
            build -f FOLDER/nosuch FOLDER
            build FOLDER/nosuch
            image import FOLDER/file imported:1
            image inspect imported:1 --format {{.Os}}
            rmi imported:1
            search --limit 1
            login -u a -p b nosuch.invalid
            logout nosuch.invalid
        ",
    },
    Scenario {
        name: "swarm",
        in_ci: true,
        commands: "
            node ls
            service ls
            stack ls
            stack ps nosuch
            swarm join-token worker
            swarm unlock-key
            secret ls
            config ls
            service create base
            service scale a=1
            service update a
            service rollback a
            service logs a
            node update --availability drain a
            node promote a
            stack deploy -c FOLDER/compose.yaml s
            stack rm s
            swarm ca
            swarm update --autolock=false
        ",
    },
    Scenario {
        name: "contexts, completion and inspection",
        in_ci: true,
        commands: "
            context show
            context ls -q
            context create one --docker host=unix:///nonexistent/one.sock
            context inspect one --format {{.Name}}
            context update one --description x
            context create one --docker host=unix:///nonexistent/one.sock
            --context one ps
            --context nosuch ps
            context export one -
            context use nosuch
            context rm one
            context rm one
            __complete run --privil
            __complete context rm ''
            __completeNoDesc ps -
            help run
            --help
            --version
            -v
            version --format {{.Client.Os}}
            events --since 1s --until 0s
            system events --since 1 --until 2
            inspect nosuch
            diff nosuch
            port nosuch
            top nosuch
            logs nosuch
            attach nosuch
            history nosuch
            -H tcp://127.0.0.1:1 ps
            -H nonsense://x ps
            --log-level nonsense ps
        ",
    },
];

const COMPOSE: &str = "
name: e2e
services:
  web:
    image: base
    init: true
    command: sleep 600
    mem_limit: 50m
    user: '1000'
  other:
    image: base
    init: true
    command: sleep 600
    mem_limit: 50m
    user: '1000'
    depends_on: [web]
";

/// Ids, times and sizes differ between any two runs; so does the order in which compose reports what it does at once.
fn comparable(text: &[u8], place: &Place, sorted: bool) -> String {
    let text = String::from_utf8_lossy(text).replace(&place.path("").display().to_string(), "PLACE/");
    let mut out = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let is_id = word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id {
            out.push('I');
        } else {
            let mut digits = false;
            for letter in word.chars() {
                if !letter.is_ascii_digit() {
                    out.push(letter);
                } else if !digits {
                    out.push('0');
                }
                digits = letter.is_ascii_digit();
            }
        }
        word.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
        } else {
            flush(&mut word, &mut out);
            out.push(letter);
        }
    }
    flush(&mut word, &mut out);
    let mut lines: Vec<String> =
        out.lines().map(|line| line.split(' ').filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")).collect();
    if sorted {
        lines.sort();
        lines.dedup();
    }
    lines.join("\n")
}

struct Said {
    line: String,
    code: Option<i32>,
    output: String,
    errors: String,
}

fn play(scenario: &Scenario, engine: &Engine, guarded: bool) -> Vec<Said> {
    let place = Place::new().with_real_client();
    let folder = place.path("home/work");
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in [
        ("Dockerfile", "FROM base\nUSER 1000\n"),
        ("compose.yaml", COMPOSE),
        ("broken.yaml", "services: [\n"),
        ("file", "a file\n"),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
    let config = place.path("home/config");
    fs::create_dir_all(&config).unwrap();
    fs::copy(support::cache().join("config/config.json"), config.join("config.json")).unwrap();
    let mut all = Vec::new();
    for line in scenario.commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (input, words) = match line.strip_prefix("< ") {
            Some(rest) => rest.split_once(" | ").unwrap(),
            None => ("", line),
        };
        let words = shell_words::split(&words.replace("FOLDER", &folder.display().to_string())).unwrap();
        let mut command = without_terminal(place.path(if guarded { "front/docker" } else { "real/docker" }));
        command.args(&words).env("PATH", place.search_path()).env("HOME", place.path("home"));
        command.env("DOCKER_CONFIG", &config).current_dir(&folder);
        // Contexts are chosen by the words alone there, and a variable would go before them.
        if !line.contains("--context") {
            command.env("DOCKER_HOST", engine.host());
        }
        if scenario.in_ci {
            command.env("CI", "true");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // Who reads nothing may be gone already.
        let _ = pipe.write_all(format!("{input}\n").as_bytes());
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let sorted = line.starts_with("compose");
        all.push(Said {
            line: line.to_owned(),
            code: output.status.code(),
            output: comparable(&output.stdout, &place, sorted),
            errors: comparable(&output.stderr, &place, sorted),
        });
    }
    all
}

fn clean(engine: &Engine) {
    let containers = engine.plain(&["ps", "-aq"]);
    if !containers.is_empty() {
        let mut words = vec!["rm", "-fv"];
        words.extend(containers.lines());
        engine.plain(&words);
    }
    engine.plain(&["volume", "prune", "-af"]);
    engine.plain(&["network", "prune", "-f"]);
}

#[test]
fn programs_notice_nothing() {
    let count: usize =
        SCENARIOS.iter().map(|it| it.commands.lines().filter(|line| !line.trim().is_empty()).count()).sum();
    assert!(SCENARIOS.len() >= 10 && count >= 200, "{count} commands");
    let engine = Engine::start("programs", "new", "");
    engine.image("base", &[]);
    let mut different = Vec::new();
    for scenario in SCENARIOS {
        clean(&engine);
        let bare = play(scenario, &engine, false);
        clean(&engine);
        let guarded = play(scenario, &engine, true);
        for (bare, guarded) in bare.iter().zip(&guarded) {
            if bare.code != guarded.code || bare.output != guarded.output || bare.errors != guarded.errors {
                different.push(format!(
                    "{}: docker {}\n--- alone: {:?}\n{}\n{}\n--- through fender: {:?}\n{}\n{}",
                    scenario.name,
                    bare.line,
                    bare.code,
                    bare.output,
                    bare.errors,
                    guarded.code,
                    guarded.output,
                    guarded.errors
                ));
            }
        }
    }
    clean(&engine);
    println!("{count} commands in {} scenarios, {} different", SCENARIOS.len(), different.len());
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// `env -i /path/to/docker` finds a client, where one lies in the system's folders.
#[test]
fn without_a_path_the_systems_folders_are_searched() {
    let place = Place::new().with_real_client();
    let there = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .any(|folder| Path::new(folder).join("docker").exists());
    for set in [None, Some("")] {
        let mut command = program(place.path("front/docker"));
        command.env("HOME", place.path("home"));
        match set {
            None => command.env_remove("PATH"),
            Some(path) => command.env("PATH", path),
        };
        let output = command.arg("--version").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if there {
            assert!(output.status.success(), "{errors}");
        } else {
            assert_eq!(output.status.code(), Some(127), "{errors}");
            assert!(errors.contains("looked in /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin"), "{errors}");
        }
    }
}
