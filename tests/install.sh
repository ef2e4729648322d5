#!/usr/bin/env bash
# Installs and takes away: for a user with a home of its own, for everybody, with odd umasks, names, links and owners. What was
# there stays, and nothing else is left.
#
# The first installation builds; FENDER_TEST_BINARY=FILE takes that program instead.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
fail() { echo "tests/install.sh: $*" >&2; exit 1; }
has() { grep -qF -- "$1" "$place/out" || { cat "$place/out" >&2; fail "it does not say: $1"; }; }

export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
cargo_folder=$(dirname "$(command -v cargo)")
mkdir -p "$place/real"
printf '#!/bin/sh\nif [ "$1" = version ]; then echo 28.5.2; elif [ "$1" = --version ]; then echo "Docker version 28.5.2, build x"; else echo "real: $*"; fi\n' >"$place/real/docker"
chmod +x "$place/real/docker"
path=$place/real:$cargo_folder:/usr/bin:/bin

# A fresh home, in $home.
new_home() { home=$place/$1; mkdir -p "$home"; printf '# mine\n' >"$home/.bashrc"; }
# Only what a shell of that user has.
run() {
  env -i HOME="$home" PATH="$path" SHELL=/bin/bash DOCKER_HOST=unix:///nonexistent CARGO_HOME="$CARGO_HOME" RUSTUP_HOME="$RUSTUP_HOME" \
    ${CARGO_TARGET_DIR:+CARGO_TARGET_DIR="$CARGO_TARGET_DIR"} "$@" >"$place/out" 2>&1
}
built=${FENDER_TEST_BINARY:-${CARGO_TARGET_DIR:-$PWD/target}/release/fender}
install() { run ./install.sh --binary "$built" "$@" || { cat "$place/out" >&2; fail "install.sh $*"; }; }
# A new shell of that user finds fender, which finds the real one and stops what it should.
guards() {
  local said
  said=$(env -i HOME="$home" PATH="$path" bash -c '. "$HOME/.bashrc"; docker ps -a')
  [ "$said" = "real: ps -a" ] || fail "a new shell says: $said"
  said=$(env -i HOME="$home" PATH="$path" DOCKER_HOST=unix:///nonexistent setsid --wait bash -c '. "$HOME/.bashrc"; docker run -v /:/h x' 2>&1) && fail "not guarded: $said"
  case $said in *host-mount*) ;; *) fail "not guarded: $said" ;; esac
}

# Twice for a user, and away.
new_home ann
cp "$home/.bashrc" "$place/before"
if [ -n "${FENDER_TEST_BINARY:-}" ]; then
  install
else
  run ./install.sh || { cat "$place/out" >&2; fail "building"; }
  has "or newer is needed"
fi
has "fender, and the first docker on PATH"
has "the real client is $place/real/docker 28.5.2"
[ "$(grep -c fender "$home/.bashrc")" = 1 ] || fail ".bashrc has not its one line"
install
[ "$(grep -c fender "$home/.bashrc")" = 1 ] || fail ".bashrc has more than its one line"
guards
for file in share/bash-completion/completions/fender share/zsh/site-functions/_fender share/fish/vendor_completions.d/fender.fish; do
  [ -s "$home/.local/$file" ] || fail "no $file"
done
run ./install.sh --uninstall
[ ! -e "$home/.local" ] || fail "left: $(find "$home/.local")"
cmp -s "$home/.bashrc" "$place/before" || fail ".bashrc is not as it was"
[ ! -e "$home/.profile" ] || fail ".profile is left"

# A docker and a completion of somebody else's in the way are left alone; so are folders that were there, even empty ones.
mkdir -p "$home/prefix/bin" "$home/prefix/share/zsh/site-functions" "$home/prefix/lib"
cp "$place/real/docker" "$home/prefix/bin/docker"
echo mine >"$home/prefix/share/zsh/site-functions/_fender"
(cd "$home/prefix" && find . | sort) >"$place/there"
install --prefix "$home/prefix"
has "left alone $home/prefix/bin/docker"
has "left alone $home/prefix/share/zsh/site-functions/_fender"
[ -L "$home/prefix/lib/fender/bin/docker" ] || fail "no link beside it"
guards
run ./install.sh --prefix "$home/prefix" --uninstall
(cd "$home/prefix" && find . | sort) | diff "$place/there" - || fail "the folder is not as it was"
cmp -s "$place/real/docker" "$home/prefix/bin/docker" || fail "somebody else's docker is gone"

