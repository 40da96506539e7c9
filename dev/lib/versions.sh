# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# The versions of everything dev/ makes. Those of Go modules are pinned in dev/go/*/go.mod;
# dev/binaries refuses to build when the two disagree.

KUBERNETES_VERSION=1.35.4
ETCD_VERSION=3.6.16
COREDNS_VERSION=1.14.7
HELM_VERSION=4.3.2
KWOK_VERSION=0.8.0

# The tag of our own images, the same for all of them.
IMAGE_VERSION=0.1.0

# The Debian releases under the images. MySQL comes from unstable because no stable release carries it;
# unstable cannot be pinned, so the server is whatever 9.x is there, and scripts print which.
DEBIAN_RELEASE=trixie
MYSQL_RELEASE=sid
