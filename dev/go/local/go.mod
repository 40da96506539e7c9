// Copyright The luigi-operator authors
// SPDX-License-Identifier: Apache-2.0

// Small programs of the local cluster that need nothing but the standard library.
module luigi-operator.io/dev/local

go 1.25.0
