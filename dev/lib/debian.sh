# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Root file systems of Debian releases, made by debootstrap.

# debian_mirror: the mirror this machine's apt uses, or nothing (then debootstrap takes its own default).
debian_mirror() {
  # The dollar names are apt's own placeholders.
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && $2 == "Debian" && $3 == "main" { print $4; exit }'
}

# debian_root RELEASE PACKAGES DIR: unpacks a minimal root. Packages are separated by commas and may be none.
debian_root() {
  local release=$1 packages=$2 dir=$3 proxy mirror
  # debootstrap does not read apt's configuration, and a proxy may be the only way to the mirror.
  proxy=$(apt-config dump --format '%v' Acquire::http::Proxy 2>/dev/null || true)
  mirror=$(debian_mirror)
  rm -rf "$dir.partial"
  env ${proxy:+"http_proxy=$proxy"} debootstrap --variant=minbase ${packages:+"--include=$packages"} \
    "$release" "$dir.partial" ${mirror:+"$mirror"}
  # Nothing of this is of use in an image.
  rm -rf "$dir.partial"/var/cache/apt/*.bin "$dir.partial"/var/cache/apt/archives/*.deb \
    "$dir.partial"/var/lib/apt/lists/* "$dir.partial"/var/log/bootstrap.log \
    "$dir.partial"/usr/share/{doc,man,info,locale,lintian}/*
  # An image is made as a whole or not at all: installing need not wait for the disk after each file.
  echo force-unsafe-io >"$dir.partial/etc/dpkg/dpkg.cfg.d/unsafe-io"
  echo 'Acquire::Languages "none";' >"$dir.partial/etc/apt/apt.conf.d/no-languages"
  # These two were copied from this machine.
  rm -f "$dir.partial"/etc/{resolv.conf,hostname}
  mv -T "$dir.partial" "$dir"
}

# recipe FILE...: a short hash of what a root is made by, so that a changed recipe gives another one.
recipe() { cat "${BASH_SOURCE[0]}" "$DEV/lib/versions.sh" "$@" | sha256sum | cut -c1-12; }
