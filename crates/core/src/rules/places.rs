//! Which paths give root on the host. The rules about mounts and files share these lists.

/// Mounting one of these, or something that contains one, hands over everything below.
const ROOTS: &[&str] = &[
    "/",
    "/etc",
    "/root",
    "/home",
    "/Users",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/var",
    "/run",
    "/var/lib/docker",
];

/// Anything inside these gives the host away.
const INSIDE: &[&str] = &[
    "/root",
    "/boot",
    "/proc",
    "/sys",
    "/dev",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/rancher",
    "/var/spool/cron",
    "/run/systemd",
    "/run/dbus",
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/group",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/sudo.conf",
    "/etc/ssh",
    "/etc/crontab",
    "/etc/anacrontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/systemd",
    "/etc/init.d",
    "/etc/rc.local",
    "/etc/inittab",
    "/etc/pam.d",
    "/etc/pam.conf",
    "/etc/security",
    "/etc/nsswitch.conf",
    "/etc/ld.so.preload",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.cache",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/environment",
    "/etc/zsh",
    "/etc/docker",
    "/etc/containerd",
    "/etc/kubernetes",
    "/etc/rancher",
    "/etc/polkit-1",
    "/etc/udev",
    "/etc/modprobe.d",
    "/etc/fstab",
    "/etc/fender",
];

/// In a home: keys, credentials, and files that run at the next login.
const IN_A_HOME: &[&str] = &[
    ".ssh",
    ".aws",
    ".kube",
    ".docker",
    ".gnupg",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/systemd",
    ".config/autostart",
    ".config/fender",
    ".netrc",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".vault-token",
    ".password-store",
    ".local/share/keyrings",
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".local/bin",
    ".terraform.d",
    ".oci",
    ".config/op",
    ".minikube",
];

/// Files that every container may read.
const HARMLESS_READ_ONLY: &[&str] = &[
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/ca-certificates",
];

/// Devices that hold nothing.
const HARMLESS_DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/shm"];

/// Where reading is already the damage.
const SECRETS: &[&str] = &[
    "/root",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/pki/tls/private",
    "/etc/docker",
    "/etc/kubernetes",
    "/etc/rancher",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/etc/krb5.keytab",
    "/etc/wireguard",
    "/etc/openvpn",
    "/etc/letsencrypt",
];

/// Sockets that take orders for the host.
const SOCKET_NAMES: &[&str] = &["docker", "containerd", "podman", "crio", "buildkitd", "dockershim", "cri-dockerd"];

/// Whether `path` is `place` or lies below it.
pub fn is_in(path: &str, place: &str) -> bool {
    path == place || place == "/" || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
}

/// `/proc/1/root/x` is `/x`.
pub fn without_proc_root(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/proc/") else { return path };
    match rest.split_once("/root") {
        Some((process, inner)) if !process.contains('/') && (inner.is_empty() || inner.starts_with('/')) => {
            if inner.is_empty() { "/" } else { inner }
        }
        _ => path,
    }
}

/// The path below a home, and the home itself: `/home/ann/.ssh` is `.ssh` of `/home/ann`.
fn below_home<'a>(path: &'a str, home: &str) -> Option<&'a str> {
    if home.len() > 1
        && let Some(rest) = path.strip_prefix(home)
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return Some(rest.trim_start_matches('/'));
    }
    for parent in ["/home/", "/Users/"] {
        if let Some(rest) = path.strip_prefix(parent) {
            return Some(rest.split_once('/').map_or("", |(_, below)| below));
        }
    }
    None
}

/// Why mounting this path hands the host over; None where it does not.
pub fn gives_away(path: &str, read_only: bool, home: &str) -> Option<String> {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    if HARMLESS_DEVICES.contains(&path) || (read_only && HARMLESS_READ_ONLY.iter().any(|place| is_in(path, place))) {
        return None;
    }
    if path == "/" {
        return Some("the whole file system of the host".to_owned());
    }
    if ROOTS.contains(&path) {
        return Some(format!("the whole of {path} on the host"));
    }
    if let Some(root) = ROOTS.iter().find(|root| is_in(root, path)) {
        return Some(format!("{path} on the host, with {root} in it"));
    }
    if let Some(below) = below_home(path, home) {
        if below.is_empty() {
            return Some(format!("the whole home folder {path}"));
        }
        if IN_A_HOME.iter().any(|place| is_in(below, place) || is_in(place, below)) {
            return Some(format!("{path}, which holds keys or files that run at login"));
        }
        // A project below a home that is not /root.
        if !is_in(path, "/root") {
            return None;
        }
    }
    INSIDE.iter().find(|place| is_in(path, place)).map(|place| {
        if path == *place { format!("{path} of the host") } else { format!("{path}, inside {place} of the host") }
    })
}

/// Devices and folders that many programs need, and that lead to neither the disks nor the memory of the host: graphics, FUSE, the log's
/// socket; to read only, the kernel's modules and cgroups.
pub fn is_at_most_noted(path: &str, read_only: bool) -> bool {
    let path = path.trim_end_matches('/');
    let readable = ["/lib/modules", "/usr/lib/modules", "/sys/fs/cgroup"];
    is_in(path, "/dev/dri")
        || matches!(path, "/dev/fuse" | "/dev/log" | "/run/systemd/journal/dev-log")
        || read_only && readable.iter().any(|place| is_in(path, place))
}

