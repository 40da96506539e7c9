# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
#
# The front door. Everything is behind it: what a target needs it installs, and says how long each step took.

.PHONY: demo test bench audit clean

# On a throw-away cluster made for it; CONTEXT=name uses a cluster of yours instead.
demo:
	@dev/demo

# Every test; the last one ends the local clusters, as clean does.
test:
	@dev/test

# Measures the operator beside bare Jobs and prints the table of goals; at most 20 minutes. See bench/README.md.
bench:
	@bench/run

# The pinned Maven, Python and Go versions for which there is a newer release.
audit:
	@dev/audit

# Ends the local clusters and removes their data and what was built here; the caches of binaries and images stay.
clean:
	@dev/clean