# A startup file without a line break at its end, an empty one, and one that is a link into the user's own files.
new_home ben
printf 'alias x=y' >"$home/.bashrc"
: >"$home/.profile"
printf '# of mine\n' >"$home/dotfile"
ln -s dotfile "$home/.zshrc"
install
guards
[ -L "$home/.zshrc" ] || fail "the link was replaced"
grep -q fender "$home/dotfile" || fail "the linked file has no line"
run ./install.sh --uninstall
[ "$(cat "$home/.bashrc" && echo .)" = "alias x=y." ] || fail ".bashrc is not as it was: $(cat "$home/.bashrc")"
[ -e "$home/.profile" ] && [ ! -s "$home/.profile" ] || fail "the empty .profile is not as it was"
[ -L "$home/.zshrc" ] && [ "$(cat "$home/dotfile")" = "# of mine" ] || fail "the linked file is not as it was"

# Names that mean something to a shell are quoted.
new_home cleo
odd="$home/it's \$(touch pwned) \`touch pwned\` \"x\" & y"
mkdir "$odd"
install --prefix "$odd"
cd "$home"
guards
[ ! -e pwned ] || fail "a folder's name was run"
cd - >/dev/null
install --prefix "$odd"
[ "$(grep -c fender "$home/.bashrc")" = 1 ] || fail "the odd folder's line is there more than once"
run ./install.sh --prefix "$odd" --uninstall
[ "$(find "$odd" | wc -l)" = 1 ] || fail "left: $(find "$odd")"

# Modes do not depend on the umask: others can run it, and nobody else can write it.
for mask in 077 000 027; do
  new_home "mask$mask"
  (umask $mask && install --prefix "$home/prefix")
  [ -z "$(find "$home/prefix" ! -type l -perm /022)" ] || fail "umask $mask: others can write $(find "$home/prefix" ! -type l -perm /022)"
  [ -z "$(find "$home/prefix" -type d ! -perm 755)" ] || fail "umask $mask: $(find "$home/prefix" -type d ! -perm 755 -ls)"
  [ -z "$(find "$home/prefix" -type f ! -perm -444)" ] || fail "umask $mask: $(find "$home/prefix" -type f ! -perm -444 -ls)"
  [ "$(stat -c %a "$home/prefix/bin/fender")" = 755 ] || fail "umask $mask: the program"
done

# Links that somebody planted are replaced or refused, never followed.
new_home dora
mkdir -p "$home/prefix/bin" "$home/prefix/share/bash-completion/completions" "$home/prefix/lib/fender"
echo safe >"$home/victim"
ln -s "$home/victim" "$home/prefix/bin/fender"
ln -s "$home/victim" "$home/prefix/share/bash-completion/completions/fender"
install --prefix "$home/prefix"
[ "$(cat "$home/victim")" = safe ] || fail "a link was followed"
has "left alone $home/prefix/share/bash-completion/completions/fender"
mkdir -p "$home/open/bin"
chmod 777 "$home/open/bin"
run ./install.sh --binary "$built" --prefix "$home/open" && fail "it installs where everybody can write"
has "everybody can write to $home/open/bin"
[ -z "$(find "$home/open" -type f -o -type l)" ] || fail "left: $(find "$home/open")"

# A list that somebody changed removes nothing but what it may: no file elsewhere, and no list of somebody else's counts.
new_home dirk
install --prefix "$home/prefix"
echo safe >"$home/victim"
printf 'file %s\nfile %s\n' "$home/prefix/../victim" "$home/victim" >>"$home/prefix/lib/fender/installed"
run ./install.sh --prefix "$home/prefix" --uninstall
[ "$(cat "$home/victim")" = safe ] || fail "a changed list removed a file elsewhere"
mkdir -p "$home/prefix/lib/fender"
ln -s "$home/victim" "$home/prefix/lib/fender/installed"
run ./install.sh --binary "$built" --prefix "$home/prefix" && fail "it writes through a planted list"
has "$home/prefix/lib/fender/installed is not a file of yours"
run ./install.sh --prefix "$home/prefix" --uninstall && fail "it reads a planted list"
[ "$(cat "$home/victim")" = safe ] || fail "a planted list was followed"

# A folder's name that is a pattern is a name.
new_home don
mkdir -p "$home/pre[f]ix/bin" "$home/prefix/bin"
install --prefix "$home/pre[f]ix"
has "changed    $home/.bashrc"
guards
path="$home/pre[f]ix/bin:$path" install --prefix "$home/pre[f]ix"
run ./install.sh --prefix "$home/pre[f]ix" --uninstall
[ "$(cat "$home/.bashrc")" = "# mine" ] || fail ".bashrc is not as it was"

