# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Departure delays from the airports of New York in 2013: a Luigi pipeline, one carrier and one day per run."""
