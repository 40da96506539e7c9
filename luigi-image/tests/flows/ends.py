# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A module whose import ends the process with exit code 0."""

import sys

sys.exit()
