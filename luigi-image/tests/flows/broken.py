# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
raise KeyError("a module that cannot be imported")
