# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A Luigi pipeline for departure delays from the airports of New York in 2013. One run is for one carrier and day."""
