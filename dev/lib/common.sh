# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# What every script of dev/ shares: where things are kept, and how progress and failures are shown.

DEV=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=versions.sh
source "$DEV/lib/versions.sh"

CACHE=${LUIGI_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/luigi-operator}
ARCH=$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac)
# The layout is the one kube-api-test expects, so that tests find an API server here too.
BIN=$CACHE/k8s/$KUBERNETES_VERSION-linux-$ARCH

STARTED=$EPOCHREALTIME

# seconds_since EPOCHREALTIME: prints e.g. 12.3
seconds_since() {
  local us=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
  printf '%d.%d' $((us / 1000000)) $((us % 1000000 / 100000))
}

# say TEXT: one line of progress, stamped with the seconds since the script began.
say() { printf '[%6ss] %s\n' "$(seconds_since "$STARTED")" "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step TEXT LOG COMMAND...: runs a command quietly, shows how long it took, and on failure the end of its log.
step() {
  local text=$1 log=$2 begun=$EPOCHREALTIME status=0
  shift 2
  say "$text ..."
  # In the background, because bash ignores errexit in whatever runs as a condition.
  "$@" >"$log" 2>&1 &
  wait $! || status=$?
  if ((status != 0)); then
    printf -- '--- the end of %s\n' "$log" >&2
    tail -n 40 "$log" >&2
    die "$text failed after $(seconds_since "$begun") s"
  fi
  say "$text: $(seconds_since "$begun") s"
}

# wait_for SECONDS TEXT LOG COMMAND...: asks until the command succeeds. Past the deadline, or when the command
# returns 2 because waiting has become pointless, shows the end of the log.
wait_for() {
  local limit=$1 text=$2 log=$3 begun=$EPOCHREALTIME status
  shift 3
  local end=$((SECONDS + limit))
  while true; do
    status=0
    "$@" >/dev/null 2>&1 || status=$?
    ((status == 0)) && break
    if ((status == 2 || SECONDS >= end)); then
      printf -- '--- the end of %s\n' "$log" >&2
      tail -n 40 "$log" >&2 || true
      ((status != 2)) || die "$text: it ended"
      die "$text: not within $limit s"
    fi
    sleep 0.1
  done
  say "$text: $(seconds_since "$begun") s"
}

need_root() {
  [[ $EUID == 0 ]] || die "$(basename "$0") needs root (it makes namespaces, mounts and root file systems): run it with sudo"
}

# need PROGRAM...: every program must be there, else says how to get it.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || die "$program is missing: run dev/prerequisites"
  done
}

# find_java: prints the home of a JDK 25 or later, the way make looks for it.
find_java() {
  local home
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/*25* /usr/lib/jvm/*; do
    [[ -x $home/bin/javac ]] || continue
    "$home/bin/javac" -version 2>&1 | grep -qE '^javac (2[5-9]|[3-9][0-9])' && { echo "$home"; return; }
  done
  return 1
}
