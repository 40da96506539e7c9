# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A module whose import takes longer than any test."""

import time

from flows.pipeline import note

note("importing")
time.sleep(600)
