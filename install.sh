#!/bin/sh
# Builds fender and puts it in front of docker.
#
#   ./install.sh                  for you:       ~/.local
#   ./install.sh --system         for everybody: /usr/local
#   ./install.sh --prefix DIR     below another folder
#   ./install.sh --binary FILE    install this program instead of building one
#   ./install.sh --system --state-for USER   also create a state folder for a user without a home
#   ./install.sh --uninstall      remove what was installed (with the same --system or --prefix)
#   ./install.sh --uninstall --purge   remove the trash too: what fender kept of deleted objects
#
# It creates DIR/bin/fender, a link named docker that comes before the real docker on PATH (and docker-compose, if it is
# installed), and completions for bash, zsh and fish. If PATH has to be changed, it adds one marked line to the startup files of
# your shells. DIR/lib/fender/installed lists what it created. It does not replace files that are not fender's. You can run it
# again at any time. With --system it also creates /var/lib/fender, where root keeps its state under another user's HOME, and in
# it a folder for each member of the group docker that has no home.
set -eu
# Folders and files that others have to read, whatever the umask of the caller is; and none that others can write.
umask 022

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mark='# put here by fender install.sh'
system='' uninstall='' purge='' prefix='' binary='' state_for=''
while [ $# -gt 0 ]; do
  case $1 in
  --system) system=1 ;;
  --uninstall) uninstall=1 ;;
  --purge) purge=1 ;;
  --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder"; prefix=$2; shift ;;
  --prefix=*) prefix=${1#--prefix=} ;;
  --binary) [ $# -gt 1 ] || fail "--binary needs a file"; binary=$2; shift ;;
  --binary=*) binary=${1#--binary=} ;;
  --state-for) [ $# -gt 1 ] || fail "--state-for needs a user"; state_for="$state_for $2"; shift ;;
  --state-for=*) state_for="$state_for ${1#--state-for=}" ;;
  -h | --help) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) fail "unknown option $1 (see --help)" ;;
  esac
  shift
done
[ -z "$purge" ] || [ -n "$uninstall" ] || fail "--purge needs --uninstall"
[ -z "$state_for" ] || [ -n "$system" ] || fail "--state-for needs --system"
if [ -z "$prefix" ]; then
  if [ -n "$system" ]; then prefix=/usr/local; else prefix=${HOME:?HOME is not set}/.local; fi
fi
case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
case $prefix in
*:*) fail "PATH cannot hold a folder with a colon: $prefix" ;;
*'
'*) fail "the folder's name has a line break" ;;
esac

bin=$prefix/bin program=$prefix/bin/fender own=$prefix/lib/fender
made=$own/installed
bash_completion=$prefix/share/bash-completion/completions/fender
zsh_completion=$prefix/share/zsh/site-functions/_fender
fish_completion=$prefix/share/fish/vendor_completions.d/fender.fish

me=$(id -u)

# Nothing is done for root in another user's home: that user could put a link in the way at any time.
check_home() {
  [ -z "$system" ] && [ -d "${HOME:-}" ] && [ "$(stat -c %u "$HOME")" != "$me" ] || return 0
  fail "HOME is $HOME, which belongs to another user: use --system, or set HOME"
}
# The startup files, one a line: a home can have spaces.
startup() {
  if [ -n "$system" ]; then
    say /etc/profile.d/fender.sh
  else
    for name in .profile .bashrc .bash_profile .bash_login .zshrc; do say "$HOME/$name"; done
  fi
}

# Fails where somebody else could put a link or a file in the way: each folder and link above belongs to the caller or to root,
# and only a folder with the sticky bit, such as /tmp, may be written by everybody.
check_way() {
  way='' rest=${1#/}/
  while [ -n "$rest" ]; do
    way=$way/${rest%%/*} rest=${rest#*/}
    [ -e "$way" ] || [ -L "$way" ] || return 0
    owner=$(stat -c %u "$way")
    [ "$owner" = "$me" ] || [ "$owner" = 0 ] || fail "$way belongs to another user (number $owner)"
    if [ -L "$way" ]; then
      target=$(readlink -f "$way") || fail "$way is a link to nothing"
      (check_way "$target") || exit 1
    elif [ -d "$way" ]; then
      case $(stat -c %A "$way") in
      ????????w[!tT]*) fail "everybody can write to $way" ;;
      esac
    fi
  done
}

