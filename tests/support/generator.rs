//! Command lines written from the grammar, legal and illegal, in every spelling that pflag takes.

use fender_core::grammar::{COMMANDS, Command, Flag, FlagKind};
use proptest::prelude::*;
use proptest::sample::Index;

/// Commands whose requests depend on what the engine answers, that wait for something to happen, or that the recorder
/// cannot stand in for; each is tested elsewhere or has no effect.
const LEFT_OUT: &[&str] = &[
    "bake",
    "container attach",
    "context create",
    "context export",
    "context import",
    "context rm",
    "context update",
    "context use",
    "login",
    "logout",
    "image build",
    "manifest annotate",
    "manifest create",
    "manifest push",
    "manifest rm",
    "plugin install",
    "plugin create",
    "stack deploy",
    "stack config",
    "stack rm",
    "swarm ca",
    "swarm unlock",
    "swarm unlock-key",
    "swarm update",
    "swarm join-token",
    "system dial-stdio",
    "volume update",
    "node promote",
    "node demote",
    "node update",
    "service update",
    "service rollback",
    "service scale",
    "plugin upgrade",
    "checkpoint create",
    "checkpoint rm",
    "checkpoint ls",
    "container wait",
    "search",
    "builder build",
];

/// The commands that are generated: docker's own that change something.
pub fn commands() -> Vec<&'static Command> {
    let own = |command: &&Command| {
        let first = command.canonical.split(' ').next().unwrap_or_default();
        !matches!(first, "compose" | "buildx" | "trust" | "")
            && !fender_core::grammar::only_reads(command.canonical)
            && !LEFT_OUT.contains(&command.canonical)
            && !LEFT_OUT.contains(&command.path)
    };
    let mut list: Vec<&Command> = COMMANDS.iter().filter(own).collect();
    // `run` and `create` are where the flags are.
    for path in
        ["run", "run", "run", "run", "container create", "create", "service create", "service create", "container run"]
    {
        list.push(fender_core::grammar::find(path).expect("a command of the tables"));
    }
    list
}

#[derive(Clone, Debug)]
struct Choice {
    flag: Index,
    value: Index,
    spelling: u8,
}

/// One command line, without `docker`.
pub fn command_line() -> impl Strategy<Value = Vec<String>> {
    let choice = (any::<Index>(), any::<Index>(), any::<u8>()).prop_map(|(flag, value, spelling)| Choice {
        flag,
        value,
        spelling,
    });
    (
        proptest::sample::select(commands()),
        proptest::collection::vec(choice, 0..7),
        proptest::collection::vec(any::<Index>(), 0..4),
        any::<u8>(),
        any::<Index>(),
    )
        .prop_map(|(command, choices, operands, oddity, which)| write(command, &choices, &operands, oddity, which))
}

fn write(command: &Command, choices: &[Choice], operands: &[Index], oddity: u8, which: Index) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    match oddity {
        0..=9 => words.push("-D".to_owned()),
        10..=14 => words.extend(["--log-level".to_owned(), "info".to_owned()]),
        15..=17 => words.push("--debug=false".to_owned()),
        _ => {}
    }
    words.extend(command.path.split(' ').map(str::to_owned));
    // `docker remove` is known to some versions of the client only.
    if !command.aliases.is_empty() && oddity.is_multiple_of(3) && command.path != "rm" {
        words.pop();
        words.push((*which.get(command.aliases)).to_owned());
    }
    let flags: Vec<&Flag> = command.flags.iter().filter(|flag| usable(command, flag)).collect();
    let mut clustered = false;
    for choice in choices {
        if flags.is_empty() {
            break;
        }
        let flag = *choice.flag.get(&flags);
        let value = (*choice.value.get(&values(command, flag))).to_owned();
        spell(&mut words, flag, &value, choice.spelling, &mut clustered);
    }
    if command.canonical.starts_with("service") && command.long("detach").is_some() {
        words.push("-d".to_owned());
    }
    match command.canonical {
        "container prune" | "image prune" | "volume prune" | "network prune" | "system prune" | "builder prune" => {
            words.push("-f".to_owned());
        }
        _ => {}
    }
    if oddity == 20 || oddity == 21 {
        words.push("--nosuch".to_owned());
    }
    if (22..=30).contains(&oddity) {
        words.push("--".to_owned());
    }
    let wanted = match (command.least, operands.len()) {
        // Mostly a legal number of operands.
        (least, given) if !oddity.is_multiple_of(8) => (least as usize).max(given.min(command.most as usize)),
        (_, given) => given,
    };
    let pool = operand_pool(command);
    for at in 0..wanted {
        let index = operands.get(at).copied().unwrap_or(which);
        let list = &pool[at.min(pool.len() - 1)];
        words.push((*index.get(list)).to_owned());
    }
    if oddity >= 250 && command.interspersed && !flags.is_empty() && !choices.is_empty() {
        // A flag behind the operands.
        let flag = *choices[0].flag.get(&flags);
        let value = (*choices[0].value.get(&values(command, flag))).to_owned();
        spell(&mut words, flag, &value, 1, &mut false);
    }
    words
}

