// Copyright The luigi-operator authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command forward makes one TCP port in the network namespace of the local cluster available on the host.
//
// It opens its listening socket on the loopback interface of the host and then enters the namespace. A socket keeps the
// namespace in which it was created, so the process accepts connections on the host and connects in the namespace,
// without a network device between them.
//
//	forward -listen 127.0.0.1:16443 -namespace PID -port-file FILE
//
// It forwards to the same port on the loopback interface of the namespace. If the port is in use, the kernel selects
// another one. The port is written to FILE before the process enters the namespace.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	// nsenter gets the listening socket as this file descriptor.
	inherited = 3
	// A cluster has few clients with few connections each.
	maxConnections = 1024
	dialTimeout    = 5 * time.Second
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address on the host")
	namespace := flag.Int("namespace", 0, "id of a process in the network namespace to enter")
	portFile := flag.String("port-file", "", "file that receives the port listened on")
	entered := flag.Bool("entered", false, "the socket is inherited and the namespace entered")
	flag.Parse()

	var err error
	if *entered {
		err = serve()
	} else {
		err = enter(*listen, *namespace, *portFile)
	}
	log.Fatal(err)
}

// enter opens the socket and replaces this process by one in the namespace that uses it. A namespace belongs to a
// thread, and a Go program has many threads, so it cannot change its namespace itself.
func enter(listen string, namespace int, portFile string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(listen)
		if splitErr != nil {
			return splitErr
		}
		log.Printf("%v; taking any free port", err)
		if listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return err
		}
	}
	port := listener.Addr().(*net.TCPAddr).Port
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	// A duplicate from dup3 without flags stays open across exec.
	if int(socket.Fd()) != inherited {
		if err := syscall.Dup3(int(socket.Fd()), inherited, 0); err != nil {
			return fmt.Errorf("dup: %w", err)
		}
	} else if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, inherited, syscall.F_SETFD, 0); errno != 0 {
		return errno
	}
	if err := os.WriteFile(portFile, []byte(strconv.Itoa(port)+"\n"), 0o644); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec("/usr/bin/nsenter",
		[]string{"nsenter", "-t", strconv.Itoa(namespace), "-n", "--", self, "-entered"}, os.Environ())
}

func serve() error {
	listener, err := net.FileListener(os.NewFile(inherited, "listener"))
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	target := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	log.Printf("forwarding %s to %s in the namespace", listener.Addr(), target)
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{}
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { <-slots }()
			forward(client.(*net.TCPConn), target)
		}()
	}
}

// forward copies in both directions until both sides have closed. Go sets TCP_NODELAY on every TCP connection; without
// it each request would wait 40 to 90 ms for an acknowledgement.
func forward(client *net.TCPConn, target string) {
	defer client.Close()
	dialled, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		log.Print(err)
		return
	}
	server := dialled.(*net.TCPConn)
	defer server.Close()
	done := make(chan struct{})
	go func() {
		pipe(server, client)
		close(done)
	}()
	pipe(client, server)
	<-done
}

// pipe copies data and the end of the stream, so half-closed connections work. After an error it closes both
// connections, which also ends the other direction.
func pipe(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	to.CloseWrite()
}
