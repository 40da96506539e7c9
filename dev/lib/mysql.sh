# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Runs programs of MySQL from the root file system that dev/mysql-root unpacks.

# with_root PROGRAM ARGUMENTS...: replaces this process by a program from $root with the libraries of $root. Without
# chroot, so the data can be anywhere, and the process id is that of the server.
with_root() {
  local program=$1 loader
  shift
  for loader in "$root"/lib64/ld-linux-x86-64.so.2 "$root"/lib/ld-linux-aarch64.so.1; do
    [[ -e $loader ]] && exec "$loader" --library-path "$(echo "$root"/usr/lib/*-linux-gnu)" "$root/usr/$program" "$@"
  done
  die "no dynamic loader under $root"
}