# The list decides what is removed: only the caller's own file counts.
check_list() {
  [ -e "$made" ] || [ -L "$made" ] || return 0
  { [ ! -L "$made" ] && [ -f "$made" ] && is_mine "$made"; } || fail "$made is not a file of yours"
}

# Whether a line stands in the list of what was made.
was_made() { grep -qsxF "$1" "$made"; }
note_made() { was_made "$1" || say "$1" >>"$made"; }

# Makes a folder and those above it, and notes each one that was not there.
make_folder() {
  [ ! -d "$1" ] || return 0
  case $1 in / | '') return 0 ;; esac
  make_folder "$(dirname "$1")"
  mkdir "$1"
  chmod 755 "$1"
  new_folders="folder $1
${new_folders-}"
}

# put FILE MODE: what comes on standard input, whole or not at all. A link under that name is replaced, not followed.
put() {
  [ ! -d "$1" ] || [ -L "$1" ] || fail "$1 is a folder"
  fresh=$(mktemp "$(dirname "$1")/.fender.XXXXXX")
  cat >"$fresh"
  chmod "$2" "$fresh"
  if [ -L "$1" ]; then rm -f "$1"; fi
  mv -f "$fresh" "$1"
}

# In single quotes, as a shell reads it back.
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# Whether a link is fender's.
is_ours() { [ -L "$1" ] && case $(readlink "$1") in */fender) true ;; *) false ;; esac; }

# Whether a file, or what a link leads to, is the caller's own.
is_mine() { [ "$(stat -Lc %u "$1" 2>/dev/null)" = "$me" ]; }

# A startup file that is not there, or one of the caller's own that can be written, also through a link.
may_change() { { [ ! -e "$1" ] && [ ! -L "$1" ]; } || { [ -f "$1" ] && [ -w "$1" ] && is_mine "$1"; }; }

# What fender only remembers of commands, notes and programs is of no use without it. What it kept of deleted objects stays.
forget_commands() {
  if [ -d "$state" ] && [ ! -L "$state" ] && is_mine "$state" && (check_way "$state") 2>/dev/null; then
    rm -rf "$state/last" "$state/notes.json" "$state/plugins.json" "$state/clients.json"
    # Folders that hold something else stay.
    rmdir "$state" "${state%/*}" 2>/dev/null || true
  fi
}

forget_lines() {
  startup | while IFS= read -r file; do
    grep -qsF "$mark" "$file" || continue
    if ! may_change "$file"; then say "left alone $file, which is not yours or cannot be written"; continue; fi
    copy=$(mktemp)
    # A line break that was put before our line goes with it.
    awk -v mark="$mark" '
      index($0, mark) { if (index($0, mark " (and the line break before it)")) joined = 1; next }
      { if (seen) printf "\n"; printf "%s", $0; seen = 1; joined = 0 }
      END { if (seen && !joined) printf "\n" }' "$file" >"$copy"
    cat "$copy" >"$file"
    rm -f "$copy"
    if [ ! -s "$file" ] && was_made "file $file"; then rm -f "$file"; fi
  done
}

state=${XDG_STATE_HOME:-${HOME:-}/.local/state}/fender
if [ "$me" = 0 ] && { [ -n "$system" ] || [ -z "${HOME:-}" ]; }; then state=/var/lib/fender; fi

