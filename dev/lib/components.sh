# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Configuration and command lines of the components of the local cluster. They listen in the network namespace of the
# cluster; the forwarder makes the port of the API server available on the loopback interface of the host.

PKI=$CLUSTER/pki
CONF=$CLUSTER/conf
PAUSE_IMAGE=docker.io/luigi-operator/pause:$IMAGE_VERSION
CONTAINERD_SOCKET=/run/containerd/containerd.sock

api_port() { cat "$RUN/port"; }

# write FILE: writes standard input to a file that only its owner can read. Does not touch a file with the same content,
# because kube-proxy watches its configuration file and exits when it is written.
write() {
  (umask 077 && cat >"$1.partial")
  if cmp -s "$1.partial" "$1"; then rm "$1.partial"; else mv -T "$1.partial" "$1"; fi
}

# kubeconfig FILE CONTEXT USER: writes a kubeconfig with the embedded certificate of the user.
kubeconfig() {
  local file=$1 context=$2 user=$3
  write "$file" <<END
apiVersion: v1
kind: Config
clusters:
- name: $context
  cluster:
    server: https://127.0.0.1:$(api_port)
    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
- name: $context-$user
  user:
    client-certificate-data: $(base64 -w0 "$PKI/$user.crt")
    client-key-data: $(base64 -w0 "$PKI/$user.key")
contexts:
- name: $context
  context:
    cluster: $context
    user: $context-$user
current-context: $context
END
}

# configure: writes all configuration files, at each start.
configure() {
  local user
  mkdir -p "$CONF/cni"
  for user in kube-controller-manager kube-scheduler kubelet kube-proxy coredns; do
    kubeconfig "$CONF/$user.kubeconfig" "$NODE" "$user"
  done
  kubeconfig "$KUBECONFIG_FILE" "$NODE" admin

  write "$CONF/audit.yaml" <<END
# Records all writes without their content, so that tests can count and order them.
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources:
  - {group: coordination.k8s.io, resources: [leases]}
  - {group: "", resources: [events]}
  - {group: events.k8s.io, resources: [events]}
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
END

  write "$CONF/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
address: $NODE_ADDRESS
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
clusterDNS: [$NODE_ADDRESS]
clusterDomain: cluster.local
# The namespace has no external network, so it cannot use the name servers of the host.
resolvConf: ""
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
# Some machines have only cgroup version 1.
failCgroupV1: false
enforceNodeAllocatable: []
failSwapOn: false
maxPods: 250
podLogsDir: $CLUSTER/pod-logs
volumePluginDir: /run/kubelet/volume-plugins
# Images are imported locally; after garbage collection they could not be pulled again.
imageGCHighThresholdPercent: 100
# A nearly full disk of a development machine must not evict pods.
evictionHard: {memory.available: 100Mi, nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
END

  write "$CONF/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: $NODE
clientConnection: {kubeconfig: $CONF/kube-proxy.kubeconfig}
# The connection tracking table belongs to the machine, so do not change its size.
conntrack: {maxPerCore: 0, min: 0}
# Pods share one bridge. Without this, replies go directly from pod to pod without translation of the service address,
# unless the host has loaded br_netfilter.
iptables: {masqueradeAll: true}
END

  write "$CONF/containerd.toml" <<END
version = 2
root = "$CLUSTER/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  # Without CAP_SYS_RESOURCE, processes cannot lower their OOM score, and no pod would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$CONF/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
END

  # Address leases are in /run, so leases of pods that ended with the cluster disappear.
  write "$CONF/cni/10-luigi.conflist" <<END
{"cniVersion": "1.0.0", "name": "luigi", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-addresses", "routes": [{"dst": "0.0.0.0/0"}],
     "ranges": [[{"subnet": "$POD_RANGE", "rangeStart": "10.99.1.0", "gateway": "$NODE_ADDRESS"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
END

  write "$CONF/Corefile" <<END
cluster.local:53 in-addr.arpa:53 {
  bind $NODE_ADDRESS
  errors
  health 127.0.0.1:8080
  ready 127.0.0.1:8181
  cache 5
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $CONF/coredns.kubeconfig $NODE
    ttl 5
  }
}
END
}

# start_component NAME: starts it, without waiting until it is ready.
start_component() {
  # The default of 20 requests per second (burst 30) would limit all workloads with Jobs: the Job controller needs about
  # six requests for every attempt.
  local eager=(--kube-api-qps=500 --kube-api-burst=1000)
  case $1 in
    containerd) spawn_inside containerd containerd --config "$CONF/containerd.toml" ;;
    etcd)
      # Without fsync, data is lost if the machine crashes, which is acceptable here, but not if the process is killed.
      spawn_inside etcd "$BIN/etcd" --name "$NODE" --data-dir "$CLUSTER/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
        --initial-cluster "$NODE=http://127.0.0.1:2380" --auto-compaction-retention 30m
      ;;
    forward) start_forward ;;
    kube-apiserver)
      spawn_inside kube-apiserver "$BIN/kube-apiserver" \
        --etcd-servers=http://127.0.0.1:2379 \
        --secure-port="$(api_port)" --advertise-address="$NODE_ADDRESS" \
        --service-cluster-ip-range="$SERVICE_RANGE" \
        --tls-cert-file="$PKI/kube-apiserver.crt" --tls-private-key-file="$PKI/kube-apiserver.key" \
        --client-ca-file="$PKI/ca.crt" \
        --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --kubelet-client-certificate="$PKI/kubelet-client.crt" --kubelet-client-key="$PKI/kubelet-client.key" \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local \
        --service-account-key-file="$PKI/service-account.pub" \
        --service-account-signing-key-file="$PKI/service-account.key" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
        --audit-policy-file="$CONF/audit.yaml" --audit-log-path="$LOG/audit.log" \
        --audit-log-maxsize=100 --audit-log-maxbackup=1
      ;;
    kube-controller-manager)
      spawn_inside kube-controller-manager "$BIN/kube-controller-manager" \
        --kubeconfig="$CONF/kube-controller-manager.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false \
        --use-service-account-credentials=true --root-ca-file="$PKI/ca.crt" \
        --service-account-private-key-file="$PKI/service-account.key" "${eager[@]}"
      ;;
    kube-scheduler)
      spawn_inside kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$CONF/kube-scheduler.kubeconfig" \
        --bind-address=127.0.0.1 --leader-elect=false "${eager[@]}"
      ;;
    kubelet)
      spawn_inside kubelet "$BIN/kubelet" --config="$CONF/kubelet.yaml" --kubeconfig="$CONF/kubelet.kubeconfig" \
        --root-dir=/run/kubelet --hostname-override="$NODE" --node-ip="$NODE_ADDRESS"
      ;;
    kube-proxy) spawn_inside kube-proxy "$BIN/kube-proxy" --config="$CONF/kube-proxy.yaml" ;;
    coredns) spawn_inside coredns "$BIN/coredns" -conf "$CONF/Corefile" ;;
    *) die "no such component: $1 (there are: ${COMPONENTS[*]})" ;;
  esac
}

# start_forward: uses the same port after a restart of the cluster, if it is still free.
start_forward() {
  local wanted
  wanted=$(cat "$CLUSTER/port" 2>/dev/null || echo 16443)
  rm -f "$RUN/port"
  spawn forward "$BIN/forward" -listen "127.0.0.1:$wanted" -namespace "$(pid_of namespaces)" -port-file "$RUN/port"
  wait_for 10 "forwarder" "$LOG/forward.log" test -s "$RUN/port"
  cp "$RUN/port" "$CLUSTER/port"
}
