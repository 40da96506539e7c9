# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2016
#
# The local cluster as a whole: its folder, its namespaces, its control group, its processes.

NAME=${LUIGI_CLUSTER:-dev}
[[ $NAME =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] || die "LUIGI_CLUSTER=$NAME: use up to 20 of a-z, 0-9 and -"
CLUSTER=$CACHE/cluster/$NAME
LOG=$CLUSTER/log
RUN=$CLUSTER/run
NODE=luigi-$NAME
KUBECONFIG_FILE=$CLUSTER/kubeconfig

# Everything has its own network namespace, so every cluster uses the same addresses.
NODE_ADDRESS=10.99.0.1
POD_RANGE=10.99.0.0/16
SERVICE_RANGE=10.98.0.0/16
SERVICE_ADDRESS=10.98.0.1
BRIDGE=luigi0

# Every process of the cluster lives below this control group, with those of the pods below CGROUP/kubepods.
CGROUP=luigi-operator-$NAME

# In the order of their start.
COMPONENTS=(containerd etcd forward kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy coredns)

# cgroup_roots: the mounted hierarchies: one on version 2, several on version 1 and in the mixed setup.
cgroup_roots() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts | sort -u; }

# process_cgroup: the group that holds the cluster's own processes, in the one hierarchy used for keeping track.
process_cgroup() {
  local root=/sys/fs/cgroup
  [[ ! -d $root/pids ]] || root=$root/pids
  echo "$root/$CGROUP/system"
}

# all_pids: every process of the cluster and of its pods.
all_pids() {
  local group
  group=$(dirname "$(process_cgroup)")
  [[ -d $group ]] || return 0
  find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null || true
}

make_cgroups() {
  local root
  while read -r root; do
    # The kubelet refuses a root group that is missing in any hierarchy it manages.
    mkdir -p "$root/$CGROUP" 2>/dev/null || true
  done < <(cgroup_roots)
  mkdir -p "$(process_cgroup)"
}

remove_cgroups() {
  local root
  while read -r root; do
    [[ -d $root/$CGROUP ]] || continue
    find "$root/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(cgroup_roots)
}

# pid_of COMPONENT: prints its process id when it runs. Process ids come round again, so the recorded one counts
# only while it is a member of our control group.
pid_of() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 1
  grep -qx "$pid" "$(process_cgroup)/cgroup.procs" 2>/dev/null && echo "$pid"
}

# spawn NAME COMMAND...: starts a process of the cluster on the host's side and records it.
spawn() {
  local name=$1 group fd
  shift
  group=$(process_cgroup)
  (
    # Nothing open in the caller may live on in the process, least of all a lock.
    for fd in /proc/"$BASHPID"/fd/*; do
      fd=${fd##*/}
      ((fd < 3)) || eval "exec $fd>&-"
    done
    echo "$BASHPID" >"$group/cgroup.procs"
    cd /
    ulimit -S -n "$(ulimit -H -n)"
    exec env -i PATH="$PATH" HOME="$CLUSTER" setsid "$@"
  ) </dev/null >>"$LOG/$name.log" 2>&1 &
  # The child joins the group before it becomes the command, so nothing that it starts is outside; this side does it
  # too, so that the process counts from now on.
  echo $! >"$group/cgroup.procs" 2>/dev/null || true
  echo $! >"$RUN/$name.pid"
}

# spawn_inside NAME COMMAND...: the same inside the cluster's namespaces.
# `ip netns exec` would hide the control groups behind a fresh /sys.
spawn_inside() {
  local name=$1
  shift
  spawn "$name" nsenter -t "$(pid_of namespaces)" -n -m -- "$@"
}

# inside COMMAND...: runs a command in the cluster's namespaces and waits for it.
inside() { nsenter -t "$(pid_of namespaces)" -n -m -- "$@"; }

