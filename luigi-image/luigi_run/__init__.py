# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one attempt of a Luigi pipeline and says, once and truthfully, how it ended."""

# The one version whose private members luigi_worker.py overrides.
LUIGI_VERSION = "3.8.1"