# The trash stays and is said; --purge removes it.
new_home emil
install
mkdir -p "$home/.local/state/fender/trash/entries/1"
run ./install.sh --uninstall
has "not removed $home/.local/state/fender"
[ -d "$home/.local/state/fender/trash/entries/1" ] || fail "the trash is gone"
install
run ./install.sh --uninstall --purge
[ ! -e "$home/.local/state/fender" ] || fail "the trash is left"
run ./install.sh --purge && fail "--purge alone"

# What it is built from and with is said before anything is built.
new_home fred
mkdir -p "$place/old"
printf '#!/bin/sh\n[ "$1" = --version ] || { echo built >&2; exit 1; }\necho "cargo 1.70.0 (x 2023-05-25)"\n' >"$place/old/cargo"
chmod +x "$place/old/cargo"
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -1)
path=$place/old:$path run ./install.sh && fail "it builds with an old Rust"
has "building needs Rust $needed or newer, and this is 1.70.0"
[ ! -e "$home/.local" ] || fail "an installation that failed left $(find "$home/.local")"
# Where Rust and the C compiler for musl are installed the program is made for musl, otherwise for the host.
musl=$(uname -m)-unknown-linux-musl
mkdir -p "$place/musl/lib" "$place/built/release" "$place/built/$musl/release"
touch "$place/musl/lib/libstd-1.rlib"
cat >"$place/musl/rustc" <<EOF
#!/bin/sh
[ "\$*" = "--print target-libdir --target $musl" ] || exit 1
echo "$place/musl/lib"
EOF
cat >"$place/musl/cargo" <<EOF
#!/bin/sh
[ "\$1" != --version ] || { echo "cargo $needed.0 (x 2026-01-01)"; exit; }
echo "cargo \$*" >&2
EOF
printf '#!/bin/sh\n' >"$place/musl/musl-gcc"
chmod +x "$place/musl/rustc" "$place/musl/cargo" "$place/musl/musl-gcc"
cp "$built" "$place/built/release/fender"
cp "$built" "$place/built/$musl/release/fender"
new_home gerd
CARGO_TARGET_DIR=$place/built path=$place/musl:$path run ./install.sh
has "for $musl"
has "cargo build --release --locked --target $musl"
rm "$place/musl/lib/libstd-1.rlib" "$place/built/$musl/release/fender"
new_home gesa
CARGO_TARGET_DIR=$place/built path=$place/musl:$path run ./install.sh
grep -qF "$musl" "$place/out" && fail "it builds for musl, which is not there"
new_home fred
path=/usr/bin:/bin run ./install.sh && fail "it builds without Rust"
has "building needs Rust $needed or newer"
run ./install.sh --binary "$place/real/docker" && fail "it installs another program"
has "is not fender"

if [ "$(id -u)" = 0 ]; then
  # Somebody else's folder on the way, and somebody else's home.
  mkdir -p "$place/theirs/bin"
  chown 65534 "$place/theirs"
  run ./install.sh --binary "$built" --prefix "$place/theirs" && fail "it installs into another user's folder"
  has "$place/theirs belongs to another user"
  ln -s "$place/theirs" "$home/through"
  run ./install.sh --binary "$built" --prefix "$home/through" && fail "it follows a link into another user's folder"
  new_home gina
  chown 65534 "$home"
  run ./install.sh --binary "$built" && fail "root installs into another user's home"
  has "belongs to another user"
  run ./install.sh --prefix "$place/own" --uninstall --purge && fail "root uninstalls in another user's home"
  has "belongs to another user"
  # A link on the way to the state, which somebody else planted, leads --purge nowhere.
  mkdir -p "$place/precious/fender" "$place/shared/state"
  chown 65534 "$place/shared"
  ln -s "$place/precious" "$place/shared/link"
  new_home gabi
  install
  run env XDG_STATE_HOME="$place/shared/link" ./install.sh --uninstall --purge
  [ -d "$place/precious/fender" ] || fail "--purge follows a planted link"
  has "left alone $place/shared/link/fender"
  # A startup file that its own user cannot write is left alone, and the rest is installed.
  new_home gustav
  chmod 444 "$home/.bashrc"
  cp "$built" "$place/built-for-all"
  chmod 755 "$place/built-for-all"
  chown -R 65534 "$home"
  run setpriv --reuid 65534 --regid 65534 --clear-groups sh ./install.sh --binary "$place/built-for-all" || fail "a read-only .bashrc"
  has "left alone $home/.bashrc"
  [ "$(cat "$home/.bashrc")" = "# mine" ] || fail "a read-only .bashrc was changed"
  # For everybody, with a strict umask, in folders of its own: another user finds it.
  new_home root
  cat >"$place/system" <<'IN'
