# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
#
# The front door. Everything is behind it: what a target needs it installs, and says how long each step took.

.PHONY: demo test clean

# On a throw-away cluster made for it; CONTEXT=name uses a cluster of yours instead.
demo:
	@dev/with-jdk dev/demo

test:
	@dev/with-jdk dev/test

# Ends the local cluster and removes its data and what was built here; the caches of binaries and images stay.
clean:
	@dev/with-jdk dev/clean
