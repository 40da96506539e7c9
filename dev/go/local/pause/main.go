// Copyright The luigi-operator authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command pause waits until it gets SIGINT or SIGTERM. It is the first process of every pod and keeps the namespaces of
// the pod open. It also keeps the namespaces of the local cluster open.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		// In a pod that shares its process namespace, orphans become children of this process.
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}
