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

# apart LOG COMMAND...: runs a command quietly and leaves its status in STATUS. It has a process group of its own, which
# ends when this script is told to: what a script starts with & ignores Ctrl-C and would live on.
apart() {
  local log=$1
  shift
  STATUS=0
  trap end_apart INT TERM HUP
  set -m
  # In the background, because bash ignores errexit in whatever runs as a condition.
  "$@" </dev/null >"$log" 2>&1 &
  set +m
  wait $! || STATUS=$?
  trap - INT TERM HUP
}

# end_apart: ends what runs apart, waits until it has cleaned up, and ends this script.
end_apart() {
  local group end=$((SECONDS + 60))
  trap '' INT TERM HUP
  for group in $(jobs -p); do
    kill -TERM -- "-$group" 2>/dev/null || true
    while group_lives "$group"; do
      ((SECONDS < end)) || { kill -KILL -- "-$group"; break; }
      sleep 0.1
    done
  done
  exit 130
}

# group_lives GROUP: whether it has a process that is not merely waiting to be buried.
group_lives() { ps -e -o pgid=,stat= | awk -v group="$1" '$1 == group && $2 !~ /^Z/ { found = 1 } END { exit !found }'; }

# step TEXT LOG COMMAND...: runs a command quietly, shows how long it took, and on failure the end of its log.
step() {
  local text=$1 log=$2 begun=$EPOCHREALTIME
  say "$text ..."
  apart "$log" "${@:3}"
  if ((STATUS != 0)); then
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

# find_jdk: prints the home of a JDK 25, the version the build is made for: that of JAVA_HOME, one where Linux puts it, or
# the one on the PATH.
find_jdk() {
  local home
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/*25* "$(readlink -f "$(command -v javac)" | sed 's,/bin/javac$,,')"; do
    if [[ -x $home/bin/javac ]] && grep -qs '^JAVA_VERSION="25' "$home/release"; then
      echo "$home"
      return
    fi
  done
  return 1
}

# use_jdk: Maven runs on it too.
use_jdk() {
  JAVA_HOME=$(find_jdk) || die "no JDK 25 in JAVA_HOME, under /usr/lib/jvm or on the PATH: install one, or set JAVA_HOME"
  export JAVA_HOME PATH=$JAVA_HOME/bin:$PATH
}
