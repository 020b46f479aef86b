# What the scripts share. Sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

EDGE_ADDR=${EDGE_ADDR:-127.0.0.1:7676}
ORIGIN_ADDR=${ORIGIN_ADDR:-127.0.0.1:7678}
export EDGE_ADDR ORIGIN_ADDR

viceroy_version=0.22.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/jackstaff

viceroy=$root/target/tools/viceroy
jackstaff=$root/target/release/jackstaff
local_edge=$root/target/local-edge/wasm32-wasip1/release/edge.wasm

# What the stack that serve runs leaves for publish: keys of its environments.
stack=${JACKSTAFF_STACK:-$root/target/serve}

if [ -t 2 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain" >&2; }
# part WHAT: from here on, the script is at this part. At its end it prints how long each part took.
current='' begun=0 took=()
part() {
  end_part
  current=$1 begun=$SECONDS
  say "$1"
}
end_part() {
  [ -z "$current" ] || took+=("$(printf '%5d s  %s' $((SECONDS - begun)) "$current")")
  current=''
}
print_times() {
  end_part
  [ ${#took[@]} -gt 0 ] || return 0
  say "scripts/$(basename "$0") took $SECONDS s"
  printf '%s\n' "${took[@]}" >&2
}
trap print_times EXIT

# Records that something did not run: not_run NAME REASON. What counts it, at the end, is scripts/not-run.
not_run() {
  say "NOT RUN: $1: $2"
  printf '%s\t%s\n' "$1" "$2" >>"$JACKSTAFF_NOT_RUN"
}
# From here on, what did not run is recorded, in this script and in all that it calls. The script that was called first
# prints it in its last lines.
record_not_run() {
  [ -z "${JACKSTAFF_NOT_RUN:-}" ] || return 0
  mkdir -p target/not-run
  JACKSTAFF_NOT_RUN=$root/target/not-run/$(basename "$0")-$$
  export JACKSTAFF_NOT_RUN
  : >"$JACKSTAFF_NOT_RUN"
  trap 'print_times; scripts/not-run "$JACKSTAFF_NOT_RUN"; rm -f "$JACKSTAFF_NOT_RUN"' EXIT
}
fail() { printf 'scripts/%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || fail "needs $1: $2"; }

# install_crate CRATE VERSION FOLDER [OPTION…]: a program of crates.io, as its own lock file has it. A registry may lack one of
# those versions; then with the versions that there are.
install_crate() {
  local crate=$1 version=$2 folder=$3
  shift 3
  cargo install "$crate" --version "$version" --root "$folder" --locked "$@" >&2 && return
  say "$crate $version could not be built with its own lock file: without it"
  cargo install "$crate" --version "$version" --root "$folder" "$@" >&2
}

# The --help of a script: the comment at its top.
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }
