// Copyright The luigi-operator authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command pause does nothing until it is told to stop. It is the first process of every pod, whose namespaces it
// holds open, and it holds open the namespaces of the local cluster itself.
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
