#!/usr/bin/env bash
# A real Docker Engine for the tests, from Debian's packages, without installing any of them.
#
#   tests/engine.sh fetch                 download and unpack; prints the folder of the new engine's programs
#   tests/engine.sh start NAME [new|old]  start an engine of its own network and state; prints its socket
#   tests/engine.sh kill NAME             kill it as a power cut would (SIGKILL), keeping its state
#   tests/engine.sh again NAME            start it anew on the state it has
#   tests/engine.sh stop NAME             stop it and remove its state
#   tests/engine.sh stop-all              the same for all engines of this FENDER_TEST_RUN
#   tests/engine.sh image NAME TAG        import a busybox image into the engine NAME under TAG
#   tests/engine.sh registry NAME         start a registry that the engine NAME reaches as localhost:5000
#
# new: Docker 28 of Debian sid with compose 2.40 and buildx; old: Docker 20.10 of bookworm (API 1.41). Compose 2.26 of trixie is fetched, too.
# What is fetched lies in FENDER_TEST_CACHE (default: ~/.cache/fender-tests), running engines in FENDER_TEST_RUN (default: its
# folder run/): two runs of the tests beside each other need a FENDER_TEST_RUN each. An engine that is started with the number
# of a process in FENDER_TEST_OWNER is stopped when that process is gone.
set -euo pipefail

cache=${FENDER_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fender-tests}
run=${FENDER_TEST_RUN:-$cache/run}
say() { echo "engine.sh: $*" >&2; }

# Where the machine's own apt gets Debian from: the first Debian archive its sources name.
mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
    grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | sed 's# *$##; s#/$##' | sort | uniq -c | sort -rn | awk 'NR==1 {print $2}'
}

# packages SUITE TARGET NAME…: download the packages of that suite and unpack them into TARGET.
packages() {
  local suite=$1 target=$2 apt=$cache/apt-$1
  shift 2
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs} "$target"
  local uri
  uri=$(mirror)
  [ -n "$uri" ] || { say "the machine's apt sources name no Debian archive"; exit 1; }
  local key=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$key] $uri $suite main" >"$apt/sources.list"
  local options=(
    -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none -o Acquire::Retries=3
  )
  apt-get "${options[@]}" -qq update >&2
  (cd "$apt/debs" && rm -f ./*.deb && apt-get "${options[@]}" -qq download "$@" >&2)
  local deb
  for deb in "$apt"/debs/*.deb; do dpkg -x "$deb" "$target"; done
}

# Several tests at once find a cold cache: the first one fetches, the others wait for it.
fetch() {
  if ! fetched; then
    mkdir -p "$cache"
    (flock 9 && { fetched || fetch_all; }) 9>"$cache/lock"
  fi
  echo "$cache/new/usr/bin"
}

fetched() {
  command -v iptables >/dev/null && [ -e "$cache/new/ready" ] && [ -e "$cache/old/ready" ] &&
    [ -e "$cache/compose/ready" ] && [ -e "$cache/config/config.json" ] && [ -e "$cache/busybox.tar" ]
}

fetch_all() {
  command -v iptables >/dev/null || { apt-get -qq update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y iptables >&2; }
  if [ ! -e "$cache/new/ready" ]; then
    rm -rf "$cache/new" "$cache/apt-sid"
    packages sid "$cache/new" docker.io docker-cli containerd docker-compose docker-buildx
    packages bookworm "$cache/new" runc tini busybox-static
    touch "$cache/new/ready"
  fi
  if [ ! -e "$cache/old/ready" ]; then
    rm -rf "$cache/old"
    packages bookworm "$cache/old" docker.io containerd runc tini
    touch "$cache/old/ready"
  fi
  if [ ! -e "$cache/compose/ready" ]; then
    rm -rf "$cache/compose"
    packages trixie "$cache/compose" docker-compose
    touch "$cache/compose/ready"
  fi
  rm -rf "$cache"/apt-*
  # The plugins where the client looks for them: a configuration folder of our own points there.
  mkdir -p "$cache/config"
  local plugins
  plugins=$(dirname "$(find "$cache/new" -name docker-compose -path '*cli-plugins*' | head -1)")
  printf '{"cliPluginsExtraDirs":["%s"]}\n' "$plugins" >"$cache/config/config.json.part"
  mv "$cache/config/config.json.part" "$cache/config/config.json"
  # An image without a registry: a static busybox as a tar.
  if [ ! -e "$cache/busybox.tar" ]; then
    local root
    root=$(mktemp -d)
    mkdir -p "$root"/{bin,tmp,etc,var/lib}
    cp "$(find "$cache/new" -path '*/bin/busybox' -type f | head -1)" "$root/bin/busybox"
    local applet
    for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"; done
    printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
    tar -C "$root" -cf "$cache/busybox.tar.part" . && mv "$cache/busybox.tar.part" "$cache/busybox.tar"
    rm -rf "$root"
  fi
}

start() {
  local name=$1 which=${2:-new} dir=$run/$1
  stop "$name"
  fetch >/dev/null
  mkdir -p "$dir"
  echo "$which" >"$dir/which"
  # Each rule of a firewall is a program that waits for the machine's one lock: a quarter of an engine's time. Only swarm needs them.
  local firewall="--iptables=false"
  [ "$which" = old ] || firewall+=" --ip6tables=false"
  case " ${FENDER_TEST_DOCKERD_FLAGS:-} " in *" --iptables"*) firewall="" ;; esac
  echo "$firewall ${FENDER_TEST_DOCKERD_FLAGS:-}" >"$dir/flags"
  local owner=${FENDER_TEST_OWNER:-}
  if [ -n "$owner" ]; then
    birth "$owner"
    echo "$owner $born" >"$dir/owner"
    setsid "$0" watch "$name" >/dev/null 2>&1 </dev/null &
  fi
  again "$name"
}