if [ -n "$uninstall" ]; then
  check_home
  check_way "$own"
  check_list
  for link in "$bin/docker" "$own/bin/docker" "$bin/docker-compose" "$own/bin/docker-compose"; do
    if is_ours "$link"; then rm -f "$link"; fi
  done
  forget_lines
  forget_commands
  if [ -f "$made" ]; then
    list=$(cat "$made")
    printf '%s\n' "$list" | while IFS= read -r line; do
      case $line in
      */../*) ;;
      "file $prefix/"*) rm -f "${line#file }" ;;
      esac
    done
    rm -f "$made"
    # Folders, the innermost first; one that holds something of somebody else's stays.
    printf '%s\n' "$list" | sed -n 's/^folder //p' | awk '{print length($0) "\t" $0}' | sort -rn | cut -f2- | while IFS= read -r folder; do
      rmdir "$folder" 2>/dev/null || true
    done
  else
    # Put there by a version that kept no list: the files, and the one folder that can only be fender's.
    rm -f "$program" "$bash_completion" "$zsh_completion" "$fish_completion"
    rmdir "$own/bin" "$own" 2>/dev/null || true
  fi
  say "fender is uninstalled."
  if [ -n "$purge" ]; then
    if [ -L "$state" ]; then
      say "left alone $state, which is a link"
    elif [ -e "$state" ] && ! (check_way "$state") 2>/dev/null; then
      say "left alone $state: others can write a folder above it"
    elif [ -d "$state" ] && is_mine "$state"; then
      rm -rf "$state"
      say "removed    $state: the trash and fender's other state"
    elif [ -e "$state" ]; then
      say "left alone $state, which is not yours"
    fi
  elif [ -d "$state" ]; then
    say "not removed $state: the trash and fender's other state ($(du -sh "$state" 2>/dev/null | cut -f1)); to remove it: --uninstall --purge"
  fi
  for policy in "${XDG_CONFIG_HOME:-${HOME:-}/.config}/fender/policy.toml" /etc/fender/policy.toml; do
    if [ -e "$policy" ]; then say "not removed $policy"; fi
  done
  if [ -n "$system" ]; then say "not removed each user's own trash, in ~/.local/state/fender"; fi
  say "In open shells: hash -d docker (bash), rehash (zsh)."
  exit 0
fi

# Folders for fender's state where there is no home for it. Only root can write to the folder that holds them, so nobody can
# create another user's. Each one has its user's number and mode 700.
users=/var/lib/fender/users
accounts() { getent passwd 2>/dev/null || cat /etc/passwd; }
group() { getent group docker 2>/dev/null || grep '^docker:' /etc/group; }
homeless() {
  say "$state_for" | tr ' ' '\n'
  gid=$(group | cut -d: -f3)
  [ -n "$gid" ] || return 0
  members=$(group | cut -d: -f4 | tr ',' '\n'; accounts | awk -F: -v gid="$gid" '$4 == gid {print $1}')
  accounts | while IFS=: read -r name _ uid _ _ home _; do
    if [ "$uid" != 0 ] && [ ! -d "$home" ] && say "$members" | grep -qxF -- "$name"; then say "$name"; fi
  done
}
# The users, after everything that stands in the way was looked at.
check_state_folders() {
  check_way "$users"
  homeless | sort -u | while IFS= read -r name; do
    [ -n "$name" ] || continue
    uid=$(id -u -- "$name" 2>/dev/null) || fail "there is no user $name"
    folder=$users/$uid
    if [ -L "$folder" ] || { [ -e "$folder" ] && [ "$(stat -c %u "$folder")" != "$uid" ]; }; then
      fail "$folder does not belong to $name"
    fi
    say "$name"
  done
}
make_state_folders() {
  make_folder "$users"
  chmod 755 /var/lib/fender "$users"
  for name in $1; do
    uid=$(id -u -- "$name")
    [ ! -e "$users/$uid" ] || continue
    mkdir -m 700 "$users/$uid"
    new_folders="folder $users/$uid
$new_folders"
    chown "$uid:$(id -g -- "$name")" "$users/$uid"
    say "created    $users/$uid, for $name, who has no home"
  done
}

check_home
check_list
for way in "$bin" "$own/bin" "$(dirname "$bash_completion")" "$(dirname "$zsh_completion")" "$(dirname "$fish_completion")"; do
  check_way "$way"
done

homeless_users=''
if [ -n "$system" ] && [ "$me" = 0 ]; then homeless_users=$(check_state_folders); fi

# A release has the program beside this script; the sources have Cargo.toml.
if [ -z "$binary" ] && [ ! -e "$here/Cargo.toml" ] && [ -x "$here/fender" ]; then binary=$here/fender; fi
if [ -n "$binary" ]; then
  [ -f "$binary" ] || fail "$binary is not a file"
  built=$(mktemp)
  trap 'rm -f "$built"' EXIT
  cat "$binary" >"$built"
  chmod 755 "$built"
  case $("$built" --version 2>/dev/null) in
  "fender "*) ;;
  *) fail "$binary is not fender, or does not run on this machine" ;;
  esac
else
  needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -1)
  command -v cargo >/dev/null 2>&1 || fail "building needs Rust $needed or newer (https://rustup.rs); with a built program, use --binary FILE"
  has=$(cd "$here" && cargo --version | cut -d' ' -f2)
  if [ "$(printf '%s\n%s\n' "$needed" "$has" | sort -t. -k1,1n -k2,2n -k3,3n | head -1)" != "$needed" ]; then
    fail "building needs Rust $needed or newer, and this is $has: run rustup update, or use --binary FILE with a built program"
  fi
  say "building   with Rust $has ($needed or newer is needed); the first build takes some minutes"
  # A program for musl starts sooner in front of every command: it is made where Rust and the C compiler for it are installed.
  musl=$(uname -m)-unknown-linux-musl
  built=${CARGO_TARGET_DIR:-$here/target}
  if ls "$(cd "$here" && rustc --print target-libdir --target "$musl" 2>/dev/null)"/libstd-*.rlib >/dev/null 2>&1 &&
    command -v musl-gcc >/dev/null 2>&1; then
    say "           for $musl"
    (cd "$here" && cargo build --release --locked --target "$musl")
    built=$built/$musl/release/fender
  else
    (cd "$here" && cargo build --release --locked)
    built=$built/release/fender
  fi
fi

new_folders=''
make_folder "$own"
printf %s "$new_folders" >>"$made"
chmod 644 "$made"
new_folders=''
for folder in "$bin" "$(dirname "$bash_completion")" "$(dirname "$zsh_completion")" "$(dirname "$fish_completion")"; do make_folder "$folder"; done

# A running fender keeps its file: the new one is put in place whole.
put "$program" 755 <"$built"
note_made "file $program"
say "installed  $program"

# The link goes into bin, or into a folder of its own where bin has a docker that is not ours.
links=$bin
if { [ -e "$bin/docker" ] || [ -L "$bin/docker" ]; } && ! is_ours "$bin/docker"; then
  say "left alone $bin/docker, which is not fender's"
  links=$own/bin
  make_folder "$links"
fi
if [ -n "$system" ] && [ "$me" = 0 ]; then make_state_folders "$homeless_users"; fi
printf '%s' "$new_folders" >>"$made"

put_link() {
  if is_ours "$1"; then rm -f "$1"; fi
  ln -s "$program" "$1"
  say "linked     $1"
}
put_link "$links/docker"

# The absolute folders of PATH, one a line.
path_folders() { printf '%s\n' "$PATH" | tr ':' '\n' | grep '^/' || true; }

# Compose under its own name is guarded, too, where it is there.
has_compose() {
  path_folders | {
    while IFS= read -r folder; do
      if [ -x "$folder/docker-compose" ] && ! is_ours "$folder/docker-compose"; then exit 0; fi
    done
    exit 1
  }
}
if has_compose; then
  if [ ! -e "$links/docker-compose" ] && [ ! -L "$links/docker-compose" ] || is_ours "$links/docker-compose"; then
    put_link "$links/docker-compose"
  else
    say "left alone $links/docker-compose, which is not fender's"
  fi
fi

for pair in "bash:$bash_completion" "zsh:$zsh_completion" "fish:$fish_completion"; do
  file=${pair#*:}
  if [ -e "$file" ] && ! was_made "file $file" && ! grep -q _fender "$file"; then
    say "left alone $file, which is not fender's"
    continue
  fi
  "$program" completions "${pair%%:*}" | put "$file" 644
  note_made "file $file"
done
say "completion for bash, zsh and fish, in $prefix/share"

# Whether the link is the first docker on PATH, but for fender's own under other folders.
comes_first() {
  path_folders | {
    while IFS= read -r folder; do
      if [ "$folder" = "$links" ]; then exit 0; fi
      if [ -x "$folder/docker" ] && ! is_ours "$folder/docker"; then exit 1; fi
    done
    exit 1
  }
}

line="export PATH=$(quoted "$links"):\"\$PATH\" $mark"
has_lines() { startup | while IFS= read -r file; do grep -qsF "$line" "$file" && say yes; done | grep -q yes; }

if has_lines; then
  say "unchanged  the startup files that put $links first on PATH"
elif ! comes_first; then
  forget_lines
  startup | while IFS= read -r file; do
    # The first one is made where it is not there; the others belong to shells that are used.
    if [ ! -e "$file" ] && [ ! -L "$file" ]; then
      case $file in */.profile | /etc/*) ;; *) continue ;; esac
      say "$line" | put "$file" 644
      note_made "file $file"
    elif ! may_change "$file"; then
      say "left alone $file, which is not yours or cannot be written"
      continue
    elif [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
      printf '\n%s (and the line break before it)\n' "$line" >>"$file"
    else
      say "$line" >>"$file"
    fi
    say "changed    $file: it puts $links first on PATH"
  done
  say "           in this shell:  export PATH=$(quoted "$links"):\"\$PATH\"; hash -r"
fi

say
PATH=$links:$PATH "$program" doctor || true
