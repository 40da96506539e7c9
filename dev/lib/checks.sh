# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of dev/ share: how a check passes or fails, and what a cluster could leave on the machine.

passed=0

pass() {
  passed=$((passed + 1))
  say "ok: $*"
}

fail() {
  say "FAILED: $*"
  exit 1
}

# expect TEXT WANTED COMMAND...: the command's output is the wanted one.
expect() {
  local text=$1 wanted=$2 got
  shift 2
  got=$("$@" 2>&1) || true
  [[ $got == "$wanted" ]] || fail "$text: wanted '$wanted', got '$got'"
  pass "$text"
}

# the_end: the line that dev/tests/summary looks for.
the_end() { echo "$passed passed, 0 failed"; }

# remains CLUSTER: prints what there is of a cluster on the machine, which is nothing when it is down. Others work here
# too, so only what names this cluster and this cache counts.
remains() {
  local pid
  # By their control groups, and by their words for one that has left them. Grep reads the words from its input: among
  # its own it would find itself.
  # shellcheck disable=SC2062
  for pid in $(find /sys/fs/cgroup -path "*/luigi-operator-$1/*cgroup.procs" -exec cat {} + 2>/dev/null) \
    $(grep -lsaF --file=- /proc/[0-9]*/cmdline <<<"$CACHE/cluster/$1/" | cut -d/ -f3); do
    echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-150)"
  done | sort -u
  awk -v folder="$CACHE/cluster/$1/" 'index($2, folder) || index($4, folder) { print "mount " $2 }' /proc/mounts
  find /sys/fs/cgroup -type d -name "luigi-operator-$1" -printf 'control group %p\n'
  [[ ! -e $CACHE/cluster/$1 ]] || echo "folder $CACHE/cluster/$1"
}

# surroundings: prints what belongs to the machine and what no cluster may change, wherever it runs.
surroundings() {
  echo "interfaces:"
  ip -o link show | awk -F': ' '{ print $2 }'
  echo "network namespaces:"
  ip netns list
  echo "firewall:"
  iptables-save 2>/dev/null | grep -v '^#' | grep -c KUBE || true
  echo "folders and kernel settings:"
  stat -c %n /var/lib/cni /var/log/containers /var/log/pods /var/lib/kubelet /etc/cni/net.d /opt/containerd 2>/dev/null || true
  sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys \
    net.ipv4.ip_forward net.netfilter.nf_conntrack_max 2>/dev/null || true
}

# same_surroundings BEFORE: they are as they were when BEFORE was printed.
same_surroundings() {
  diff <(echo "$1") <(surroundings) >&2 || fail "the machine is not as it was before"
  pass "interfaces, firewall, folders and kernel settings are as before"
}