set -eu
mount -t tmpfs -o mode=755 none /usr/local
mkdir /usr/local/bin /usr/local/share
mount -t tmpfs -o mode=755 none /etc/profile.d
mount -t tmpfs -o mode=755 none /var/lib
# Two users without a home, one of whom may use docker, and one with a home.
cp /etc/passwd /etc/group "$HOME"
printf 'svc:x:64990:64990::/nonexistent:/bin/sh\nother:x:64991:64991::/nonexistent:/bin/sh\nanna:x:64992:64992::/tmp:/bin/sh\n' >>"$HOME/passwd"
grep -v '^docker:' /etc/group >"$HOME/group" || true
printf 'docker:x:64999:svc,anna\n' >>"$HOME/group"
mount --bind "$HOME/passwd" /etc/passwd
mount --bind "$HOME/group" /etc/group
users=/var/lib/fender/users
as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --clear-groups env -i PATH="$PATH" "$@"; }
# Somebody planted a folder, or a link: nothing is installed over it.
mkdir -p "$users"
ln -s /tmp "$users/64990"
if ./install.sh --system --binary "$BUILT" 2>"$HOME/said"; then exit 1; fi
grep -q "$users/64990 does not belong to svc" "$HOME/said"
[ -z "$(find /usr/local /etc/profile.d -type f -o -type l)" ]
rm "$users/64990"
chown 64991 "$users"
if ./install.sh --system --binary "$BUILT" 2>"$HOME/said"; then exit 1; fi
grep -q "$users belongs to another user" "$HOME/said"
rm -r /var/lib/fender
umask 077
./install.sh --system --binary "$BUILT"
umask 022
[ "$(stat -c '%a %u' /var/lib/fender "$users" "$users/64990" | tr '\n' ' ')" = '755 0 755 0 700 64990 ' ]
[ "$(ls "$users")" = 64990 ]
# It is theirs alone, and no one makes another's.
as 64990 /usr/local/bin/fender trash list | grep -q 'the trash is empty'
[ "$(stat -c '%a %u' "$users/64990/trash")" = '700 64990' ]
if as 64991 mkdir "$users/64991" 2>/dev/null; then exit 1; fi
if as 64991 ls "$users/64990" 2>/dev/null; then exit 1; fi
if as 64991 /usr/local/bin/fender trash list 2>"$HOME/said"; then exit 1; fi
grep -q 'the trash cannot be read' "$HOME/said"
./install.sh --system --binary "$BUILT" --state-for other
as 64991 /usr/local/bin/fender trash list | grep -q 'the trash is empty'
if ./install.sh --system --binary "$BUILT" --state-for nosuch 2>"$HOME/said"; then exit 1; fi
grep -q 'there is no user nosuch' "$HOME/said"
# What root keeps with another user's HOME makes a folder that the others can still go through.
rm -r /var/lib/fender
HOME="$THEIRS" /usr/local/bin/fender trash list | grep -q 'the trash is empty'
[ "$(stat -c '%a %u' /var/lib/fender /var/lib/fender/trash | tr '\n' ' ')" = '755 0 700 0 ' ]
rm -r /var/lib/fender
./install.sh --system --binary "$BUILT"
[ "$(stat -c %a /etc/profile.d/fender.sh /usr/local/bin/fender | tr '\n' ' ')" = '644 755 ' ]
said=$(setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '. /etc/profile.d/fender.sh; docker ps -a')
[ "$said" = "real: ps -a" ]
./install.sh --system --uninstall
[ -d /usr/local/bin ] && [ -d /usr/local/share ]
[ "$(find /var/lib -mindepth 1 | wc -l)" = 0 ]
[ -z "$(find /usr/local /etc/profile.d -type f -o -type l)" ]
[ "$(find /usr/local -mindepth 1 | wc -l)" = 2 ]
IN
  mkdir "$place/theirhome"
  chown 65534 "$place/theirhome"
  run env BUILT="$built" THEIRS="$place/theirhome" unshare --mount sh "$place/system" || { cat "$place/out" >&2; fail "for everybody"; }
fi
echo "installed and taken away: what was there is there, nothing else is left"