/// Flags that need an experimental or Windows engine, or that make the client wait for a person.
fn usable(command: &Command, flag: &Flag) -> bool {
    let unusable = [
        "help",
        "cpu-count",
        "cpu-percent",
        "io-maxbandwidth",
        "io-maxiops",
        "squash",
        "checkpoint",
        "checkpoint-dir",
        "disable-content-trust",
        "use-api-socket",
        "tree",
        "no-pause",
        "ca-cert",
        "ca-key",
        "stream",
        "orchestrator",
    ];
    let swarm_next =
        matches!(flag.name, "memory-swap" | "memory-swappiness") && command.canonical.starts_with("service");
    let by_answer =
        matches!(flag.name, "secret" | "config" | "credential-spec") && command.canonical.starts_with("service");
    let always_there = match flag.name {
        "detach" => command.canonical == "service create",
        "force" => command.canonical.ends_with("prune"), // Off, it would wait for an answer.
        _ => false,
    };
    !(unusable.contains(&flag.name) || swarm_next || by_answer || always_there)
}

fn spell(words: &mut Vec<String>, flag: &Flag, value: &str, spelling: u8, clustered: &mut bool) {
    let short = (flag.short != 0).then_some(flag.short as char);
    if flag.kind == FlagKind::Bool {
        match (spelling % 6, short) {
            (0, Some(letter)) => {
                // A cluster: `-i` and `-t` become `-it`.
                match words.last_mut().filter(|word| {
                    *clustered && word.starts_with('-') && !word.starts_with("--") && !word.contains('=')
                }) {
                    Some(word) => word.push(letter),
                    None => words.push(format!("-{letter}")),
                }
                *clustered = true;
                return;
            }
            (1, _) => words.push(format!("--{}={value}", flag.name)),
            (2, Some(letter)) => words.push(format!("-{letter}={value}")),
            _ => words.push(format!("--{}", flag.name)),
        }
        *clustered = false;
        return;
    }
    match (spelling % 5, short) {
        (0, Some(letter)) => words.push(format!("-{letter}{value}")),
        (1, Some(letter)) => words.extend([format!("-{letter}"), value.to_owned()]),
        (2, Some(letter)) => words.push(format!("-{letter}={value}")),
        (3, _) => words.push(format!("--{}={value}", flag.name)),
        _ => words.extend([format!("--{}", flag.name), value.to_owned()]),
    }
    *clustered = false;
}

fn operand_pool(command: &Command) -> Vec<Vec<&'static str>> {
    const NAMES: &[&str] = &["x", "web", "db-1", "0123456789ab", "a_b.c", "/x", " x", ""];
    const IMAGES: &[&str] = &[
        "alpine",
        "alpine:3",
        "reg.example.com:5000/a/b:1",
        "a/b",
        "localhost/x",
        "docker.io/library/nginx",
        "ghcr.io/a/b@sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "Alpine",
        "a//b",
        "x:",
        "sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "index.docker.io/x",
        "a:b:c",
        "x--y",
    ];
    const COMMAND: &[&str] = &["sh", "-c", "echo hi", "--privileged", "-v", "/:/h", "--", "-it"];
    let names = NAMES.to_vec();
    let images = IMAGES.to_vec();
    match command.canonical {
        "container run" | "container create" | "service create" => vec![images, COMMAND.to_vec()],
        "container exec" => vec![names[..5].to_vec(), COMMAND.to_vec()],
        "container commit" => vec![names, images],
        "container cp" => vec![
            vec!["x:/etc/passwd", "data.txt", "./data.txt", "ctx", "/nosuch", "a:b"],
            vec!["x:/tmp", "out.txt", "-", "db-1:/x/", ":/x", "ctx"],
        ],
        "image pull" | "image push" | "image rm" | "image save" | "plugin push" => vec![images],
        "image tag" => vec![images.clone(), images],
        "image import" => vec![vec!["img.tar", "http://127.0.0.1:1/x.tar", "/nosuch"], images],
        "secret create" | "config create" => vec![vec!["s1", "app.conf"], vec!["data.txt", "/nosuch"]],
        "volume create" => vec![vec!["v", "pg-data", "a.b"]],
        "network create" => vec![vec!["n", "front", "bridge2"]],
        "swarm join" => vec![vec!["10.0.0.1:2377", "host"]],
        "checkpoint create" => vec![names, vec!["c1"]],
        "plugin set" => vec![vec!["p", "a/b"], vec!["DEBUG=1", "A=b"]],
        _ => vec![names[..6].to_vec()],
    }
}

