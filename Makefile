# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
#
# Entry points. Each target installs what it needs and prints the duration of each step.

.PHONY: demo test soak bench bench-ticks audit clean

# Runs the demo on a temporary local cluster, or with CONTEXT=name on an existing cluster.
demo:
	@dev/demo

# Runs all tests. The last one stops the local clusters, as clean does.
test:
	@dev/test

# Searches deeper than test where that is possible: cron times, the TLA+ model, the simulation; about an hour.
soak:
	@dev/soak

# Measures the operator beside bare Jobs and prints the table of goals; at most 20 minutes. See bench/README.md.
bench:
	@bench/run

# Measures schedules: 10,000 cron times in one second, 5,000 idle schedules, and CronJobs beside them; at most 12 minutes.
bench-ticks:
	@bench/run ticks

# The pinned Maven, Python and Go versions for which there is a newer release.
audit:
	@dev/audit

# Stops the local clusters, and removes their data and the build output. Keeps the caches of binaries and images.
clean:
	@dev/clean
