# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one attempt of a Luigi pipeline and reports its outcome."""

# luigi_worker.py overrides private members of exactly this version.
LUIGI_VERSION = "3.8.1"