fn values(command: &Command, flag: &Flag) -> Vec<&'static str> {
    let by_name: &[&str] = match flag.name {
        "volume" => &[
            "/:/h",
            "/:/h:ro",
            "./ctx:/c",
            "../x:/y:rw",
            "data:/var/lib",
            "/data",
            "C:\\x:/y",
            "a:b:c:d",
            "::",
            ".:/src",
            "/var/run/docker.sock:/s",
            "~/x:/y",
            "x:/y:nocopy",
            "",
        ],
        "mount" | "mount-add" => &[
            "type=bind,src=/,dst=/h",
            "TYPE=BIND,\"SRC=/a,b\",DST=/h,RO",
            "source=v,target=/d,volume-nocopy",
            "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1777",
            "type=volume,src=v,dst=/d,volume-opt=type=nfs,volume-label=a=b",
            "type=bind,source=./ctx,target=/c,readonly=true,bind-propagation=rslave",
            "type=bind,src=/x",
            "dst=/only",
            "type=image,source=alpine,target=/i,image-subpath=etc",
            "type=weird,target=/w",
            "readonly=maybe,dst=/x",
            "type=bind,src=/a,dst=/b,volume-nocopy",
            "type=bind,src=/a,dst=/b,bind-recursive=readonly,ro,bind-propagation=rprivate",
            "src=a\"b,dst=/x",
            "",
            "type=bind,src=/a,dst=/b,nosuch=1",
            "type=tmpfs,dst=/t,tmpfs-mode=9",
            "type=bind,src=/a,dst=/b,bind-recursive=disabled",
            "type=volume,dst=/d,volume-driver=local,volume-subpath=x",
        ],
        "publish" if command.canonical.starts_with("service") => &[
            "80:80",
            "8080:80/udp",
            "published=80,target=8080",
            "target=80,mode=host,protocol=udp",
            "127.0.0.1:80:80",
            "8000-8002:80-82",
            "8000-8002:80",
            "published=1",
            "80",
            "target=80,mode=x",
        ],
        "publish" | "expose" => &[
            "80",
            "80:80",
            "127.0.0.1:80:80/tcp",
            "8000-8005:9000-9005/udp",
            "8000-8010:80",
            "[::1]:80:80",
            "x",
            "80/xyz",
            "1.2.3:80:80",
            "published=80,target=8080,protocol=udp",
            "target=80",
            "70000:80",
            "80:",
            "5000/SCTP",
            "1-3",
            "3-1",
            "",
        ],
        "env" | "build-arg" => &["A=1", "A", "FENDER_SET", "=x", "A=", "B=a=b", "TOKEN=s3cr3t", ""],
        "label" | "container-label" => &["a=b", "a", "a b=c", "=x", " x=y", "fender.protect=yes", ""],
        "env-file" => &["vars.env", "bad.env", "/nosuch"],
        "label-file" => &["labels.txt", "/nosuch"],
        "user" => &["0", "root", "1000:1000", "00", "", "nobody", "+0"],
        "network" | "net" => &[
            "host",
            "bridge",
            "none",
            "front",
            "container:x",
            "name=front,alias=a,alias=B",
            "name=host,ip=1.2.3.4",
            "NAME=x,driver-opt=a=B,ip6=::1",
            "name=x,nosuch=1",
            "alias=only",
            "name=n,gw-priority=x",
            "default",
            "",
            "name=x,mac-address=00:11:22:33:44:55,link-local-ip=169.254.1.1",
        ],
        "security-opt" => &[
            "seccomp=unconfined",
            "seccomp:unconfined",
            "apparmor=unconfined",
            "label=disable",
            "label:user:x",
            "no-new-privileges",
            "no-new-privileges=false",
            "no-new-privileges:true",
            "systempaths=unconfined",
            "seccomp=seccomp.json",
            "seccomp=/nosuch",
            "bad",
            "seccomp=",
            "apparmor:",
        ],
        "cap-add" | "cap-drop" => {
            &["ALL", "sys_admin", "CAP_NET_ADMIN", "all", "cap_chown", "NET_RAW", "", "reset", "x y"]
        }
        "device" => &[
            "/dev/sda",
            "/dev/sda:/dev/x:rw",
            "/dev/fuse:r",
            "sda",
            "/dev/a:/dev/b:bad",
            "nvidia.com/gpu=all",
            "/a:b:c:d",
            "/dev//x",
            ":/x",
        ],
        "gpus" => &[
            "all",
            "2",
            "device=0",
            "\"device=0,1\",driver=nvidia",
            "count=1,capabilities=gpu",
            "x",
            "all,all",
            "options=\"a=b,c=d\"",
            "driver=x",
        ],
        "restart" => &["no", "always", "on-failure:3", "unless-stopped", "on-failure:x", ":3", "weird", "always:0", ""],
        "pid" | "ipc" | "uts" | "userns" | "cgroupns" => {
            &["host", "container:x", "private", "", "container:", "shareable", "x"]
        }
        "log-opt" => &["max-size=10m", "a", "=b"],
        "log-driver" => &["none", "json-file", "syslog", ""],
        "storage-opt" => &["size=10G", "bad", "a=b"],
        "ulimit" | "ulimit-add" => {
            &["nofile=1024:2048", "nproc=5", "nofile=2:1", "bad=1", "core=-1", "nofile", "nofile=-1:5", "cpu=1:2:3"]
        }
        "sysctl" => &["net.core.somaxconn=1024", "kernel.shmmax=1", "kernel.bad=1", "fs.mqueue.x=1", "net.x"],
        "tmpfs" => &["/run", "/run:rw,size=1m", ""],
        "dns" => &["1.1.1.1", "::1", "x", " 8.8.8.8 ", "::ffff:1.2.3.4", "01.1.1.1"],
        "dns-search" => &["example.com", ".", "bad domain", "a.b.", "-x.com", "12", "a..b"],
        "add-host" | "host" => &[
            "a:1.2.3.4",
            "a=1.2.3.4",
            "a:[::1]",
            "a:host-gateway",
            "a",
            ":1.2.3.4",
            "a:b",
            "a:::1",
            "a=b:c",
            "x=[1.2.3.4]",
        ],
        "link" => &["db", "db:database", "a:b:c", ""],
        "link-local-ip" => &["169.254.1.1", "x"],
        "mac-address" => &["92:d0:c6:0a:29:33", "x", "92-d0-c6-0a-29-33", "92d0.c60a.2933", ""],
        "ip" | "ip6" => &["172.30.100.104", "::1", "x", " 1.2.3.4"],
        "attach" => &["stdin", "STDOUT", "Stderr", "x", ""],
        "device-cgroup-rule" => &["c 1:3 rwm", "a *:* rwm", "bad", "b 8:0 r", "c 1:3 rwmx", "c  1:3 r"],
        "blkio-weight-device" => &["/dev/sda:100", "/dev/sda:5", "sda:100", "/dev/sda", "/dev/sda:0"],
        "device-read-bps" | "device-write-bps" => {
            &["/dev/sda:1mb", "/dev/sda:x", "/x:1", "/dev/sda:-1", "/dev/sda:1.5k"]
        }
        "device-read-iops" | "device-write-iops" => &["/dev/sda:1000", "/dev/sda:x", "/dev/sda:1k"],
        "platform" => &[
            "linux/amd64",
            "linux/arm64/v8",
            "arm",
            "bad/bad/bad/bad",
            "LINUX/AMD64",
            "windows",
            "x!",
            "linux/arm/v7",
            "aarch64",
            "linux/arm64/8",
            "nosuch",
            "linux/x86_64",
            "",
        ],
        "pull" if flag.kind == FlagKind::Text => &["always", "never", "missing", "x", ""],
        "isolation" => &["default", "process", "hyperv", "x", ""],
        "cidfile" | "iidfile" | "output" => &["out-file", ""],
        "input" => &["img.tar", "/nosuch"],
        "health-cmd" => &["true", "curl -f http://x", ""],
        "entrypoint" => &["", "sh", "sh -c 'a b'", "/bin/tini -- x"],
        "signal" | "stop-signal" => &["KILL", "9", "SIGTERM", "x", ""],
        "name" | "hostname" | "domainname" | "workdir" | "volumes-from" | "network-alias" | "net-alias" | "alias"
        | "group-add" => &["x", "a-b", "a b", "/x", "é", ""],
        "filter" if command.canonical == "system prune" => {
            &["label=a", "label!=b=c", "until=24h", "LABEL=x", "bad", ""]
        }
        "filter" => &["label=a", "label!=b=c", "until=24h", "dangling=false", "all=1", "bad", "", "=x", "a==b"],
        "subnet" | "ip-range" => &["10.0.0.0/24", "10.0.1.0/24", "bad", "10.0.0.0/8", "fd00::/64", "10.0.0.128/25"],
        "gateway" => &["10.0.0.1", "10.0.1.1", "bad", "fd00::1"],
        "aux-address" => &["r=10.0.0.5", "r=11.0.0.1", "r"],
        "driver-opt" => &["a=b", "bad", "A=B,c=d"],
        "opt" | "ipam-opt" | "annotation" => &["a=b", "device=/x", "a", "type=nfs"],
        "default-addr-pool" => &["10.10.0.0/16", "bad", "10.0.0.0/8,11.0.0.0/8"],
        "external-ca" => &["protocol=cfssl,url=http://x", "url=http://x", "protocol=x,url=y", "bad"],
        "listen-addr" => &["0.0.0.0:2377", "eth0", "1.2.3.4:99", ":1", ""],
        "availability" => &["active", "drain", "PAUSE", "bad", ""],
        "mode" => &["replicated", "global", "replicated-job", "global-job", "x"],
        "endpoint-mode" => &["vip", "DNSRR", "x"],
        "placement-pref" => &["spread=node.labels.dc", "bad", "x=y"],
        "generic-resource" => &["gpu=2", "bad", "gpu=a", "SSD=1"],
        "restart-condition" => &["none", "any", "x"],
        "template-driver" | "driver" => &["golang", "overlay", "bridge", ""],
        "change" => &["ENV a=b", "USER x"],
        "tag" => &["a:1", "b", "Bad"],
        _ => &[],
    };
    if !by_name.is_empty() && flag.kind != FlagKind::Bool {
        return by_name.to_vec();
    }
    match flag.kind {
        FlagKind::Bool => vec!["true", "false", "1", "0", "T", "F", "t", "f", "TRUE", "FALSE", "True", "yes", ""],
        FlagKind::Bytes | FlagKind::SwapBytes => {
            vec![
                "512m", "1.5g", "2GiB", "100", "0", "-1", "1 kb", "bad", "1e3", "1x", "0.0", "7B", "1.5", ".5k", "00",
                "5kib", "",
            ]
        }
        FlagKind::Int64 => {
            vec!["0", "1", "-1", "5", "0x10", "010", "1_0", "bad", "99999999999999999999", "+3", "100", "08"]
        }
        FlagKind::Uint64 | FlagKind::Uint16 | FlagKind::Uint32 => {
            vec!["0", "1", "500", "-1", "70000", "0x10", "bad", "+1"]
        }
        FlagKind::Duration | FlagKind::PositiveDuration => {
            vec!["5s", "1m30s", "0", "-1s", "10", "1.5h", "bad", "100ms", "1us", "", "1d"]
        }
        FlagKind::Decimal => vec!["1.5", "2", "0", "1/2", "bad", "0.0000000001", "1e-1", "-1", "01", ".5"],
        FlagKind::Float => vec!["0.5", "1", "0", "bad", "1e-2"],
        FlagKind::Ip => vec!["1.2.3.4", "::1", "bad", ""],
        _ => vec!["x", "a=b", "a,b", "", "with space", "é"],
    }
}