in_own_namespaces() {
  local pid
  pid=$(pid_of namespaces) || return 2
  [[ $(readlink "/proc/$pid/ns/net") != "$(readlink /proc/self/ns/net)" ]] &&
    [[ $(readlink "/proc/$pid/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]] &&
    [[ $(readlink "/proc/$pid/exe") == "$(readlink -f "$BIN/pause")" ]]
}

# make_namespaces: a process that only waits holds a network and a mount namespace open. Nothing is pinned to a
# file, so both go when the last process in them goes.
make_namespaces() {
  spawn namespaces unshare --net --mount --propagation private -- "$BIN/pause"
  wait_for 10 "namespaces" "$LOG/namespaces.log" in_own_namespaces
  inside bash -euo pipefail -c '
    run=$1 bridge=$2 address=$3 services=$4 kubelet=$5 cache=$6
    # Mounts made here stay here; between containers and the kubelet they are passed on.
    mount --make-rshared /
    # Sockets, locks and states of the runtime, which names many of its paths itself.
    mount -t tmpfs -o mode=755 tmpfs /run
    # The paths of Unix sockets are limited to 107 characters, and the cache may lie deep.
    mkdir -p /run/kubelet
    mount --bind "$kubelet" /run/kubelet
    # Components write there whatever they are told (/var/lib/cni, /var/log/containers): of that the host sees
    # nothing. Should the cache lie below, it stays the real one.
    mkdir /run/cache
    mount --bind "$cache" /run/cache
    for path in /var/lib /var/log; do
      mkdir -p "/run/overlay$path/upper" "/run/overlay$path/work"
      mount -t overlay -o "lowerdir=$path,upperdir=/run/overlay$path/upper,workdir=/run/overlay$path/work" overlay "$path"
    done
    mount --bind /run/cache "$cache"

    # The kubelet would set these for the whole machine and leave them so: show it what it wants to see.
    while read -r name value; do
      [[ -e /proc/sys/$name ]] || continue
      echo "$value" >"$run/${name//\//.}"
      mount --bind "$run/${name//\//.}" "/proc/sys/$name"
    done <<-END
	vm/overcommit_memory 1
	vm/panic_on_oom 0
	kernel/panic 10
	kernel/panic_on_oops 1
	kernel/keys/root_maxkeys 1000000
	kernel/keys/root_maxbytes 25000000
	END

    ip link set lo up
    ip link add "$bridge" type bridge
    ip address add "$address/16" dev "$bridge"
    ip link set "$bridge" up
    # Nothing is there, but without a route a packet is dropped before the rules of kube-proxy see it: the node
    # itself could not use services, and a service without pods would not refuse connections.
    ip route add "$services" dev "$bridge"
    echo 1 >/proc/sys/net/ipv4/ip_forward
  ' make_namespaces "$RUN" "$BRIDGE" "$NODE_ADDRESS" "$SERVICE_RANGE" "$CLUSTER/kubelet" "$CACHE" >>"$LOG/namespaces.log" 2>&1 ||
    { tail -n 20 "$LOG/namespaces.log" >&2; die "the namespaces could not be prepared"; }
}

# end_all: ends every process of the cluster and takes its traces away; with them go the namespaces, and with the
# namespaces every mount, interface and iptables rule made in them.
end_all() {
  local pids end=$((SECONDS + 30))
  while pids=$(all_pids) && [[ -n $pids ]]; do
    ((SECONDS < end)) || die "these processes of the cluster cannot be ended: ${pids//$'\n'/ }"
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null || true
    sleep 0.05
  done
  end=$((SECONDS + 30))
  while remove_cgroups && cgroups_left; do
    ((SECONDS < end)) || die "the control groups named $CGROUP cannot be removed"
    sleep 0.05
  done
  rm -rf "$RUN"
}

cgroups_left() {
  local root
  while read -r root; do
    [[ ! -d $root/$CGROUP ]] || return 0
  done < <(cgroup_roots)
  return 1
}
