# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the operator on a real control plane; bench/README.md says what is measured."""
