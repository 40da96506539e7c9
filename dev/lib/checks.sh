# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Functions for the tests of dev/: results of checks, and what a cluster may leave on the machine.

passed=0

pass() {
  passed=$((passed + 1))
  say "ok: $*"
}

fail() {
  say "FAILED: $*"
  exit 1
}

# expect TEXT WANTED COMMAND...: checks that the command prints the wanted output.
expect() {
  local text=$1 wanted=$2 got
  shift 2
  got=$("$@" 2>&1) || true
  [[ $got == "$wanted" ]] || fail "$text: wanted '$wanted', got '$got'"
  pass "$text"
}

# print_counts: prints the line that dev/tests/summary reads.
print_counts() { echo "$passed passed, 0 failed"; }

# leftovers CLUSTER: prints what exists of a cluster on the machine; nothing if the cluster is down. Only what contains
# the name of this cluster or this cache counts, because the machine may have other users.
leftovers() {
  local pid
  # By control group, and by command line for processes that have left it. Grep reads the pattern from its input;
  # otherwise it would find its own command line.
  # shellcheck disable=SC2062
  for pid in $(find /sys/fs/cgroup -path "*/luigi-operator-$1/*cgroup.procs" -exec cat {} + 2>/dev/null) \
    $(grep -lsaF --file=- /proc/[0-9]*/cmdline <<<"$CACHE/cluster/$1/" | cut -d/ -f3); do
    echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-150)"
  done | sort -u
  awk -v folder="$CACHE/cluster/$1/" 'index($2, folder) || index($4, folder) { print "mount " $2 }' /proc/mounts
  find /sys/fs/cgroup -type d -name "luigi-operator-$1" -printf 'control group %p\n'
  [[ ! -e $CACHE/cluster/$1 ]] || echo "folder $CACHE/cluster/$1"
}

# machine_state: prints the state of the machine that no cluster may change.
machine_state() {
  echo "interfaces:"
  ip -o link show | awk -F': ' '{ print $2 }'
  echo "network namespaces:"
  ip netns list
  echo "firewall:"
  iptables-save 2>/dev/null | grep -v '^#' | grep -c KUBE || true
  echo "folders and kernel settings:"
  stat -c %n /var/lib/cni /var/log/containers /var/log/pods /var/lib/kubelet /opt/containerd 2>/dev/null || true
  # The folder itself, with a lock, is made by the first build of an image with buildah.
  find /etc/cni/net.d -mindepth 1 -not -name cni.lock 2>/dev/null || true
  sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys \
    net.ipv4.ip_forward net.netfilter.nf_conntrack_max 2>/dev/null || true
}

# expect_same_machine_state BEFORE: checks that the state is the same as in BEFORE.
expect_same_machine_state() {
  diff <(echo "$1") <(machine_state) >&2 || fail "the state of the machine has changed"
  pass "interfaces, firewall, folders and kernel settings are unchanged"
}
