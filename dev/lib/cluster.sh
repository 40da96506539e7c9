# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2016
#
# The local cluster: its folder, namespaces, control group and processes.

NAME=${LUIGI_CLUSTER:-dev}
[[ $NAME =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] || die "LUIGI_CLUSTER=$NAME: use up to 20 of a-z, 0-9 and -"
CLUSTER=$CACHE/cluster/$NAME
LOG=$CLUSTER/log
RUN=$CLUSTER/run
NODE=luigi-$NAME
KUBECONFIG_FILE=$CLUSTER/kubeconfig

# Every cluster has its own network namespace, so all of them use the same addresses.
NODE_ADDRESS=10.99.0.1
POD_RANGE=10.99.0.0/16
SERVICE_RANGE=10.98.0.0/16
SERVICE_ADDRESS=10.98.0.1
BRIDGE=luigi0

# All processes of the cluster are in this control group; those of pods are in CGROUP/kubepods.
CGROUP=luigi-operator-$NAME

# In start order.
COMPONENTS=(containerd etcd forward kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy coredns)

# cgroup_roots: the mounted cgroup hierarchies: one with version 2, several with version 1 and in hybrid mode.
cgroup_roots() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts | sort -u; }

# process_cgroup: the control group of the components, in the one hierarchy that identifies processes.
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

# pid_of COMPONENT: prints its process id if it runs. Process ids are reused, so the recorded one is valid only if it is
# in the control group of the cluster.
pid_of() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 1
  grep -qx "$pid" "$(process_cgroup)/cgroup.procs" 2>/dev/null && echo "$pid"
}

# spawn NAME COMMAND...: starts a process of the cluster in the namespaces of the host, and records its id.
spawn() {
  local name=$1 group fd
  shift
  group=$(process_cgroup)
  (
    # Close the open files of the caller, in particular locks.
    for fd in /proc/"$BASHPID"/fd/*; do
      fd=${fd##*/}
      ((fd < 3)) || eval "exec $fd>&-"
    done
    echo "$BASHPID" >"$group/cgroup.procs"
    cd /
    ulimit -S -n "$(ulimit -H -n)"
    exec env -i PATH="$PATH" HOME="$CLUSTER" setsid "$@"
  ) </dev/null >>"$LOG/$name.log" 2>&1 &
  # The child joins the group before it executes the command, so all its children are in the group. The parent also
  # moves it, so that pid_of finds it immediately.
  echo $! >"$group/cgroup.procs" 2>/dev/null || true
  echo $! >"$RUN/$name.pid"
}

# spawn_inside NAME COMMAND...: the same in the namespaces of the cluster.
# Not with `ip netns exec`, which mounts a new /sys without the control groups.
spawn_inside() {
  local name=$1
  shift
  spawn "$name" nsenter -t "$(pid_of namespaces)" -n -m -- "$@"
}

# inside COMMAND...: runs a command in the namespaces of the cluster and waits for it.
inside() { nsenter -t "$(pid_of namespaces)" -n -m -- "$@"; }

in_own_namespaces() {
  local pid
  pid=$(pid_of namespaces) || return 2
  [[ $(readlink "/proc/$pid/ns/net") != "$(readlink /proc/self/ns/net)" ]] &&
    [[ $(readlink "/proc/$pid/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]] &&
    [[ $(readlink "/proc/$pid/exe") == "$(readlink -f "$BIN/pause")" ]]
}

# make_namespaces: starts a process that keeps a network and a mount namespace open. They are not bound to files, so
# they disappear with their last process.
make_namespaces() {
  spawn namespaces unshare --net --mount --propagation private -- "$BIN/pause"
  wait_for 10 "namespaces" "$LOG/namespaces.log" in_own_namespaces
  inside bash -euo pipefail -c '
    run=$1 bridge=$2 address=$3 services=$4 kubelet=$5 cache=$6
    # Mounts do not propagate to the host, but between containers and the kubelet.
    mount --make-rshared /
    # For sockets, locks and state of the container runtime, which uses fixed paths.
    mount -t tmpfs -o mode=755 tmpfs /run
    # Paths of Unix sockets are limited to 107 characters, and the path of the cache may be long.
    mkdir -p /run/kubelet
    mount --bind "$kubelet" /run/kubelet
    # Components write to fixed paths there (/var/lib/cni, /var/log/containers). The overlay hides this from the host.
    # The cache may be below these paths, so it is mounted again.
    mkdir /run/cache
    mount --bind "$cache" /run/cache
    for path in /var/lib /var/log; do
      mkdir -p "/run/overlay$path/upper" "/run/overlay$path/work"
      mount -t overlay -o "lowerdir=$path,upperdir=/run/overlay$path/upper,workdir=/run/overlay$path/work" overlay "$path"
    done
    mount --bind /run/cache "$cache"

    # The kubelet would change these settings of the whole machine, so it gets files with the values that it expects.
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
    # Without a route, packets are dropped before the rules of kube-proxy apply: the node could not use services, and
    # services without pods would not refuse connections.
    ip route add "$services" dev "$bridge"
    echo 1 >/proc/sys/net/ipv4/ip_forward
  ' make_namespaces "$RUN" "$BRIDGE" "$NODE_ADDRESS" "$SERVICE_RANGE" "$CLUSTER/kubelet" "$CACHE" >>"$LOG/namespaces.log" 2>&1 ||
    { tail -n 20 "$LOG/namespaces.log" >&2; die "cannot set up the namespaces"; }
}

# end_all: kills all processes of the cluster and removes its control groups. The namespaces disappear with the
# processes, and with them all mounts, interfaces and iptables rules.
end_all() {
  local pids end=$((SECONDS + 30))
  while pids=$(all_pids) && [[ -n $pids ]]; do
    ((SECONDS < end)) || die "cannot kill these processes of the cluster: ${pids//$'\n'/ }"
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null || true
    sleep 0.05
  done
  end=$((SECONDS + 30))
  while remove_cgroups && cgroups_left; do
    ((SECONDS < end)) || die "cannot remove the control groups $CGROUP"
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
