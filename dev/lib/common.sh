# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# Functions and variables for all scripts of dev/: paths, progress and errors.

DEV=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=versions.sh
source "$DEV/lib/versions.sh"

CACHE=${LUIGI_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/luigi-operator}
ARCH=$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac)
# The directory layout that kube-api-test expects.
BIN=$CACHE/k8s/$KUBERNETES_VERSION-linux-$ARCH

STARTED=$EPOCHREALTIME

# seconds_since EPOCHREALTIME: prints e.g. 12.3
seconds_since() {
  local us=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
  printf '%d.%d' $((us / 1000000)) $((us % 1000000 / 100000))
}

# say TEXT: prints one line of progress with the seconds since the start of the script.
say() { printf '[%6ss] %s\n' "$(seconds_since "$STARTED")" "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# run_isolated LOG COMMAND...: runs a command with its output in LOG, and sets STATUS. The command has its own process
# group, which is stopped when this script gets a signal: a command that is only started with & ignores Ctrl-C.
run_isolated() {
  local log=$1
  shift
  STATUS=0
  trap stop_isolated INT TERM HUP
  set -m
  # In the background, because bash ignores errexit in conditions.
  "$@" </dev/null >"$log" 2>&1 &
  set +m
  wait $! || STATUS=$?
  trap - INT TERM HUP
}

# stop_isolated: stops the command of run_isolated, waits until it has cleaned up, and exits.
stop_isolated() {
  local group end=$((SECONDS + 60))
  trap '' INT TERM HUP
  for group in $(jobs -p); do
    kill -TERM -- "-$group" 2>/dev/null || true
    while group_exists "$group"; do
      ((SECONDS < end)) || { kill -KILL -- "-$group"; break; }
      sleep 0.1
    done
  done
  exit 130
}

# group_exists GROUP: whether the process group has a process that is not a zombie.
group_exists() { ps -e -o pgid=,stat= | awk -v group="$1" '$1 == group && $2 !~ /^Z/ { found = 1 } END { exit !found }'; }

# step TEXT LOG COMMAND...: runs a command, prints its duration, and on failure the end of its log.
step() {
  local text=$1 log=$2 begun=$EPOCHREALTIME
  say "$text ..."
  run_isolated "$log" "${@:3}"
  if ((STATUS != 0)); then
    printf -- '--- end of %s\n' "$log" >&2
    tail -n 40 "$log" >&2
    die "$text failed after $(seconds_since "$begun") s"
  fi
  say "$text: $(seconds_since "$begun") s"
}

# wait_for SECONDS TEXT LOG COMMAND...: repeats the command until it succeeds. Fails with the end of the log after the
# deadline, or if the command returns 2, which means that it cannot succeed any more.
wait_for() {
  local limit=$1 text=$2 log=$3 begun=$EPOCHREALTIME status
  shift 3
  local end=$((SECONDS + limit))
  while true; do
    status=0
    "$@" >/dev/null 2>&1 || status=$?
    ((status == 0)) && break
    if ((status == 2 || SECONDS >= end)); then
      printf -- '--- end of %s\n' "$log" >&2
      tail -n 40 "$log" >&2 || true
      ((status != 2)) || die "$text: the process has ended"
      die "$text: timed out after $limit s"
    fi
    sleep 0.1
  done
  say "$text: $(seconds_since "$begun") s"
}

need_root() {
  [[ $EUID == 0 ]] || die "$(basename "$0") needs root, because it creates namespaces, mounts and root file systems: run it with sudo"
}

# need PROGRAM...: fails if a program is missing, and prints how to install it.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || die "$program is missing: run dev/prerequisites"
  done
}

# find_jdk: prints the home of a JDK 25, which the build requires: from JAVA_HOME, from /usr/lib/jvm, or from the javac
# in PATH.
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

# use_jdk: sets the JDK for Maven.
use_jdk() {
  JAVA_HOME=$(find_jdk) || die "no JDK 25 found in JAVA_HOME, /usr/lib/jvm or PATH: install one, or set JAVA_HOME"
  export JAVA_HOME PATH=$JAVA_HOME/bin:$PATH
}