# Puts into `born` when a process was started: its number alone may be another one's by now. Nothing is started for it, since each
# engine's watch asks again and again.
birth() {
  local line fields
  born=
  IFS= read -r line 2>/dev/null <"/proc/$1/stat" || return 0
  read -ra fields <<<"${line##*) }"
  born=${fields[19]}
}

# Stops the engine when the program that started it is gone without having stopped it (interrupted, killed).
watch() {
  local dir=$run/$1 owner now
  read -r owner <"$dir/owner"
  while read -r now 2>/dev/null <"$dir/owner" && [ "$now" = "$owner" ]; do
    birth "${owner% *}"
    if [ "${owner% *} $born" != "$owner" ]; then stop "$1"; fi
    sleep 1
  done
}

again() {
  local name=$1 dir=$run/$1
  local programs
  programs=$cache/$(cat "$dir/which")
  rm -f "$dir/pid" "$dir/docker.sock"
  # Its own network namespace, so that several engines and the machine's own do not meet. Collecting garbage is a quarter of what an engine
  # and the programs that it starts compute; they may take more memory instead.
  # shellcheck disable=SC2046 # The flags are words.
  GOGC=800 PATH="$programs/usr/sbin:$programs/usr/bin:$programs/sbin:$PATH" \
    unshare -n sh -c 'ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null; exec "$@"' sh \
    dockerd --data-root "$dir/data" --exec-root "$dir/exec" -p "$dir/pid" -H "unix://$dir/docker.sock" \
    --init-path "$programs/usr/bin/tini-static" \
    $(cat "$dir/flags") >>"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/started"
  for _ in $(seq 150); do
    if [ -S "$dir/docker.sock" ] && curl -sf --unix-socket "$dir/docker.sock" http://d/_ping >/dev/null 2>&1; then
      echo "$dir/docker.sock"
      return
    fi
    kill -0 "$(cat "$dir/started")" 2>/dev/null || break
    sleep 0.2
  done
  say "the engine did not start; the end of its log:"
  tail -20 "$dir/log" >&2
  exit 1
}

# The processes that name this engine's folder in their arguments: dockerd, containerd and the containers' shims, or only those.
engine_processes() {
  local pid
  grep -lsF "$1/" /proc/[0-9]*/cmdline | cut -d/ -f3 | while read -r pid; do
    if grep -qsE "^(${2-dockerd|containerd})" "/proc/$pid/comm"; then echo "$pid"; fi
  done || true
}

# The processes of this engine's containers: their root lies in its folder.
container_processes() {
  awk -v d="$1/" '$5 == "/" && index($0, d) {split(FILENAME, part, "/"); print part[3]}' /proc/[0-9]*/mountinfo 2>/dev/null || true
}

kill_hard() {
  local dir=$run/$1
  { engine_processes "$dir"; container_processes "$dir"; } | xargs -r kill -9 2>/dev/null || true
  sleep 0.2
  # A power cut empties /run. Docker 20.10 would wait for the number in this file, which is still taken where nobody reaps.
  rm -f "$dir/exec/containerd/containerd.pid"
}

stop() {
  local dir=$run/$1 pid
  [ -d "$dir" ] || return 0
  rm -f "$dir/owner"
  pid=$(cat "$dir/registry" 2>/dev/null) || true
  if [ -n "$pid" ] && grep -qs registry.py "/proc/$pid/cmdline"; then kill "$pid" 2>/dev/null || true; fi
  pid=$(cat "$dir/started" 2>/dev/null) || true
  if [ -n "$pid" ] && grep -qs dockerd "/proc/$pid/cmdline"; then
    kill "$pid" 2>/dev/null || true
    # An engine that ends gives its containers ten seconds; nobody needs what they would still do. Their shims tidy up after them.
    local left
    for _ in $(seq 100); do
      left=$(container_processes "$dir"; engine_processes "$dir" containerd-shim)
      [ -n "$left" ] || break
      container_processes "$dir" | xargs -r kill -9 2>/dev/null || true
      sleep 0.1
    done
  fi
  # The engine waits three seconds for a containerd that has nothing left to do. Also what a crash left, and what did not end in time.
  { engine_processes "$dir"; container_processes "$dir"; } | xargs -r kill -9 2>/dev/null || true
  # What the engine mounted and did not unmount would keep its folder from going.
  awk -v d="$dir/" 'index($2, d) == 1 {print $2}' /proc/mounts | sort -r | xargs -r -n1 umount -l
  rm -rf "$dir"
}

# Every engine of this FENDER_TEST_RUN.
stop_all() {
  local dir
  for dir in "$run"/*/; do
    if [ -e "$dir/which" ]; then stop "$(basename "$dir")"; fi
  done
}

image() {
  DOCKER_HOST="unix://$run/$1/docker.sock" "$cache/new/usr/bin/docker" import "$cache/busybox.tar" "$2" >/dev/null
}

# In the engine's own network; it goes when the engine is stopped.
registry() {
  local dir=$run/$1
  nsenter -t "$(cat "$dir/started")" -n python3 "$(dirname "$0")/support/registry.py" 5000 >"$dir/registry.log" 2>&1 </dev/null &
  echo $! >"$dir/registry"
  for _ in $(seq 100); do
    nsenter -t "$(cat "$dir/started")" -n curl -sf http://127.0.0.1:5000/v2/ >/dev/null 2>&1 && return
    sleep 0.1
  done
  say "the registry did not start"
  exit 1
}

case ${1:-} in
fetch) fetch ;;
start | again | stop | image | registry | watch) "$@" ;;
kill) kill_hard "$2" ;;
stop-all) stop_all ;;
*) sed -n '2,20s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