/// Whether the path is, or is a folder of, a socket that takes orders for the host.
pub fn is_engine_socket(path: &str, engine: Option<&str>) -> bool {
    let path = path.trim_end_matches('/');
    if engine.is_some_and(|socket| socket == path) {
        return true;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if let Some(stem) = name.strip_suffix(".sock") {
        return SOCKET_NAMES.iter().any(|known| stem.contains(known));
    }
    let folders =
        ["/run/docker", "/run/containerd", "/run/podman", "/run/crio", "/run/buildkit", "/run/k3s/containerd"];
    let short = path.strip_prefix("/var").filter(|rest| is_in(rest, "/run")).unwrap_or(path);
    if folders.contains(&short) || short == "/run" {
        return true;
    }
    // A user's own: /run/user/1000, where rootless engines listen.
    let user = short.strip_prefix("/run/user/").is_some_and(|rest| {
        let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
        id.bytes().all(|b| b.is_ascii_digit()) && matches!(below, "" | "podman" | "docker")
    });
    user || path.ends_with("/.docker/run") || path.ends_with("/.docker/desktop") || short == "/run/user"
}

/// Why reading this file or folder takes secrets of the host along; None where it does not.
pub fn holds_secrets(path: &str, home: &str) -> Option<String> {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    if HARMLESS_DEVICES.contains(&path) {
        return None;
    }
    if let Some(below) = below_home(path, home) {
        if below.is_empty() {
            return Some(format!("the whole home folder {path}, with keys and credentials"));
        }
        let kept =
            IN_A_HOME.iter().filter(|place| !matches!(**place, ".bashrc" | ".profile" | ".zshrc" | ".local/bin"));
        if let Some(place) = kept.clone().find(|place| is_in(below, place) || is_in(place, below)) {
            return Some(format!("{path}, where {place} keeps keys or credentials"));
        }
        return None;
    }
    if let Some(place) = SECRETS.iter().find(|place| is_in(path, place)) {
        return Some(format!("{path}, inside {place} of the host"));
    }
    SECRETS.iter().find(|place| is_in(place, path)).map(|place| format!("{path}, with {place} in it"))
}

/// Why writing here changes the host; None where it does not.
pub fn runs_the_host(path: &str, home: &str) -> Option<String> {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    if HARMLESS_DEVICES.contains(&path) {
        return None;
    }
    if let Some(below) = below_home(path, home).or_else(|| below_home(path, "/root")) {
        // A new file in a home is no more than a new file.
        let place = IN_A_HOME.iter().find(|place| is_in(below, place))?;
        return Some(format!("{path}, where {place} decides who may log in or what runs at login"));
    }
    if let Some(place) = INSIDE.iter().find(|place| is_in(path, place)) {
        return Some(format!("{path}, inside {place} of the host"));
    }
    if ROOTS.contains(&path) && !matches!(path, "/home" | "/Users" | "/var" | "/run") {
        return Some(format!("{path} of the host"));
    }
    // A file directly in /etc decides over the host more often than not.
    is_in(path, "/etc").then(|| format!("{path}, a setting of the host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_a_host_away() {
        let home = "/home/ann";
        assert_eq!(gives_away("/", false, home).as_deref(), Some("the whole file system of the host"));
        for path in [
            "/",
            "/etc",
            "/root",
            "/root/x",
            "/home",
            "/home/ann",
            "/home/bob",
            "/home/ann/.ssh",
            "/home/bob/.aws/config",
            "/boot",
            "/dev",
            "/dev/sda",
            "/proc",
            "/proc/sys",
            "/sys",
            "/usr",
            "/usr/bin",
            "/lib/modules",
            "/var",
            "/var/lib",
            "/var/lib/docker",
            "/var/lib/docker/volumes/x",
            "/etc/passwd",
            "/etc/cron.d/x",
            "/etc/ssh",
            "/etc/docker/daemon.json",
        ] {
            assert!(gives_away(path, false, home).is_some(), "{path}");
        }
        for path in [
            "/home/ann/project",
            "/home/bob/src/app",
            "/srv",
            "/srv/data",
            "/opt/app",
            "/var/log",
            "/var/log/app",
            "/mnt/disk",
            "/etc/nginx/nginx.conf",
            "/etc/prometheus",
            "/var/lib/mysql",
            "/tmp",
            "/data",
            "/usr/share/nginx/html",
            "/dev/null",
        ] {
            assert!(gives_away(path, false, home).is_none(), "{path}");
        }
        assert!(gives_away("/etc/localtime", true, home).is_none());
        assert!(gives_away("/etc/ssl/certs", true, home).is_none());
    }

    #[test]
    fn sockets() {
        for path in [
            "/var/run/docker.sock",
            "/run/docker.sock",
            "/run/containerd/containerd.sock",
            "/run/containerd",
            "/var/run",
            "/run/user/1000/docker.sock",
            "/run/user/1000",
            "/run/podman/podman.sock",
            "/home/a/.docker/run/docker.sock",
        ] {
            assert!(is_engine_socket(path, None), "{path}");
        }
        assert!(is_engine_socket("/tmp/e.sock", Some("/tmp/e.sock")));
        for path in ["/run/mysqld/mysqld.sock", "/tmp", "/var/run/app", "/run/user/1000/bus"] {
            assert!(!is_engine_socket(path, None), "{path}");
        }
        assert_eq!(without_proc_root("/proc/1/root/var/run/docker.sock"), "/var/run/docker.sock");
        assert_eq!(without_proc_root("/proc/self/root"), "/");
    }
}
