# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A module whose import ends the process without an exception."""

import os

os._exit(0)
