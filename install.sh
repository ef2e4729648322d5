#!/bin/sh
# Builds fender and puts it in front of docker.
#
#   ./install.sh                  for you:      ~/.local
#   ./install.sh --system         for everybody: /usr/local
#   ./install.sh --prefix DIR     below another folder
#   ./install.sh --uninstall      take it all away again (with the same --system or --prefix)
#
# What is put where: DIR/bin/fender, a link named docker before the real one on PATH (and docker-compose, where there
# is one), completions for bash, zsh and
# fish, and, only where PATH has to be changed, a marked line in the startup files of your shells. A file of somebody
# else's under one of these names is left alone. Running it twice is fine.
set -eu

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mark='# put here by fender install.sh'
system= uninstall= prefix=
while [ $# -gt 0 ]; do
  case $1 in
  --system) system=1 ;;
  --uninstall) uninstall=1 ;;
  --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder"; prefix=$2; shift ;;
  --prefix=*) prefix=${1#--prefix=} ;;
  -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) fail "$1 is not known; --help lists what is" ;;
  esac
  shift
done
if [ -z "$prefix" ]; then
  if [ -n "$system" ]; then prefix=/usr/local; else prefix=${HOME:?HOME is not set}/.local; fi
fi
case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac

bin=$prefix/bin program=$prefix/bin/fender own=$prefix/lib/fender
bash_completion=$prefix/share/bash-completion/completions/fender
zsh_completion=$prefix/share/zsh/site-functions/_fender
fish_completion=$prefix/share/fish/vendor_completions.d/fender.fish
if [ -n "$system" ]; then
  startup=/etc/profile.d/fender.sh
else
  startup="$HOME/.profile $HOME/.bashrc $HOME/.bash_profile $HOME/.zshrc"
fi

# Whether a file is fender's: the program itself, or a link to it.
is_ours() { [ -L "$1" ] && case $(readlink "$1") in */fender) true ;; *) false ;; esac; }

forget_lines() {
  for file in $startup; do
    [ -f "$file" ] || continue
    if grep -qF "$mark" "$file"; then
      copy=$file.fender-$$
      grep -vF "$mark" "$file" >"$copy" || true
      if [ -n "$system" ] && [ ! -s "$copy" ]; then rm -f "$file"; else cat "$copy" >"$file"; fi
      rm -f "$copy"
      # A file that we made and that is empty now goes, too.
      [ -s "$file" ] || rm -f "$file"
    fi
  done
}

if [ -n "$uninstall" ]; then
  for link in "$bin/docker" "$own/bin/docker" "$bin/docker-compose" "$own/bin/docker-compose"; do
    if is_ours "$link"; then rm -f "$link"; fi
  done
  rm -f "$program" "$bash_completion" "$zsh_completion" "$fish_completion"
  forget_lines
  for folder in "$own/bin" "$own" "$prefix/lib" "$prefix/share/bash-completion/completions" "$prefix/share/bash-completion" \
    "$prefix/share/zsh/site-functions" "$prefix/share/zsh" "$prefix/share/fish/vendor_completions.d" "$prefix/share/fish" \
    "$prefix/share" "$bin" "$prefix"; do
    rmdir "$folder" 2>/dev/null || true
  done
  say "fender is gone. Policy files stay: ~/.config/fender/policy.toml, /etc/fender/policy.toml."
  say "In shells that are open: hash -d docker (bash), rehash (zsh)."
  exit 0
fi

command -v cargo >/dev/null 2>&1 || fail "cargo is needed to build: https://rustup.rs"
say "building (two minutes the first time)"
(cd "$here" && cargo build --release --locked --quiet)
built=${CARGO_TARGET_DIR:-$here/target}/release/fender

mkdir -p "$bin"
# A running fender keeps its file: the new one is put in place whole.
cp "$built" "$program.new" && mv -f "$program.new" "$program"
say "installed  $program"

# The link goes into bin, or into a folder of its own where bin has a docker that is not ours.
links=$bin
if [ -e "$bin/docker" ] || [ -L "$bin/docker" ]; then
  if ! is_ours "$bin/docker"; then
    say "left alone $bin/docker, which is not fender's"
    links=$own/bin
  fi
fi
mkdir -p "$links"
ln -sf "$program" "$links/docker"
say "linked     $links/docker"

# Compose under its own name is guarded, too, where it is there.
has_compose() {
  old_ifs=$IFS
  IFS=:
  for folder in $PATH; do
    IFS=$old_ifs
    case $folder in /*) ;; *) continue ;; esac
    if [ -x "$folder/docker-compose" ] && ! is_ours "$folder/docker-compose"; then return 0; fi
  done
  IFS=$old_ifs
  return 1
}
if has_compose; then
  if [ ! -e "$links/docker-compose" ] && [ ! -L "$links/docker-compose" ] || is_ours "$links/docker-compose"; then
    ln -sf "$program" "$links/docker-compose"
    say "linked     $links/docker-compose"
  else
    say "left alone $links/docker-compose, which is not fender's"
  fi
fi

for pair in "bash:$bash_completion" "zsh:$zsh_completion" "fish:$fish_completion"; do
  file=${pair#*:}
  mkdir -p "$(dirname "$file")"
  "$program" completions "${pair%%:*}" >"$file"
done
say "completed  bash, zsh and fish, below $prefix/share"

# Whether the link is the first docker on PATH, but for fender's own under other folders.
comes_first() {
  old_ifs=$IFS
  IFS=:
  for folder in $PATH; do
    IFS=$old_ifs
    case $folder in /*) ;; *) continue ;; esac
    if [ "$folder" = "$links" ]; then return 0; fi
    if [ -x "$folder/docker" ] && ! is_ours "$folder/docker"; then return 1; fi
  done
  IFS=$old_ifs
  return 1
}

has_lines() {
  for file in $startup; do
    if grep -qsF "\"$links:" "$file" && grep -qsF "$mark" "$file"; then return 0; fi
  done
  return 1
}

if has_lines; then
  say "unchanged  the startup files that put $links first on PATH"
elif ! comes_first; then
  forget_lines
  line="export PATH=\"$links:\$PATH\" $mark"
  if [ -n "$system" ]; then
    say "$line" >>/etc/profile.d/fender.sh
    say "changed    /etc/profile.d/fender.sh, for PATH"
  else
    changed=
    for file in $startup; do
      # .profile is made where there is none; the others only where their shell is used.
      if [ -f "$file" ] || [ "$file" = "$HOME/.profile" ]; then
        say "$line" >>"$file"
        changed="$changed $file"
      fi
    done
    say "changed   $changed, for PATH"
  fi
  say "           in this shell:  export PATH=\"$links:\$PATH\"; hash -r"
fi

say
PATH=$links:$PATH "$program" doctor || true
