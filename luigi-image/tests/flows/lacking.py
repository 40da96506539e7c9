# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
import no_such_library  # noqa: F401
